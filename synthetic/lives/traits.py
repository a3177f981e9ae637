"""Who somebody is and how they live, as the columns that rates depend on, at any day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.geography import ETHNICITIES
from synthetic.lives.figures import LAST_YEAR, MANY_MEDICINES, OLDEST, SELF, Figures
from synthetic.population.people import FEMALE, People
from synthetic.population.priors import Priors

A_YEAR = 365.25  # days
NEVER = -1  # a day of onset; nobody's real onset falls on that day, the last of 1969
MANY = 4  # treated conditions held, and more: one medicine each
AT_MOST = 20  # contacts of a year that count
CARE_HOME = 9  # people at one address, and more: no family is as large
_GROUPS = {"asian": "HJKL", "black": "MNP", "other": "DEFGRS"}  # by letter of the NHS Data Dictionary
_GROUP = np.array([next((1 + p for p, letters in enumerate(_GROUPS.values()) if e in letters), 0) for e in ETHNICITIES])
STRAINS = ("smi", "substance-misuse", "depression")  # a carer's, when the contacts of a child become fewer or worse


@dataclass(frozen=True)
class Traits:
    """``n`` people as arrays: ``fixed`` (n, those of SELF) as 0 and 1; deprivation is 1 in the most deprived decile.

    ``authority`` and ``decile`` (0 is the most deprived) are places; ``carer`` is the place of a child's adult or -1.
    """

    born: NDArray[np.int32]
    female: NDArray[np.int8]
    authority: NDArray[np.int32]
    decile: NDArray[np.int8]
    carer: NDArray[np.int32]
    fixed: NDArray[np.float32]

    def age(self, day: int) -> NDArray[np.float32]:
        """Return the age in years at a day; below zero before birth."""
        age: NDArray[np.float32] = ((day - self.born) / np.float32(A_YEAR)).astype(np.float32)
        return age

    def years(self, day: int) -> NDArray[np.int16]:
        """Return the completed years at a day, from 0 to OLDEST."""
        return np.clip(np.floor(self.age(day)), 0, OLDEST).astype(np.int16)

    def levels(self, figures: Figures, targets: slice, day: int) -> NDArray[np.float32]:
        """Return what age, place and deprivation give each person for each target, (n, targets), as logarithms."""
        by_age = figures.ages.transpose(0, 2, 1)[..., targets]
        levels: NDArray[np.float32] = by_age[self.female, self.years(day)]
        levels += figures.places[targets].T[self.authority]
        levels += figures.deciles[targets].T[self.decile]
        return levels


def traits(people: People, priors: Priors, figures: Figures) -> Traits:
    """Return the traits of a block's people."""
    place = {code: row for row, code in enumerate(figures.authorities)}
    authority = np.array([place[code] for code in priors.authorities.code], np.int32)[priors.areas.authority]
    decile = priors.areas.imd_decile[people.area] - 1
    female = (people.sex == FEMALE).astype(np.int8)
    group = _GROUP[people.ethnicity]
    _, home, size = np.unique(people.household, return_inverse=True, return_counts=True)
    fixed = np.stack(
        [
            female,
            group == 1,
            group == 2,
            group == 3,
            (9 - decile) / 9,
            size[home] == 1,
            size[home] >= CARE_HOME,
            0 * female,
        ],
        axis=1,
    )
    return Traits(people.born, female, authority[people.area], decile, people.carer, fixed.astype(np.float32))


def terms(
    traits: Traits, figures: Figures, onset: NDArray[np.int32], contacts: NDArray[np.float32], day: int
) -> NDArray[np.float32]:
    """Return the columns that rates depend on, (n, terms), at the start of a day.

    ``onset`` (n, conditions) holds days, or NEVER; ``contacts`` (n, those of LAST_YEAR) last year's recorded ones.
    """
    matrix = np.empty((len(traits.born), len(figures.terms)), np.float32)
    matrix[:, : len(SELF)] = traits.fixed
    held = matrix[:, figures.condition_terms]
    held[:] = held_at(onset, day)
    strained = np.asarray(held[:, [figures.condition(key) for key in STRAINS]].any(axis=1))
    matrix[:, SELF.index("carer-strained")] = (traits.carer >= 0) & strained[traits.carer]
    matrix[:, -len(LAST_YEAR) - 1 : -1] = np.log2(1 + np.minimum(contacts, AT_MOST))
    treated = [place for place, each in enumerate(figures.conditions) if each.treated]
    matrix[:, figures.term(MANY_MEDICINES)] = held[:, treated].sum(axis=1) >= MANY
    return matrix


def held_at(onset: NDArray[np.int32], day: int) -> NDArray[np.bool_]:
    """Return who has what at the start of a day."""
    held: NDArray[np.bool_] = (onset != NEVER) & (onset < day)
    return held


__all__ = ["AT_MOST", "A_YEAR", "CARE_HOME", "MANY", "NEVER", "STRAINS", "Traits", "held_at", "terms", "traits"]
