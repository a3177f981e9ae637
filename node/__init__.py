"""Where do the records live, and who decides? An organisation's records, its people's decisions, one door out."""
