"""Data sets on the disk: written part by part, whole or not at all, and read again."""
