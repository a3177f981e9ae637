"""The codes that events are recorded by, and how a contact gets one that fits who had it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.figures import Figures, figures
from synthetic.published import rows


@dataclass(frozen=True)
class Code:
    """One code of one system, its title in our words, and the unit of its values ("" where it has none)."""

    system: str
    code: str
    title: str
    unit: str = ""


@dataclass(frozen=True)
class Mixture:
    """The codes of one kind of contact, as arrays: places in ``CODES``, weights, and who can have each.

    ``requires`` is the place of a condition or -1. A value is normal about ``value``, and ``shift`` higher for who has
    the condition ``shifted_by``; NaN where the code has none.
    """

    code: NDArray[np.int32]
    weight: NDArray[np.float32]
    requires: NDArray[np.int64]
    least_age: NDArray[np.int64]
    most_age: NDArray[np.int64]
    value: NDArray[np.float32]
    spread: NDArray[np.float32]
    shifted_by: NDArray[np.int64]
    shift: NDArray[np.float32]

    def draw(
        self,
        held: NDArray[np.bool_],
        years: NDArray[np.int16],
        person: NDArray[np.int32],
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return a code and a value for each contact of ``person``, given conditions (n, conditions) and ages (n,)."""
        has = np.concatenate([held, np.ones((len(held), 1), bool)], axis=1)  # -1, nothing, is what everybody has
        fits = has[:, self.requires] & (years[:, None] >= self.least_age) & (years[:, None] <= self.most_age)
        upto = np.cumsum(fits * self.weight, axis=1)
        mark = rng.random(len(person), np.float32) * upto[person, -1]
        place = np.minimum((mark[:, None] >= upto[person]).sum(axis=1), len(self.code) - 1)
        value = self.value[place]
        if not np.isnan(self.value).all():
            shifted = np.where(has[person, self.shifted_by[place]], self.shift[place], 0)
            value = np.round(value + shifted + self.spread[place] * rng.standard_normal(len(person), np.float32), 1)
        return self.code[place], value


@cache
def codes() -> tuple[Code, ...]:
    """Return every code that an event can have: of contacts, then diagnoses, then medicines; an event names a place."""
    of_contacts = (Code(row["system"], row["code"], row["title"], row["unit"]) for row in rows("codes"))
    known = figures().conditions
    diagnoses = (Code(each.system, each.code, each.title) for each in known)
    medicines = (Code("local", each.medicine.replace(" ", "-"), each.medicine) for each in known if each.treated)
    unique: dict[tuple[str, str], Code] = {}
    for each in (*of_contacts, *diagnoses, *medicines):
        unique.setdefault((each.system, each.code), each)
    return tuple(unique.values())


@cache
def mixtures() -> dict[str, Mixture]:
    """Return the codes of each kind of contact."""
    kinds: dict[str, list[dict[str, str]]] = {}
    for row in rows("codes"):
        kinds.setdefault(row["process"], []).append(row)
    return {kind: _mixture(listed, figures()) for kind, listed in kinds.items()}


def place_of(system: str, code: str) -> int:
    """Return the place of a code in ``codes()``."""
    return _places()[system, code]


@cache
def _places() -> dict[tuple[str, str], int]:
    return {(each.system, each.code): place for place, each in enumerate(codes())}


def _mixture(listed: Sequence[dict[str, str]], known: Figures) -> Mixture:
    def floats(name: str) -> NDArray[np.float32]:
        return np.array([row[name] or "nan" for row in listed], np.float32)

    def conditions(name: str) -> NDArray[np.int64]:
        return np.array([known.condition(row[name]) if row[name] else -1 for row in listed])

    return Mixture(
        code=np.array([place_of(row["system"], row["code"]) for row in listed], np.int32),
        weight=floats("weight"),
        requires=conditions("requires"),
        least_age=np.array([int(row["least_age"]) for row in listed]),
        most_age=np.array([int(row["most_age"]) for row in listed]),
        value=floats("value"),
        spread=floats("spread"),
        shifted_by=conditions("shifted_by"),
        shift=np.nan_to_num(floats("shift")),
    )


__all__ = ["Code", "Mixture", "codes", "mixtures", "place_of"]
