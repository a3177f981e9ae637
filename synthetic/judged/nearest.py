"""Distances between keyed rows, a block at a time: the nearest of many, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from synthetic.judged.keyed import Keyed

BLOCK = 256  # rows of those asked about
SAME = 1e-4  # squared distances closer than this are equal: single precision leaves less
Distances = NDArray[np.float32]


def blocks(asked: Keyed, among: Keyed, parts: Sequence[Sequence[int]]) -> Iterator[tuple[slice, list[Distances]]]:
    """Yield rows of ``asked``, and their squared distances to all of ``among``, one matrix for each part's attributes.

    Over all attributes a distance is the root of what it is in each; here it is left squared, as it adds up.
    """
    columns = [np.concatenate([np.r_[asked.spans[j]] for j in part]) for part in parts]
    there = [among.coordinates[:, c] for c in columns]
    squares = [np.einsum("ij,ij->i", each, each) for each in there]
    for first in range(0, len(asked), BLOCK):
        rows = slice(first, min(first + BLOCK, len(asked)))
        found = []
        for c, each, square in zip(columns, there, squares, strict=True):
            here = asked.coordinates[rows][:, c]
            away = square - 2 * (here @ each.T) + np.einsum("ij,ij->i", here, here)[:, None]
            found.append(np.maximum(away, 0))
        yield rows, found


def nearest(asked: Keyed, among: Keyed, *, but_itself: bool = False) -> Distances:
    """Return the squared distance of each row to the nearest of others; ``but_itself`` where both are the same rows."""
    found = np.full(len(asked), np.inf, np.float32)
    if not len(among):
        return found
    for rows, (away,) in blocks(asked, among, [range(len(asked.attributes))]):
        if but_itself:
            away[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = np.inf
        found[rows] = away.min(axis=1)
    return found


def nearest_of(asked: Keyed, among: Keyed) -> tuple[Distances, NDArray[np.intp]]:
    """Return the squared distance of each row to the nearest of others, and which of these that is."""
    found, which = np.full(len(asked), np.inf, np.float32), np.zeros(len(asked), np.intp)
    for rows, (away,) in blocks(asked, among, [range(len(asked.attributes))]):
        which[rows], found[rows] = away.argmin(axis=1), away.min(axis=1)
    return found, which


__all__ = ["BLOCK", "SAME", "Distances", "blocks", "nearest", "nearest_of"]
