"""Computations that only tests use: one that is honest, and some with a weakness planted."""
