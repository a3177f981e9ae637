"""The private sum: bound what one person can move, add in whole numbers, add integer noise.

For each person: clip, scale to the grid, round, and verify the squared norm in exact integers. Then add modulo 2^64:
wrapping costs utility, never privacy. The bound holds whatever the floats did, in any order of people.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from privacy.arrays import Floats, Integers, Ring
from privacy.computation import Total
from privacy.errors import Invalid
from privacy.noise import discrete_gaussian
from privacy.programme import Mechanism

Noise = Callable[[int, int], Integers]


def bound(contributions: Floats, mechanism: Mechanism) -> Integers:
    """Return contributions on the grid, shape (people, width), each of squared norm at most ``clip_units`` squared.

    A contribution with a number that is not finite counts as zero. One that rounding pushed over the bound is
    truncated towards zero; if that is not enough (it always was), it counts as zero. A row's bits do not depend on
    other rows: rows are laid out one after the other, whatever the layout that came.
    """
    if contributions.ndim != 2 or contributions.shape[1] != mechanism.width:
        raise Invalid("contribution-shape")
    with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite here counts as zero, or divides to it
        rows = np.ascontiguousarray(contributions, np.float64) / mechanism.clip
        rows = np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, 0.0)
        largest = np.abs(rows).max(axis=1, keepdims=True, initial=1.0)  # so that squares cannot overflow
        norm = largest * np.linalg.norm(rows / largest, axis=1, keepdims=True)
    scaled = rows / np.maximum(norm, 1.0) * mechanism.clip_units
    units = np.rint(scaled).astype(np.int64)
    units = np.where(_over(units, mechanism), np.trunc(scaled).astype(np.int64), units)
    return np.where(_over(units, mechanism), 0, units)


def _over(units: Integers, mechanism: Mechanism) -> Integers:
    """Say, a row at a time, whether the squared norm is over the bound.

    Exact: a number beyond ``clip_units`` is over at once, and of the rest width x clip_units^2 is below 2^63.
    """
    limit = mechanism.clip_units
    beyond = ((units > limit) | (units < -limit)).any(axis=1, keepdims=True)
    over: Integers = beyond | ((units**2).sum(axis=1, keepdims=True) > limit**2)
    return over


class PrivateSum:
    """One sum as it streams: memory is one batch, whatever the number of people. It gives one answer, once."""

    def __init__(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism
        self._sum: Ring = np.zeros(mechanism.width, np.uint64)
        self._noised = False

    def add(self, contributions: Floats, *, people: int) -> None:
        """Add one row for each of ``people``; any other number of rows is ``contribution-shape``."""
        if len(contributions) != people:
            raise Invalid("contribution-shape")
        self._sum += bound(contributions, self._mechanism).sum(axis=0).astype(np.uint64)

    def noised(self, noise: Noise = discrete_gaussian) -> Ring:
        """Return the sum with noise, modulo 2^64; the sum itself is never returned, nor a second draw."""
        if self._noised:
            raise RuntimeError("two draws of one sum would average the noise away")
        self._noised = True
        return self._sum + noise(self._mechanism.sigma_squared, self._mechanism.width).astype(np.uint64)


def total(shares: Sequence[Ring], mechanism: Mechanism) -> Total:
    """Return what the noisy shares of several nodes add up to, in the contribution's own units."""
    return total_of(np.sum(np.stack(shares), axis=0, dtype=np.uint64), len(shares), mechanism)


def total_of(ring: Ring, shares: int, mechanism: Mechanism) -> Total:
    """Return the sum of so many shares, added up already, in the contribution's own units."""
    return Total(np.asarray(ring.view(np.int64) * mechanism.unit, np.float64), mechanism.noise_sd * shares**0.5)


__all__ = ["Noise", "PrivateSum", "bound", "total", "total_of"]
