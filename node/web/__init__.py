"""The one thing of a node that can listen, and only when its settings say so: a monitor's questions."""
