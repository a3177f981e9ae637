"""The simulator: one block of people who never were, with their lives, and the truth about the year of follow-up."""

from __future__ import annotations

from synthetic.lives import Block, lives
from synthetic.people import people
from synthetic.priors import Priors
from synthetic.recipe import Recipe


def block(recipe: Recipe, priors: Priors, index: int) -> Block:
    """Return one block of a recipe: the same whoever asks, and whichever other blocks were asked for."""
    return lives(recipe, priors, people(recipe, priors, index), index)


__all__ = ["block"]
