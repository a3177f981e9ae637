"""Exact sums over a table too large to write down, by cliques of its columns joined in a tree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from privacy.arrays import Floats
from synthetic.fitted.measured import Clique

NEVER = -1e9  # the logarithm of what cannot be: its exponential is zero, and no sum of it is infinite


@dataclass(frozen=True)
class Elimination:
    """Columns in the order in which they were summed out, each with those that it still depended on then.

    Backwards it is an order to draw in: each column depends on some that are drawn before.
    """

    order: tuple[tuple[int, Clique], ...]

    @cached_property
    def cliques(self) -> tuple[Clique, ...]:
        """Return the largest sets of columns that depend on each other, none within another."""
        found: list[frozenset[int]] = []
        for each in sorted((frozenset({column, *others}) for column, others in self.order), key=len, reverse=True):
            if not any(each <= larger for larger in found):
                found.append(each)
        return tuple(tuple(sorted(each)) for each in found)


def eliminated(shape: Sequence[int], edges: Iterable[Clique], stages: Sequence[Sequence[int]]) -> Elimination:
    """Return in which order to sum columns out that are joined by ``edges``: first where that makes least cells.

    ``stages`` part the columns into those drawn first, next and so on: the last stage's are summed out first.
    """
    near: list[set[int]] = [set() for _ in shape]
    for one, other in edges:
        near[one].add(other)
        near[other].add(one)
    order: list[tuple[int, Clique]] = []
    for stage in reversed(stages):
        left = set(stage)
        while left:
            column = min(left, key=lambda c: (math.prod(shape[i] for i in near[c]) * shape[c], c))
            others = near[column]
            for other in others:
                near[other] |= others - {other}
                near[other].discard(column)
            order.append((column, tuple(sorted(others))))
            left.discard(column)
    return Elimination(tuple(order))


def cells_in(shape: Sequence[int], cliques: Iterable[Clique]) -> int:
    """Return how many cells tables of these cliques have together."""
    return sum(math.prod(shape[i] for i in clique) for clique in cliques)


@dataclass(frozen=True)
class JunctionTree:
    """Cliques of a triangulated graph, joined so that what two share is in all between them."""

    shape: tuple[int, ...]
    cliques: tuple[Clique, ...]

    @cached_property
    def links(self) -> tuple[tuple[int, int, Clique], ...]:
        """Return for each clique but the first its parent and what they share, each after its parent."""
        joined, left, found = [0], set(range(1, len(self.cliques))), []
        while left:
            child, parent = max(
                ((c, p) for c in left for p in joined), key=lambda each: (len(self._shared(*each)), -each[0], -each[1])
            )
            found.append((child, parent, self._shared(child, parent)))
            joined.append(child)
            left.discard(child)
        return tuple(found)

    def home(self, clique: Iterable[int]) -> int:
        """Return the place of a clique that has all of these columns; there is one, or it was not in the edges."""
        return next(i for i, each in enumerate(self.cliques) if set(clique) <= set(each))

    def spread(self, home: int, clique: Clique, table: Floats) -> Floats:
        """Return a table of some columns of a clique so that it adds to the clique's."""
        return table.reshape([self.shape[i] if i in clique else 1 for i in self.cliques[home]])

    def summed(self, home: int, clique: Iterable[int], table: Floats) -> Floats:
        """Return a clique's table summed over all columns but these."""
        return np.asarray(table.sum(axis=self._others(home, clique)), np.float64)

    def calibrated(self, potentials: Sequence[Floats]) -> tuple[float, list[Floats]]:
        """Return the logarithm of the sum over the whole table, and each clique's part of it as probabilities.

        The whole table's cells are the exponentials of the sum of ``potentials``, one table a clique. Sum-product
        message passing, up the tree and down (Lauritzen and Spiegelhalter 1988).
        """
        beliefs, sent = list(potentials), []
        for child, parent, shared in reversed(self.links):
            message = self._log_summed(child, shared, beliefs[child])
            sent.append(message)
            beliefs[parent] = beliefs[parent] + self.spread(parent, shared, message)
        top = float(beliefs[0].max())
        whole = np.exp(beliefs[0] - top)
        total = float(whole.sum())
        found: list[Floats] = [whole / total, *(np.zeros(0) for _ in self.links)]
        for (child, parent, shared), message in zip(self.links, reversed(sent), strict=True):
            above = self.summed(parent, shared, found[parent])
            within = np.exp(beliefs[child] - self.spread(child, shared, message))
            found[child] = within * self.spread(child, shared, above)
        return top + math.log(total), found

    def _shared(self, one: int, other: int) -> Clique:
        return tuple(sorted(set(self.cliques[one]) & set(self.cliques[other])))

    def _others(self, home: int, clique: Iterable[int]) -> tuple[int, ...]:
        kept = set(clique)
        return tuple(axis for axis, i in enumerate(self.cliques[home]) if i not in kept)

    def _log_summed(self, home: int, clique: Clique, table: Floats) -> Floats:
        axes = self._others(home, clique)
        top = table.max(axis=axes, keepdims=True)
        return np.asarray((np.log(np.exp(table - top).sum(axis=axes, keepdims=True)) + top).squeeze(axes), np.float64)


__all__ = ["NEVER", "Elimination", "JunctionTree", "cells_in", "eliminated"]
