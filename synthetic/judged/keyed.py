"""Rows of public keys: what real and synthetic records are both turned into before anything is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats

Places = NDArray[np.int32]
FAR = 0.75  # of a missing value's own axis: with the half that it lacks on the other, about as far as the ends are


@dataclass(frozen=True)
class Attribute:
    """What a column may say: one of its public keys. Those of an ``ordered`` one rise, but the last, for missing."""

    name: str
    keys: tuple[str, ...]
    ordered: bool = False


@dataclass(frozen=True, eq=False)
class Keyed:
    """Rows by attributes: ``places[i, j]`` is the place of row i's key of attribute j; ``weights`` one number a row.

    Somebody's weights add up to one, however many rows they have.
    """

    attributes: tuple[Attribute, ...]
    places: Places
    weights: Floats

    @classmethod
    def of(cls, attributes: Sequence[Attribute], places: NDArray[np.integer], weights: Floats | None = None) -> Keyed:
        """Return rows whose keys are all public ones; weights default to one each."""
        sizes = [len(a.keys) for a in attributes]
        if places.ndim != 2 or places.shape[1] != len(sizes) or ((places < 0) | (places >= sizes)).any():
            raise ValueError("each row has a place among its keys for each attribute")
        return cls(tuple(attributes), places.astype(np.int32), np.ones(len(places)) if weights is None else weights)

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Keyed:
        """Return some of the rows, in the order asked for."""
        return Keyed(self.attributes, self.places[rows], self.weights[rows])

    def subsets(self, size: int) -> list[tuple[int, ...]]:
        """Return every choice of so many attributes, by their places."""
        return list(combinations(range(len(self.attributes)), size))

    def cells(self, chosen: Sequence[int]) -> int:
        """Return how many cells the marginal of these attributes has."""
        return prod(len(self.attributes[j].keys) for j in chosen)

    def marginal(self, chosen: Sequence[int]) -> Floats:
        """Return the share of all weight in each cell of these attributes, flat, adding up to one."""
        sizes = tuple(len(self.attributes[j].keys) for j in chosen)
        cell = np.ravel_multi_index(tuple(self.places[:, j] for j in chosen), sizes)
        counted = np.bincount(cell, self.weights, prod(sizes))
        return np.asarray(counted / max(self.weights.sum(), 1e-300), np.float64)

    def names(self, chosen: Sequence[int] | None = None) -> NDArray[np.uint64]:
        """Return a number for each row's keys of these attributes (all when None), the same for the same keys.

        Zobrist's (1970): different keys share one in 2^64 cases. The tables are fixed, so that two sets compare.
        """
        chosen = range(len(self.attributes)) if chosen is None else chosen
        found = np.zeros(len(self), np.uint64)
        for j in chosen:
            table = np.random.default_rng([1970, j]).integers(0, 2**64, len(self.attributes[j].keys), np.uint64)
            found ^= table[self.places[:, j]]
        return found

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """Return where each attribute's coordinates are."""
        widths = np.cumsum([0, *(2 if a.ordered else len(a.keys) for a in self.attributes)])
        return tuple(slice(int(a), int(b)) for a, b in pairwise(widths))

    @cached_property
    def coordinates(self) -> NDArray[np.float32]:
        """Return each row as a point: squared distances add up over attributes, from 0 to about 1 for each.

        An ordered key lies where it stands between the first and the last; others differ or do not.
        """
        found = np.zeros((len(self), self.spans[-1].stop), np.float32)
        for j, (attribute, span) in enumerate(zip(self.attributes, self.spans, strict=True)):
            place, last = self.places[:, j], len(attribute.keys) - 1
            if attribute.ordered:
                missing = place == last
                found[:, span.start] = np.where(missing, 0.5, place / max(last - 1, 1))
                found[:, span.start + 1] = np.where(missing, FAR, 0.0)
            else:
                found[np.arange(len(self)), span.start + place] = np.sqrt(0.5)
        return found


def joined(*parts: Keyed) -> Keyed:
    """Return the rows of all parts, which have the same attributes, one after the other."""
    attributes = parts[0].attributes
    if any(part.attributes != attributes for part in parts):
        raise ValueError("rows of the same attributes")
    return Keyed(attributes, np.concatenate([p.places for p in parts]), np.concatenate([p.weights for p in parts]))


__all__ = ["FAR", "Attribute", "Keyed", "Places", "joined"]
