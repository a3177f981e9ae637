"""What a recipe plants among the people of a block: an inequality of record or service, and risk that nobody sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.draws import draws
from synthetic.lives.figures import Figures
from synthetic.lives.traits import Traits
from synthetic.recipe import Group, Recipe

MOST_DEPRIVED = 2  # deciles


@dataclass(frozen=True)
class Planted:
    """``served`` (n,) is the part of planned contacts that each person gets.

    ``recorded`` (n, conditions) says whether a condition is ever put on record, ``unseen`` (n,) what no record shows of
    the log of every rate.
    """

    served: NDArray[np.float64]
    recorded: NDArray[np.bool_]
    unseen: NDArray[np.float32]


def planted(recipe: Recipe, who: Traits, figures: Figures, block: int) -> Planted:
    """Return what is planted; without any, everybody is served, everything recorded, and nothing unseen.

    What is unseen leaves the mean of every rate as it is.
    """
    shape, inequality = (len(who.born), len(figures.conditions)), recipe.inequality
    served, recorded = np.ones(shape[0]), np.ones(shape, bool)
    if inequality is not None:
        group = members(inequality.group, who, figures)
        served[group] = inequality.served
        recorded[group] = draws(recipe.seed, "recorded", block).random(shape)[group] < inequality.recorded
    unseen = np.zeros(shape[0], np.float32)
    if recipe.unseen:
        unseen = draws(recipe.seed, "unseen", block).standard_normal(shape[0], np.float32) * np.float32(recipe.unseen)
        unseen -= np.float32(recipe.unseen**2 / 2)
    return Planted(served, recorded, unseen)


def members(group: Group, who: Traits, figures: Figures) -> NDArray[np.bool_]:
    """Return who belongs to the group of an inequality: the two most deprived deciles, or ethnic groups."""
    if group == "most-deprived":
        return np.asarray(who.decile < MOST_DEPRIVED)
    names = ("asian", "black", "other") if group == "minority-ethnic" else (group,)
    return np.asarray(who.fixed[:, [figures.term(name) for name in names]].any(axis=1))


__all__ = ["MOST_DEPRIVED", "Planted", "members", "planted"]
