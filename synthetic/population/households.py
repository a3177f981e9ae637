"""Who lives with whom: a library of households, weighed so that each authority has the ages it is known to have.

Households are drawn whole, since people who live together are alike in age, home and need. The library holds every
kind at every age of its reference person; an authority's weights are those nearest to England's (in relative entropy)
whose people have exactly the authority's published ages: raking of a sample (Deming and Stephan, 1940; Beckman,
Baggerly and McKay, 1996), on a sample that is written down here instead of taken from a census. The logarithms of the
weights are sums over members, so they ship as one number for each authority, sex and age: deploy/priors/households.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import exp, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthetic.geography import geography, males
from synthetic.published import table

WOMAN, MAN, CHILD = 0, 1, 2  # a child's sex is drawn later: it changes nothing about who lives together
GROWN_UP, OLDEST = 18, 90
MEMBERS = GROWN_UP + 2 * (OLDEST - GROWN_UP + 1)  # children by age, then women by age, then men by age
IN_A_HOME = 16  # residents of a care home drawn together; of our own
Member = tuple[int, int]  # sex and age
_RARE = 0.002  # of a kind at one age of its reference person: the library leaves such households out
_GAPS = ((-6, 0.05), (-3, 0.1), (-1, 0.12), (0, 0.13), (1, 0.12), (2, 0.12), (3, 0.1), (5, 0.13), (8, 0.08), (13, 0.05))
_FAMILY_GAPS = ((-2, 0.3), (2, 0.45), (6, 0.25))
_MOTHERS = 30.0, 5.5  # age at birth, mean and standard deviation: about ONS, Births in England and Wales
_SPACINGS: dict[int, tuple[tuple[tuple[int, ...], float], ...]] = {  # years between children: ours
    1: (((), 1.0),),
    2: (((2,), 0.5), ((3,), 0.3), ((5,), 0.2)),
    3: (((2, 2), 0.5), ((2, 3), 0.3), ((3, 4), 0.2)),
}


KINDS = tuple(table("living").columns["kind"])
IN_CARE = tuple(kind.endswith("in-care") for kind in KINDS)


@dataclass(frozen=True)
class Library:
    """Households, one a row: ``kind`` a place in ``KINDS``, members from ``start`` on, the reference person first.

    ``sex`` and ``age`` are by member, ``cell`` is the member's place in an authority's log weights, and ``share`` how
    common the household is before any weights, among reference people of its age.
    """

    kind: NDArray[np.int8]
    start: NDArray[np.int64]
    share: NDArray[np.float64]
    sex: NDArray[np.int8]
    age: NDArray[np.int16]

    @property
    def size(self) -> NDArray[np.int64]:
        """Return how many members each household has; a resident of a care home stands alone here."""
        return np.diff(self.start)

    @property
    def cell(self) -> NDArray[np.int64]:
        """Return each member's place in the ``MEMBERS`` log weights of an authority."""
        return np.asarray(self.age + np.where(self.sex == MAN, OLDEST - GROWN_UP + 1, 0), np.int64)

    def sums(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sum over each household's members of values given by cell."""
        return np.asarray(np.add.reduceat(values[..., self.cell], self.start[:-1], axis=-1, dtype=float))


@cache
def library() -> Library:
    """Return every household, in the same order and with the same shares always: nothing here is drawn."""
    columns = table("living").columns
    ages = [int(name) for name in columns if name.isdigit()]
    found = []
    for place, kind in enumerate(KINDS):
        shares = [float(columns[str(age)][place]) for age in ages]
        for age in range(GROWN_UP, OLDEST + 1):
            share = float(np.interp(age, ages, shares))
            variants = list(_variants(kind, age)) if share else []
            most = sum(weight for _, weight in variants)
            variants = [(members, weight) for members, weight in variants if weight > _RARE * most]
            total = sum(weight for _, weight in variants)
            found += [(place, members, share * weight / total) for members, weight in variants]
    members = [member for _, of, _ in found for member in of]
    return Library(
        kind=np.array([place for place, _, _ in found], np.int8),
        start=np.cumsum([0, *(len(of) for _, of, _ in found)]),
        share=np.array([share for _, _, share in found]),
        sex=np.array([sex for sex, _ in members], np.int8),
        age=np.array([age for _, age in members], np.int16),
    )


def census(held: Library) -> NDArray[np.float64]:
    """Return, for each figure of living_shares.csv, what each household adds to it: over all of England that is zero.

    A figure is a part of a whole; a household adds what it has of the part, less the figure's share of what it has of
    the whole.
    """
    kind, of_reference = np.array(KINDS)[held.kind], held.age[held.start[:-1]]
    private = ~np.char.endswith(kind, "in-care")
    age = np.concatenate([np.arange(GROWN_UP), *[np.arange(GROWN_UP, OLDEST + 1)] * 2])
    sex = np.repeat([CHILD, WOMAN, MAN], [GROWN_UP, *[OLDEST - GROWN_UP + 1] * 2])
    older_women, older_men = (held.sums((sex == own) & (age >= 65)) for own in (WOMAN, MAN))
    couple = np.char.startswith(kind, "couple") | np.char.startswith(kind, "two-") | (kind == "three-generations")
    grown = np.char.find(kind, "grown") >= 0
    parts: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "one-person-households": (private & (held.size == 1), private),
        "other-households": (np.char.startswith(kind, "sharers") | (kind == "three-generations"), private),
        "mothers-alone": ((kind == "mother-1") | (kind == "mother-2"), private),
        "fathers-alone": (kind == "father-1", private),
        "women-65-alone": ((kind == "woman-alone") & (of_reference >= 65), older_women),
        "men-65-alone": ((kind == "man-alone") & (of_reference >= 65), older_men),
        "adults-in-couples": (2 * couple, held.sums(age >= 16)),
        "grown-children-at-home": (grown * (1 + (kind == "couple-grown-2")), held.size),
        "women-65-in-care": (kind == "woman-in-care", older_women),
        "men-65-in-care": (kind == "man-in-care", older_men),
        "aged-85-of-those-in-care": (~private & (of_reference >= 85), ~private),
    }
    columns = table("living_shares").columns
    shares = zip(columns["figure"], map(float, columns["share"]), strict=True)
    return np.array([parts[name][0] - share * parts[name][1] for name, share in shares])


