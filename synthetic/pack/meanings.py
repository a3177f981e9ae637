"""What the simulator's own codes mean, for the dictionary of a pack."""

from __future__ import annotations

from synthetic.codes import codes
from synthetic.dictionary import Meanings


def meanings() -> Meanings:
    """Return what the codes of events mean, in our own words, with the system of each."""
    return {("events", "code"): {each.code: f"{each.title} ({each.system})" for each in codes()}}


__all__ = ["meanings"]
