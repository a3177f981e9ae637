"""Draws the ethnic group of each household and its members, so that each authority has its census counts."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthetic.geography import AGE_BANDS, ETHNICITIES, geography
from synthetic.population.homes import Homes
from synthetic.population.households import GROWN_UP, IN_CARE, KINDS, library, log_weights
from synthetic.population.neighbourhoods import broad_age, leaning, neighbourhoods
from synthetic.published import table

GROUPS = len(ETHNICITIES) - 1  # all but "not stated", which is nobody's group
OTHER_GROUP = 0.15  # of partners: drawn apart, so that some couples are of two groups (ours; about 9 % are, ONS 2011)
FIRST_PARENT = 0.6  # of parents of mixed children, how often the reference person is of the first group (ours)
_DECILES = 10
_PARENTS = tuple(kind.split("-")[0] in {"couple", "mother", "father"} and kind[-1].isdigit() for kind in KINDS)
_COUPLES = tuple(kind.split("-")[0] in {"couple", "two"} for kind in KINDS)
_Floats = NDArray[np.float64]


def ethnicities(rng: np.random.Generator, place: str, homes: Homes, area: NDArray[np.int32]) -> NDArray[np.int8]:
    """Return each member's group: one a household, but for some partners, and the parents of mixed children."""
    decile = geography(place).areas.imd_decile[area] - 1
    upto = _upto(place)[homes.authority, broad_age(homes.age[homes.first]), decile]
    of_household = _drawn(rng, upto)
    group = of_household[homes.household]
    order = np.arange(len(group)) - homes.first[homes.household]
    kind = homes.kind[homes.household]
    apart = (order == 1) & np.array(_COUPLES)[kind] & ~np.array(_PARENTS)[kind] & (rng.random(len(group)) < OTHER_GROUP)
    group[apart] = _drawn(rng, upto[homes.household[apart]])
    parent = np.array(_PARENTS)[kind] & (order <= 1) & (homes.age >= GROWN_UP)
    first, other = _parents()
    swapped = (rng.random(len(of_household)) >= FIRST_PARENT)[homes.household]
    of_parent = np.where((order == 0) ^ swapped, first[group], other[group])
    in_care = np.array(IN_CARE)[kind]
    group = np.where(parent, of_parent, group)
    group[in_care] = _drawn(rng, upto[homes.household[in_care]])
    return group.astype(np.int8)


def _drawn(rng: np.random.Generator, upto: _Floats) -> NDArray[np.int64]:
    return np.asarray((upto < rng.random(len(upto))[:, None]).sum(axis=1))


@cache
def _upto(place: str) -> _Floats:
    """Return the running sum over groups of how likely each is for a household, by authority, broad age and decile."""
    columns = table("ethnic_groups").columns
    by_age = np.array([columns[str(age)] for age in AGE_BANDS[1:]], float)
    by_age = np.concatenate([by_age[:1], by_age])  # nobody under sixteen is a reference person
    odds = leaning(np.array(columns["deprived"], float), np.arange(1, _DECILES + 1, dtype=np.int8)).T
    tilt = by_age[:, None, :] * odds[None]
    counts = geography(place).authorities.ethnicities
    target = np.maximum(counts, 0.5)
    target = target / target.sum(axis=1, keepdims=True)
    people = _people(place)
    likely = _likely(target, tilt)
    level = target.copy()
    for _ in range(60):  # each step mends a group's total; what is left after sixty is below one person in a million
        level *= target / _totals(people, likely)
        likely = _likely(level, tilt)
    return np.cumsum(likely, axis=-1)


def _likely(level: _Floats, tilt: _Floats) -> _Floats:
    weights = level[:, None, None, :] * tilt[None]
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _totals(people: tuple[_Floats, _Floats, _Floats], likely: _Floats) -> _Floats:
    """Return the share of each group in each authority, when households are drawn so."""
    rest, reference, other = (np.einsum("lbd,lbdg->lg", role, likely) for role in people)
    first, second = (np.eye(GROUPS)[parent] for parent in _parents())
    mixed = FIRST_PARENT * first + (1 - FIRST_PARENT) * second
    crossed = FIRST_PARENT * second + (1 - FIRST_PARENT) * first
    totals = rest + reference @ mixed + other @ crossed
    return np.asarray(totals / totals.sum(axis=1, keepdims=True))


def _parents() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the groups of the two parents of children of each group."""
    columns = table("ethnic_groups").columns
    first, other = (
        np.array([ETHNICITIES.index(letter) for letter in columns[name]]) for name in ("parent", "other_parent")
    )
    return first, other


def _people(place: str) -> tuple[_Floats, _Floats, _Floats]:
    """Return how many people are expected, by authority, broad age of the reference person and decile.

    Apart are parents that are reference persons and their partners, who need not be of their children's group.
    """
    held, weights = library(), np.exp(log_weights(place))
    where, share = neighbourhoods(place), geography(place).areas
    size = int(where.start[-1])
    likely = np.diff(where.upto).reshape(-1, len(AGE_BANDS), size)
    by_decile = np.zeros((*likely.shape[:2], len(weights), _DECILES))
    for decile in range(_DECILES):
        own = likely * (share.imd_decile == decile + 1)
        by_decile[..., decile] = np.add.reduceat(own, where.start[:-1], axis=-1)
    by_decile /= by_decile.sum(axis=-1, keepdims=True)
    row = where.group[held.kind] * len(AGE_BANDS) + broad_age(held.age[held.start[:-1]].astype(np.int64))
    parents = np.array(_PARENTS)[held.kind]
    couples = np.array(_COUPLES)[held.kind]
    roles = (held.size - parents * (1 + couples), parents * 1, parents * couples)
    found = []
    for count in roles:
        sums = np.zeros((len(weights), by_decile.shape[0] * len(AGE_BANDS)))
        np.add.at(sums.T, row, (weights * count).T)
        shaped = sums.reshape(len(weights), -1, len(AGE_BANDS))
        found.append(np.einsum("lgb,gbld->lbd", shaped, by_decile))
    return found[0], found[1], found[2]


__all__ = ["FIRST_PARENT", "GROUPS", "OTHER_GROUP", "ethnicities"]
