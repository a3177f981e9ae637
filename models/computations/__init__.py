"""One file for each thing that can be learned; a file's name, with hyphens, is what a study calls it."""