@cache
def log_weights(place: str) -> NDArray[np.float64]:
    """Return the logarithm of how many households of each row of the library each authority of a place has."""
    known, held = geography(place).authorities, library()
    columns = table("household_weights").columns
    row_of = {code: row for row, code in enumerate(columns["local_authority"])}
    solved = np.array([*columns.values()][1:], np.float64).T[[row_of[code] for code in known.code]]
    weights = start(held, cells(known.ages, males()))
    for row, own in enumerate(solved):  # one authority at a time: all at once take ten times the memory
        weights[row] += held.sums(own)
    return weights


def start(held: Library, people: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log weights before ages are solved: shares of an authority's people, bent to the census figures."""
    figures = np.array(table("living_shares").columns["log_weight"], np.float64)
    of_reference = np.log(people)[:, held.cell[held.start[:-1]]]
    return np.asarray(np.log(held.share) + of_reference + figures @ census(held))


def cells(ages: NDArray[np.float64], male: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many people each authority has in each cell, from its ages and England's share of males at each."""
    grown = slice(GROWN_UP, None)
    women, men = ages * (1 - male), ages * male
    by_cell = np.concatenate([ages[:, :GROWN_UP], women[:, grown], men[:, grown]], axis=1)
    return np.asarray(np.maximum(by_cell, 0.5))  # none at all has no logarithm


def _variants(kind: str, age: int) -> Iterator[tuple[tuple[Member, ...], float]]:
    """Yield the households of a kind whose reference person has this age, with weights that need not sum to one."""
    woman, man = (WOMAN, age), (MAN, age)
    match kind.split("-"):
        case ["woman", *_]:
            yield (woman,), 1.0
        case ["man", *_]:
            yield (man,), 1.0
        case ["two", sex]:
            for gap in (0, 3, 7):
                own = WOMAN if sex == "women" else MAN
                yield ((own, age), (own, age + gap)), _old(age + gap)
        case ["couple"]:
            for gap, weight in _GAPS:
                yield (woman, (MAN, age + gap)), weight * _old(age + gap)
        case ["couple", "grown", *more]:
            for grown, weight in _grown(age):
                yield from _with_grown(age, grown, weight, more)
        case ["couple", count]:
            for children, weight in _children(age, int(count)):
                for gap, likely in _FAMILY_GAPS:
                    yield (woman, (MAN, age + gap), *children), weight * likely * _old(age + gap)
        case ["mother", "grown"]:
            for grown, weight in _grown(age):
                yield (woman, grown), weight
        case [parent, count] if parent in ("mother", "father"):
            for children, weight in _children(age, int(count)):
                yield (woman if parent == "mother" else man, *children), weight
        case ["sharers", count]:
            yield from _sharers(age, int(count))
        case _:  # three generations
            for children, weight in _children(age, 2, spacings=(((3,), 1.0),)):
                yield (woman, (MAN, age + 2), *children, (WOMAN, age + 27)), weight * 0.7 * _old(age + 27)
                yield (woman, (MAN, age + 2), *children, (MAN, age + 31)), weight * 0.3 * _old(age + 31)


def _old(age: int) -> float:
    """Return 1 where a grown-up may have this age."""
    return float(GROWN_UP <= age <= OLDEST)


def _likely_birth(mother: int) -> float:
    mean, deviation = _MOTHERS
    return exp(-(((mother - mean) / deviation) ** 2) / 2) if 16 <= mother <= 46 else 0.0


def _children(
    age: int, count: int, spacings: Sequence[tuple[tuple[int, ...], float]] = ()
) -> Iterator[tuple[tuple[Member, ...], float]]:
    """Yield the children under 18 of a parent of this age, the youngest first."""
    for youngest in range(GROWN_UP):
        for gaps, weight in spacings or _SPACINGS[count]:
            ages = [youngest + between for between in (0, *accumulate(gaps))]
            if ages[-1] < GROWN_UP:
                births = prod(_likely_birth(age - each) for each in ages) ** (1 / count)
                yield tuple((CHILD, each) for each in ages), weight * births


def _grown(age: int) -> Iterator[tuple[Member, float]]:
    """Yield the grown child who still lives with a mother of this age: fewer each year, sons rather than daughters."""
    for grown in range(GROWN_UP, min(age - 16, 50) + 1):
        leaving = exp(-(grown - GROWN_UP) / 8) + 0.03
        yield (MAN, grown), 0.57 * leaving * _likely_birth(age - grown)
        yield (WOMAN, grown), 0.43 * leaving * _likely_birth(age - grown)


def _with_grown(age: int, grown: Member, weight: float, more: list[str]) -> Iterator[tuple[tuple[Member, ...], float]]:
    """Yield a couple with a grown child, and with a second one that is grown too ("2") or is not ("1")."""
    couple = (WOMAN, age), (MAN, age + 2)
    weight *= _old(age + 2)
    if not more:
        yield (*couple, grown), weight
        return
    second = grown[1] - 3
    if more == ["2"] and second >= GROWN_UP:
        yield (*couple, grown, (MAN, second)), weight * 0.57
        yield (*couple, grown, (WOMAN, second)), weight * 0.43
    if more == ["1"] and second < GROWN_UP:
        yield (*couple, grown, (CHILD, second)), weight


def _sharers(age: int, count: int) -> Iterator[tuple[tuple[Member, ...], float]]:
    """Yield grown-ups of about one age who share a home and are no couple."""
    around = [min(max(age + gap, GROWN_UP), OLDEST) for gap in (0, 1, -1, 2)][:count]
    for men in range(count + 1):
        sexes = [MAN] * men + [WOMAN] * (count - men)
        yield tuple(zip(sexes, around, strict=True)), 1.0


__all__ = [
    "CHILD",
    "GROWN_UP",
    "IN_A_HOME",
    "IN_CARE",
    "KINDS",
    "MAN",
    "MEMBERS",
    "OLDEST",
    "WOMAN",
    "Library",
    "Member",
    "cells",
    "census",
    "library",
    "log_weights",
    "start",
]
