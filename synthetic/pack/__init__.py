"""A pack for teams: data, what it means, what to ask of it, how to begin, and outcomes that are held back."""
