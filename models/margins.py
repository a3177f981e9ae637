"""Tables that agree with each other: noisy margins of one table made consistent, and how sure each figure is.

Each margin (people by sex, by age, by both, in all) is a sum over the table of everything. Their least-squares fit is
closed: the sums of all margins are diagonal in one orthogonal basis, the interactions of an analysis of variance. As in
ResidualPlanner (Xiao, He, Zhang, Kifer 2023), no matrix of the table's size is ever made or solved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats

Margin = tuple[int, ...]  # places of the variables that it tells apart, rising
STEPS = 256  # weights are whole 256ths: then a whole person falls on the grid exactly, and rounding adds no bias


def weight_of(margins: int) -> float:
    """Return what each figure is multiplied by, so that a person in so many margins has a norm of at most 1."""
    return math.floor(STEPS / math.sqrt(margins)) / STEPS


@dataclass(frozen=True)
class Workload:
    """Every margin of a table of ``shape`` but the total, measured once, all with the same weight.

    A person who adds 1 to the table, shared out over its cells, adds at most 1 to a margin; so ``weight`` times all
    margins side by side has a Euclidean norm of at most 1.
    """

    shape: tuple[int, ...]

    @cached_property
    def margins(self) -> tuple[Margin, ...]:
        """Return the margins in order: of one variable, of two, of all."""
        places = range(len(self.shape))
        return tuple(m for size in range(1, len(self.shape) + 1) for m in combinations(places, size))

    @property
    def weight(self) -> float:
        """Return what each figure of a margin is multiplied by before noise is added."""
        return weight_of(len(self.margins))

    @property
    def width(self) -> int:
        """Return how many figures there are in all."""
        return sum(math.prod(self.cells(margin)) for margin in self.margins)

    def cells(self, margin: Margin) -> tuple[int, ...]:
        """Return a margin's shape."""
        return tuple(self.shape[i] for i in margin)

    def columns(self, keys: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.int64]]:
        """Give, a margin at a time, where among all figures a row counts that has these keys."""
        before = 0
        for margin in self.margins:
            cells = self.cells(margin)
            yield before + np.ravel_multi_index(tuple(keys[i] for i in margin), cells)
            before += math.prod(cells)

    def parted(self, figures: Floats) -> dict[Margin, Floats]:
        """Return the margins that lie side by side in ``figures``, each in its shape and without its weight."""
        sizes = np.cumsum([math.prod(self.cells(margin)) for margin in self.margins])[:-1]
        parts = zip(self.margins, np.split(figures / self.weight, sizes), strict=True)
        return {margin: part.reshape(self.cells(margin)) for margin, part in parts}

    def consistent(self, noisy: Mapping[Margin, Floats]) -> dict[Margin, Floats]:
        """Return the least-squares fit of one table to all noisy margins, as every margin of it and its total, ``()``.

        All measured figures have noise of the same size; any margin of the result is the sum of a finer one.
        """
        table = np.zeros(self.shape)
        for kept in self._interactions():
            gathered = np.zeros(self.cells(kept))
            for margin in self.margins:
                if set(kept) <= set(margin):
                    gathered += self._interaction(noisy[margin], margin, kept)
            table += self._spread(gathered / self._eigenvalue(kept), kept)
        every = [(), *self.margins]
        return {m: table.sum(axis=tuple(i for i in range(len(self.shape)) if i not in m)) for m in every}

    def deviation(self, margin: Margin) -> float:
        """Return the standard deviation of a consistent figure of a margin, where each measured one has 1/weight."""
        variance = 0.0
        for kept in self._interactions():
            if set(kept) <= set(margin):
                n = self.shape
                inside = math.prod((1 - 1 / n[i]) if i in kept else 1 / n[i] for i in margin)
                summed = math.prod(n[i] for i in range(len(n)) if i not in margin)
                variance += inside * summed / self._eigenvalue(kept)
        return math.sqrt(variance) / self.weight

    def _interactions(self) -> tuple[Margin, ...]:
        return ((), *self.margins)

    def _eigenvalue(self, kept: Margin) -> float:
        """Return how often all margins together see an interaction of the table."""
        seen = [m for m in self.margins if set(kept) <= set(m)]
        return float(sum(math.prod(n for i, n in enumerate(self.shape) if i not in m) for m in seen))

    @staticmethod
    def _interaction(figures: Floats, margin: Margin, kept: Margin) -> Floats:
        """Return a margin's interaction of the variables kept: averages and others' effects are taken away."""
        found = figures.mean(axis=tuple(axis for axis, i in enumerate(margin) if i not in kept))
        for axis in range(len(kept)):
            found = found - found.mean(axis=axis, keepdims=True)
        return np.asarray(found, np.float64)

    def _spread(self, figures: Floats, kept: Margin) -> Floats:
        """Return figures of a margin spread over the table, the same along every other variable."""
        return figures.reshape([n if i in kept else 1 for i, n in enumerate(self.shape)])


__all__ = ["STEPS", "Margin", "Workload", "weight_of"]
