"""The truth about the year of follow-up: how likely each outcome was for each person, in closed form, and what came.

Rates are constant in clock time and death takes people away at a rate of its own, so every probability below is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Rates = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """One outcome of one block's people: who could have it, how likely it was (NaN for who could not), who had it."""

    eligible: NDArray[np.bool_]
    probability: NDArray[np.float32]
    happened: NDArray[np.bool_]


def outcome(eligible: NDArray[np.bool_], probability: Rates, happened: NDArray[np.bool_]) -> Outcome:
    """Return an outcome, blank for those who could not have it."""
    blank = np.where(eligible, probability, np.nan).astype(np.float32)
    return Outcome(eligible, blank, happened & eligible)


def within_a_year(rate: Rates, death: Rates) -> Rates:
    """Return the chance that something of a rate comes within the year and before death."""
    both = rate + death
    return -np.expm1(-both) * np.divide(rate, both, out=np.zeros_like(both), where=both > 0)


def none_and_alive(rate: Rates, death: Rates) -> Rates:
    """Return the chance to live through the year without anything of a rate."""
    alone: Rates = np.exp(-rate - death)
    return alone


def none_while_alive(rate: Rates, death: Rates) -> Rates:
    """Return the chance that nothing of a rate comes before death or the year's end."""
    return 1 - within_a_year(rate, death)


def at_least(wanted: int, rates: Rates, death: Rates) -> Rates:
    """Return the chance that at least ``wanted`` of the kinds of contact, (n, kinds), come in the year before death.

    Given how long somebody lives the kinds are independent, so the chance that all of a set stay away is that of their
    summed rate; inclusion and exclusion over the sets counts how many stay away (Feller, 1968, volume 1, IV.5).
    """
    kinds = rates.shape[1]
    too_many = kinds - wanted + 1  # away, when fewer than wanted came
    chance = np.ones(len(rates))
    for size in range(too_many, kinds + 1):
        ways = (-1) ** (size - too_many) * comb(size - 1, too_many - 1)
        for away in combinations(range(kinds), size):
            chance -= ways * none_while_alive(rates[:, away].sum(axis=1), death)
    return np.clip(chance, 0.0, 1.0)


__all__ = ["Outcome", "at_least", "none_and_alive", "none_while_alive", "outcome", "within_a_year"]
