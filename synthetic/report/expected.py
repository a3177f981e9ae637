"""What England's published contacts a head come to in one place, whose people are younger or older than England's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from privacy.arrays import Floats
from synthetic.geography import AGES, ENGLAND, Geography, geography
from synthetic.published import rows

IN_EACH_AUTHORITY = {"ed": "attendances", "emergency": "admissions"}  # columns of the table of attendances


def expected_contacts(place: Geography) -> Mapping[str, float]:
    """Return contacts a head and year of each process in a place: England's, as many times as often as there.

    By the authority's own figures for emergencies, which are published; by the ages of its people for the others, whose
    shape over age is assumed.
    """
    england, expected = geography(ENGLAND), {}
    for row in rows("processes"):
        key = row["process"]
        rate = _published if key in IN_EACH_AUTHORITY else _by_age
        expected[key] = float(row["a_head"]) * rate(row, place) / rate(row, england)
    return expected


def _published(row: Mapping[str, str], place: Geography) -> float:
    column = IN_EACH_AUTHORITY[row["process"]]
    of = {line["local_authority"]: float(line[column]) for line in rows("attendances")}
    people = place.authorities.ages.sum(axis=1)
    return float(np.average([of[code] for code in place.authorities.code], weights=people))


def _by_age(row: Mapping[str, str], place: Geography) -> float:
    return float(np.average(_shape(row), weights=place.authorities.ages.sum(axis=0)))


def _shape(row: Mapping[str, str]) -> Floats:
    """Return how often a process happens at each single year of age, beside other ages."""
    lines = [(float(line["age"]), float(line["relative"])) for line in rows("age_shapes")
             if line["target"] == row["process"]]  # fmt: skip
    ages, relative = np.array(lines).T
    years = np.arange(AGES)
    can = (years >= int(row["least_age"])) & (years <= int(row["most_age"]))
    return np.asarray(np.exp(np.interp(years, ages, np.log(relative))) * can, np.float64)


__all__ = ["IN_EACH_AUTHORITY", "expected_contacts"]
