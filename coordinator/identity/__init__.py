"""Who is this coordinator, and who is calling? Keys, certificates, and tokens that serve once."""
