"""Contracts that ship, to begin with, and drafts of others from a sample; each is for people to finish."""
