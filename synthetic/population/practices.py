"""Made-up GP practices and primary care networks, with lists as long as those of real ones, and who goes to which."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthetic.geography import AGE_BANDS, ENGLAND, geography
from synthetic.published import table

# ODS: a letter and five digits for a practice and for a network. No practice of the published list of April 2020 begins
# with X (deploy/priors/make.py looks), and networks begin with U: nobody's code begins with X.
CODE = "X{:05d}"
AN_AUTHORITY, FIRST_NETWORK, NETWORKS_AN_AUTHORITY = 220, 70_000, 80
IN_A_NETWORK = 45_000  # NHS England: networks are of 30,000 to 50,000 people
ELSEWHERE = 0.03  # of households: registered in another authority of the place (ours)
NEARBY = 0.04  # standard deviation of how far people go, as a part of their authority's length (ours)


@dataclass(frozen=True)
class Practices:
    """Practices, one a row, those of an authority side by side; ``network`` is a code of the place's networks.

    ``upto`` is each practice's end on the line from 0 to 1 along which the authority's LSOAs lie; ``start`` the first
    row of each authority, and one more.
    """

    code: tuple[str, ...]
    network: tuple[str, ...]
    authority: NDArray[np.int16]
    start: NDArray[np.int64]
    upto: NDArray[np.float64]


@cache
def practices(place: str) -> Practices:
    """Return the practices of a place: the same whatever the seed, and those of England have the same codes."""
    sizes = np.array(table("list_sizes").columns["people"], float)
    number = {code: row for row, code in enumerate(geography(ENGLAND).authorities.code)}
    known = geography(place).authorities
    code: list[str] = []
    network: list[str] = []
    counts, ends = [], []
    for own, people in zip(known.code, known.ages.sum(axis=1), strict=True):
        count = max(1, round(people / sizes.mean()))
        # long and short lists in turn: steps of the golden ratio spread evenly over the percentiles
        lists = np.interp((np.arange(count) * 0.618034) % 1 * 100, np.arange(1, 100), sizes)
        lists = lists / lists.sum()
        end = np.cumsum(lists)
        code += [CODE.format(number[own] * AN_AUTHORITY + place) for place in range(count)]
        middle = ((end - lists / 2) * people // IN_A_NETWORK).astype(int)
        network += [CODE.format(FIRST_NETWORK + number[own] * NETWORKS_AN_AUTHORITY + each) for each in middle]
        counts.append(count)
        ends.append(end)
    authority = np.repeat(np.arange(len(counts)), counts).astype(np.int16)
    return Practices(tuple(code), tuple(network), authority, np.cumsum([0, *counts]), np.concatenate(ends))


def registered(
    rng: np.random.Generator, place: str, authority: NDArray[np.int64], area: NDArray[np.int32]
) -> NDArray[np.int16]:
    """Return the practice of each household: one near its LSOA as a rule, so that lists are as long as they should be.

    LSOAs and practices lie along one line in each authority; a household goes to the practice at its own place, moved
    a little and round the end, which keeps every practice's part of the line.
    """
    held = practices(place)
    begin, part = _along(place)
    at = begin[area] + part[area] * rng.random(len(area)) + NEARBY * rng.standard_normal(len(area))
    other = rng.random(len(area)) < ELSEWHERE
    people = geography(place).authorities.ages.sum(axis=1)
    moved = np.searchsorted(np.cumsum(people), rng.random(len(area)) * people.sum(), side="right")
    at_authority = np.where(other, moved, authority)
    return np.asarray(np.searchsorted(held.upto + held.authority, at % 1 + at_authority, side="right").astype(np.int16))


@cache
def _along(place: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each LSOA begins on its authority's line, and its part of it, by its people."""
    held = geography(place)
    by_age = np.add.reduceat(held.authorities.ages, AGE_BANDS, axis=1)
    totals, authority = by_age.sum(axis=1), held.areas.authority
    people = (held.areas.share * by_age[authority]).sum(axis=1)
    begin = np.cumsum(people) - people - (np.cumsum(totals) - totals)[authority]
    return begin / totals[authority], people / totals[authority]


__all__ = ["ELSEWHERE", "IN_A_NETWORK", "NEARBY", "Practices", "practices", "registered"]
