"""A federation to play with: for each site the sources of its organisations, in the shapes that nodes take."""
