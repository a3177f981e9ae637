"""The operator's command, ``hedgerow-coordinator``: it parses and prints, and the rest of the room does."""

from coordinator.command.program import app, main

__all__ = ["app", "main"]
