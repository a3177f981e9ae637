"""Places as the open files have them: care systems, local authorities and their LSOAs, with who lives there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from privacy.errors import Invalid
from synthetic.published import table

ENGLAND = "england"
ETHNICITIES = (*"ABCDEFGHJKLMNPRSZ",)  # NHS Data Dictionary, ETHNIC CATEGORY; Z, not stated, is nobody's own
AGES = 91  # single years of age; the last is 90 and over


@dataclass(frozen=True)
class Authorities:
    """Local authorities, one a row, and the people who live in each: counts by single year of age and by ethnicity."""

    code: tuple[str, ...]
    name: tuple[str, ...]
    place: tuple[str, ...]
    ages: NDArray[np.float64]
    ethnicities: NDArray[np.float64]


@dataclass(frozen=True)
class Areas:
    """LSOAs of 2021, one a row: their authority's place in ``Authorities``, their decile of IMD 2025 (1 most deprived).

    ``share`` is their part of the people of their authority by broad age (``AGE_BANDS``): rows of one authority sum to
    one. Where no open file has the people of each LSOA, all of an authority's are alike. ``number`` is the LSOA's row
    among all of England's.
    """

    lsoa: tuple[str, ...]
    number: NDArray[np.int64]
    authority: NDArray[np.int16]
    imd_decile: NDArray[np.int8]
    share: NDArray[np.float64]


@dataclass(frozen=True)
class Geography:
    """One place: ``england``, or the authorities and LSOAs of one integrated care system."""

    place: str
    name: str
    authorities: Authorities
    areas: Areas


AGE_BANDS = np.array([0, 16, 25, 45, 65, 80])  # where the broad ages of ``Areas.share`` begin


@cache
def places() -> dict[str, str]:
    """Return the name of each place by the word for it: England and its 42 integrated care systems."""
    columns = table("places").columns
    return {ENGLAND: "England", **dict(zip(columns["place"], columns["name"], strict=True))}


@cache
def males() -> NDArray[np.float64]:
    """Return England's share of males at each single year of age."""
    columns = table("sexes").columns
    male, female = np.array(columns["males"], float), np.array(columns["females"], float)
    return np.asarray(male / (male + female))


@cache
def geography(place: str) -> Geography:
    """Return a place; one that is not known is ``synthetic-place-unknown``. An authority is in one care system only."""
    if place not in places():
        raise Invalid("synthetic-place-unknown", f"there is no {place}")
    columns = table("local_authorities").columns
    rows = [row for row, home in enumerate(columns["place"]) if place in (home, ENGLAND)]
    codes = _picked(columns["local_authority"], rows)
    authorities = Authorities(
        code=codes,
        name=_picked(columns["name"], rows),
        place=_picked(columns["place"], rows),
        ages=_numbers("ages", codes),
        ethnicities=_numbers("ethnicities", codes),
    )
    return Geography(place, places()[place], authorities, _areas(codes))


def _areas(authorities: Sequence[str]) -> Areas:
    columns = table("areas").columns
    place_of = {code: place for place, code in enumerate(authorities)}
    rows = [row for row, code in enumerate(columns["local_authority"]) if code in place_of]
    lsoas = _picked(columns["lsoa"], rows)
    authority = np.array([place_of[code] for code in _picked(columns["local_authority"], rows)], np.int16)
    people = np.array(_picked(columns["people"], rows), np.float64)
    people[people == 0] = 1  # not known, then equal: an authority's are known all or none
    by_age = people[:, None] * _age_structure(lsoas)
    total = np.zeros((len(authorities), by_age.shape[1]))
    np.add.at(total, authority, by_age)
    decile = np.array(_picked(columns["imd_decile"], rows), np.int8)
    return Areas(lsoas, np.array(rows, np.int64), authority, decile, by_age / total[authority])


def _age_structure(lsoas: Sequence[str]) -> NDArray[np.float64]:
    """Return each LSOA's part of its own people in each broad age; equal parts where it is not known."""
    columns = table("area_ages").columns
    known = dict(zip(columns["lsoa"], np.array([*columns.values()][1:], np.float64).T, strict=True))
    rows = np.array([known.get(lsoa, np.ones(len(AGE_BANDS))) for lsoa in lsoas])
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def _numbers(name: str, keys: Sequence[str]) -> NDArray[np.float64]:
    """Return the numbers of a table whose first column is the key, in the order of these keys."""
    first, *rest = table(name).columns.values()
    row_of = {key: row for row, key in enumerate(first)}
    return np.array(rest, np.float64).T[[row_of[key] for key in keys]]


def _picked(column: Sequence[str], rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(column[row] for row in rows)


__all__ = [
    "AGES",
    "AGE_BANDS",
    "ENGLAND",
    "ETHNICITIES",
    "Areas",
    "Authorities",
    "Geography",
    "geography",
    "males",
    "places",
]
