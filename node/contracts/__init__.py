"""Drafts of contracts from a sample of a source; each is for people to finish."""
