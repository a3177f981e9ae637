"""Draws the households of a block, whole, until they have exactly as many people as the block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthetic.geography import males
from synthetic.population.households import CHILD, IN_A_HOME, IN_CARE, MAN, library, log_weights


@dataclass(frozen=True)
class Homes:
    """Households and their members, those of one household side by side and its reference person first.

    ``authority``, ``kind`` (a place in ``KINDS``) and ``size`` are by household; ``household`` (the place of the
    member's household here), ``male`` and ``age`` are by member, ages in whole years and 90 for all above.
    """

    authority: NDArray[np.int64]
    kind: NDArray[np.int8]
    size: NDArray[np.int64]
    household: NDArray[np.int64]
    male: NDArray[np.bool_]
    age: NDArray[np.int64]

    @property
    def first(self) -> NDArray[np.int64]:
        """Return the member that is each household's reference person."""
        return np.asarray(np.cumsum(self.size) - self.size)


def homes(rng: np.random.Generator, place: str, people: int) -> Homes:
    """Return households of a place with this many people in all.

    The last few that would not fit are passed over for smaller ones: of a block's 8192 people that moves about two.
    """
    held, upto = library(), _upto(place)
    rows, authority = np.zeros(0, np.int64), np.zeros(0, np.int64)
    taken: NDArray[np.int64] | None = None
    while taken is None:
        more = np.searchsorted(upto, rng.random(people // 2 + 200) * upto[-1], side="right")
        rows = np.concatenate([rows, more % len(held.kind)])
        authority = np.concatenate([authority, more // len(held.kind)])
        size = np.where(np.array(IN_CARE)[held.kind[rows]], IN_A_HOME, held.size[rows])
        taken = _filling(size, people)
    rows, authority, size = rows[taken], authority[taken], size[taken]
    household = np.repeat(np.arange(len(taken)), size)
    member = held.start[rows][household] + np.arange(people) - (np.cumsum(size) - size)[household]
    in_care = np.array(IN_CARE)[held.kind[rows]][household]
    member[in_care] = _residents(rng, place, authority[household[in_care]])
    age = held.age[member].astype(np.int64)
    male = np.where(held.sex[member] == CHILD, rng.random(people) < males()[age], held.sex[member] == MAN)
    return Homes(authority, held.kind[rows], size, household, male, age)


def _filling(size: NDArray[np.int64], people: int) -> NDArray[np.int64] | None:
    """Return households, in order, that have exactly this many people; None where these cannot."""
    upto = np.cumsum(size)
    taken = [*range(int(np.searchsorted(upto, people, side="right")))]
    left = people - (int(upto[len(taken) - 1]) if taken else 0)
    for place in range(len(taken), len(size)):
        if left == 0:
            break
        if size[place] <= left:
            taken.append(place)
            left -= int(size[place])
    return np.array(taken, np.int64) if left == 0 else None


@cache
def _upto(place: str) -> NDArray[np.float64]:
    """Return the running sum of how many households of each row each authority has, a care home being one."""
    in_care = np.array(IN_CARE)[library().kind]
    weights = np.exp(log_weights(place)) / np.where(in_care, IN_A_HOME, 1)
    upto = np.cumsum(weights)
    upto.setflags(write=False)
    return np.asarray(upto)


def _residents(rng: np.random.Generator, place: str, authority: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a member of the library for each resident of a care home in these authorities."""
    rows = np.flatnonzero(np.array(IN_CARE)[library().kind])
    upto = np.cumsum(np.exp(log_weights(place)[:, rows]), axis=1)[authority]
    drawn = (upto < rng.random(len(authority))[:, None] * upto[:, -1:]).sum(axis=1)
    return np.asarray(library().start[rows][drawn])


__all__ = ["Homes", "homes"]
