"""How much counts vary when those who live together are alike: sums over households, and the deviation they give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats, Integers


class Spread:
    """Of some kinds of people or events, how unevenly households have them; nothing of one household is kept.

    With y of a kind in a household and m people whom it could be of, the count varies by the sum over households of
    (y - rate m)² (ultimate clusters; Hansen, Hurwitz and Madow, 1953). Beside what it would vary by if everybody came
    alone, that is the design effect (Kish, 1965).
    """

    def __init__(self, kinds: int) -> None:
        self.counts, self.of, self.squares, self.crossed, self.sizes = np.zeros((5, kinds))

    def add(self, counts: NDArray[np.generic], of: NDArray[np.generic]) -> None:
        """Add households: how many of each kind each has, and of how many, both (households, kinds)."""
        y, m = np.asarray(counts, float), np.broadcast_to(np.asarray(of, float), counts.shape)
        self.counts += y.sum(axis=0)
        self.of += m.sum(axis=0)
        self.squares += (y * y).sum(axis=0)
        self.crossed += (y * m).sum(axis=0)
        self.sizes += (m * m).sum(axis=0)

    def add_people(self, home: Integers, kind: Integers) -> None:
        """Add people of one kind each, who live in the homes 0, 1, 2 and so on; nobody's kind is -1."""
        sizes, kinds = np.bincount(home).astype(float), len(self.counts)
        known = kind >= 0
        key, y = np.unique(home[known] * kinds + kind[known], return_counts=True)
        at, m = key % kinds, sizes[key // kinds]
        self.counts += np.bincount(at, y, kinds)
        self.squares += np.bincount(at, y * y, kinds)
        self.crossed += np.bincount(at, y * m, kinds)
        self.of += sizes.sum()
        self.sizes += (sizes * sizes).sum()

    def effects(self, rates: Floats) -> Floats:
        """Return the design effect of each kind where ``rates`` are the true ones: at least that of all kinds together.

        A rare kind tells little of its own. Beside what comes one by one; so no effect is below one.
        """
        alone = np.maximum(self.of * rates, 1e-9)
        own = np.maximum(self.squares - 2 * rates * self.crossed + rates**2 * self.sizes, 0)
        together = max(float(own.sum() / alone.sum()), 1.0)
        return np.asarray(np.maximum(own / alone, together), np.float64)

    def deviations(self, rates: Floats) -> Floats:
        """Return the standard deviation of each kind's rate where ``rates`` are the true ones, at least that of one."""
        of = np.maximum(self.of, 1)
        return np.asarray(np.sqrt(self.effects(rates) * np.maximum(rates * of, 1)) / of, np.float64)


__all__ = ["Spread"]
