"""The data contracts of the simulator's own tables, finished: a node takes the tables by them unchanged."""
