"""Which withheld figures could a reader work out from those shown, by any sums and differences of any of them?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats

By = tuple[str, ...]  # the variables of a margin
Place = tuple[By, tuple[int, ...]]  # one figure of it
MOST_UNKNOWN = 1_000  # cells; the work grows with their cube, and is a second here
EXACT = 1e-6


def worked_out(hidden: Mapping[By, NDArray[np.bool_]]) -> list[Place]:
    """Return the withheld figures that the shown ones determine, when every margin is a sum of the finest one.

    Unknown are the finest margin's withheld cells; each shown figure of another margin is one equation in them. A
    withheld figure is determined when its own sum is a combination of these. Beyond ``MOST_UNKNOWN`` cells, and where
    no margin has all variables, it is not looked at: nothing is returned.
    """
    whole = max(hidden, key=len)
    if any(not set(by) <= set(whole) for by in hidden) or not 0 < np.count_nonzero(hidden[whole]) <= MOST_UNKNOWN:
        return []
    unknown = np.argwhere(hidden[whole])
    shown, withheld, places = [], [], []
    for by, mask in hidden.items():
        sums = _sums(mask.shape, unknown[:, [whole.index(name) for name in by]])
        shown.append(sums[~mask.ravel()])
        withheld.append(sums[mask.ravel()])
        places += [(by, tuple(map(int, at))) for at in np.argwhere(mask)]
    basis = _basis(np.concatenate(shown))
    asked = np.concatenate(withheld)
    left = asked - asked @ basis @ basis.T
    return [place for place, rest in zip(places, np.abs(left).max(axis=1), strict=True) if rest < EXACT]


def beside(hidden: Mapping[By, NDArray[np.bool_]], place: Place) -> Iterator[Place]:
    """Yield shown figures whose loss could hide one again: cells of the finest margin that share a line with its own.

    After these, all shown sums that some of its cells are in.
    """
    whole = max(hidden, key=len)
    cells = [at for at in map(tuple, np.argwhere(hidden[whole]).tolist()) if _in(at, whole, place)]
    for at in map(tuple, np.argwhere(~hidden[whole]).tolist()):
        if any(sum(a != b for a, b in zip(at, cell, strict=True)) == 1 for cell in cells):
            yield whole, at
    for by, mask in hidden.items():
        if by != whole:
            found = {tuple(cell[whole.index(name)] for name in by) for cell in cells}
            yield from ((by, at) for at in sorted(found) if not mask[at])


def _in(at: tuple[int, ...], whole: By, place: Place) -> bool:
    by, key = place
    return all(at[whole.index(name)] == k for name, k in zip(by, key, strict=True))


def _sums(shape: tuple[int, ...], keys: NDArray[np.int64]) -> Floats:
    """Return, for each figure of a margin, which unknown cells add up to it, shape (figures, unknown)."""
    sums = np.zeros((math.prod(shape), len(keys)))
    figure = np.ravel_multi_index(tuple(keys.T), shape) if shape else np.zeros(len(keys), np.int64)
    sums[figure, np.arange(len(keys))] = 1.0
    return sums


def _basis(equations: Floats) -> Floats:
    """Return an orthonormal basis of what the equations say, shape (unknown, rank)."""
    values, vectors = np.linalg.eigh(equations.T @ equations)
    return np.asarray(vectors[:, values > EXACT * max(float(values.max()), 1.0)])


__all__ = ["EXACT", "MOST_UNKNOWN", "By", "Place", "beside", "worked_out"]
