"""Chooses the neighbourhood of each household: those of an authority where its age lives, and its kind more often."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthetic.geography import AGE_BANDS, geography
from synthetic.population.homes import Homes
from synthetic.published import table


@dataclass(frozen=True)
class Neighbourhoods:
    """Running sums of how likely each LSOA is, laid end to end: for each group of kinds, broad age and authority.

    ``group`` is each kind's group; ``start`` the place of an authority's first LSOA, one more than there are.
    """

    group: NDArray[np.int64]
    start: NDArray[np.int64]
    upto: NDArray[np.float64]


def areas(rng: np.random.Generator, place: str, homes: Homes) -> NDArray[np.int32]:
    """Return the LSOA of each household, by the broad age of its reference person and its kind's leaning."""
    held = neighbourhoods(place)
    size = int(held.start[-1])
    row = held.group[homes.kind] * len(AGE_BANDS) + broad_age(homes.age[homes.first])
    low = held.upto[row * size + held.start[homes.authority]]
    high = held.upto[row * size + held.start[homes.authority + 1]]
    found = np.searchsorted(held.upto, low + rng.random(len(low)) * (high - low), side="right") - 1
    return np.asarray((found - row * size).astype(np.int32))


def broad_age(age: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place in ``AGE_BANDS`` of ages in years."""
    return np.asarray(np.searchsorted(AGE_BANDS, age, side="right") - 1)


@cache
def neighbourhoods(place: str) -> Neighbourhoods:
    """Return where the households of a place may live."""
    held = geography(place).areas
    odds, group = np.unique(np.array(table("living").columns["deprived"], float), return_inverse=True)
    likely = held.share.T[None] * leaning(odds, held.imd_decile)[:, None]
    start = np.searchsorted(held.authority, np.arange(len(geography(place).authorities.code) + 1))
    return Neighbourhoods(group, start, np.concatenate([[0.0], np.cumsum(likely)]))


def leaning(odds: NDArray[np.float64], decile: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return how much likelier each decile is, by the odds of the most deprived against the least deprived."""
    return np.asarray(odds[:, None] ** ((5.5 - decile[None]) / 9))


__all__ = ["Neighbourhoods", "areas", "broad_age", "leaning", "neighbourhoods"]
