"""Who lives in a place: households from the census's, their members, where they live, and what they are called."""
