"""The made-up people's years up to the index date, lived by the simulator's own code; for solve.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from levels import Array, step
from numpy.typing import NDArray

from synthetic.draws import draws
from synthetic.lives.conditions import conditions
from synthetic.lives.contacts import unwritten
from synthetic.lives.figures import LAST_YEAR, YEARS_BACK, Figures
from synthetic.lives.hazards import FALLS_ADMITTED, FALLS_AT_GP, VIA_ED, hazards
from synthetic.lives.traits import Traits, terms
from synthetic.recipe import MOST_YEARS

SEED = 2026
ROUNDS = 6  # of moving the levels of a year, since contacts of one kind add to those of another


class Years:
    """Some blocks of people, what they suffer from and since when, and how many real people each stands for.

    ``figures`` are those whose levels are being solved for; their conditions are.
    """

    def __init__(self, blocks: Sequence[Traits], figures: Figures, weight: Array, day: int) -> None:
        self.blocks, self.figures, self.day = blocks, figures, day
        self.weights = np.split(weight, np.cumsum([len(block.born) for block in blocks])[:-1])
        self.onset = [
            conditions(block, figures, draws(SEED, "conditions", number), day) for number, block in enumerate(blocks)
        ]

    def live(self, turn: int) -> NDArray[np.float32]:
        """Draw all years, hold each at as many contacts a head as published, and return the columns at the end."""
        known, rng = self.figures, [draws(SEED, f"turn {turn}", number) for number in range(len(self.blocks))]
        contacts = [np.zeros((len(onset), len(LAST_YEAR)), np.float32) for onset in self.onset]
        for back in range(YEARS_BACK, 0, -1):
            first, of = self.day - 365 * back, {"back": min(back, MOST_YEARS), "before": max(back - MOST_YEARS, 0)}
            rates = [
                hazards(block, known, terms(block, known, onset, had, first), first, **of).contacts
                * (block.born < first)[:, None]
                for block, onset, had in zip(self.blocks, self.onset, contacts, strict=True)
            ]
            by = self._held(rates, first, back)
            contacts = [unwritten(known, rate * by, own) for rate, own in zip(rates, rng, strict=True)]
        columns = zip(self.blocks, self.onset, contacts, strict=True)
        return np.concatenate([terms(block, known, onset, had, self.day) for block, onset, had in columns])

    def _held(self, rates: Sequence[Array], first: int, back: int) -> Array:
        """Move the level of a year until its rates add up to the published ones, and return by what they change."""
        processes = self.figures.processes
        heads = sum(float(w @ (block.born < first)) for w, block in zip(self.weights, self.blocks, strict=True))
        sums = np.sum([weight @ rate for weight, rate in zip(self.weights, rates, strict=True)], axis=0) / heads
        by = np.zeros(len(processes))
        for _ in range(ROUNDS):
            at = {each.key: sums[place] * np.exp(by[place]) for place, each in enumerate(processes)}
            expected = np.array([at[each.key] + more(each.key, at) for each in processes])
            by += step(expected, np.array([each.begun_a_head for each in processes]))
        self.figures.years[len(self.figures.conditions) : -1, back] += by
        return np.exp(by)


def more(key: str, rates: Mapping[str, Array]) -> Array | float:
    """Return the rate at which other processes add contacts of this kind."""
    if key == "gp":
        return FALLS_AT_GP * rates["fall"]
    if key == "emergency":
        return FALLS_ADMITTED * rates["fall"]
    if key == "ed":
        return VIA_ED * rates["emergency"] + (1 - FALLS_AT_GP) * rates["fall"]
    return 0.0
