"""Who lives in a block: numbers, sexes, days of birth, ethnic groups, homes, practices and households."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from privacy.columns import days_of
from privacy.errors import Invalid
from synthetic.draws import PEOPLE_A_BLOCK, blocks, draws
from synthetic.identifiers import nhs_numbers
from synthetic.population.ethnicity import ethnicities
from synthetic.population.homes import homes
from synthetic.population.households import GROWN_UP, OLDEST
from synthetic.population.neighbourhoods import areas
from synthetic.population.practices import registered
from synthetic.population.priors import Priors
from synthetic.recipe import Recipe

MALE, FEMALE = 1, 2  # NHS Data Dictionary, PERSON STATED GENDER CODE
# Years beyond 90 follow a Weibull: of people of 90 and over some 2.5 % are then 100 and over (as ONS estimates them)
VERY_OLD, DYING_OFF, OLDEST_AGE = 3.4, 1.2, 110


@dataclass(frozen=True)
class People:
    """One block's people: arrays of one length, row i is person ``first`` + i, those of a household side by side.

    ``born`` in days since 1970-01-01; ``ethnicity`` a place in ``ETHNICITIES``; ``area`` a place in the priors' areas;
    ``practice`` a place in their practices; ``household`` the same number in all blocks; ``carer`` the row in this
    block of the adult a child lives with, -1 where there is none.
    """

    first: int
    nhs_number: NDArray[np.int64]
    sex: NDArray[np.int8]
    born: NDArray[np.int32]
    ethnicity: NDArray[np.int8]
    area: NDArray[np.int32]
    practice: NDArray[np.int16]
    household: NDArray[np.int64]
    carer: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.nhs_number)


def people(recipe: Recipe, priors: Priors, block: int) -> People:
    """Return the people of one block: the same whoever asks, and whichever other blocks were asked for.

    A block that the recipe's people do not reach is ``synthetic-block-unknown``.
    """
    if not 0 <= block < blocks(recipe.people):
        raise Invalid("synthetic-block-unknown", f"blocks are 0 to {blocks(recipe.people) - 1}")
    place, first = priors.geography.place, block * PEOPLE_A_BLOCK
    n = min(PEOPLE_A_BLOCK, recipe.people - first)
    drawn = homes(draws(recipe.seed, "homes", block), place, n)
    area = areas(draws(recipe.seed, "areas", block), place, drawn)
    practice = registered(draws(recipe.seed, "practices", block), place, drawn.authority, area)
    reference = drawn.first[drawn.household]
    return People(
        first=first,
        nhs_number=nhs_numbers(recipe.seed, first, n),
        sex=np.where(drawn.male, MALE, FEMALE).astype(np.int8),
        born=_born(draws(recipe.seed, "births", block), recipe.index_date, drawn.age),
        ethnicity=ethnicities(draws(recipe.seed, "ethnicity", block), place, drawn, area),
        area=area[drawn.household],
        practice=practice[drawn.household],
        household=first + drawn.household,
        carer=np.where(drawn.age < GROWN_UP, reference, -1).astype(np.int32),
    )


def _born(rng: np.random.Generator, index_date: date, age: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return a day of birth for each age in whole years on the index date; those of 90 and over die off as Weibull."""
    beyond = np.minimum(VERY_OLD * rng.weibull(DYING_OFF, len(age)), OLDEST_AGE - OLDEST).astype(np.int64)
    years = np.where(age == OLDEST, OLDEST + beyond, age)
    birthdays = np.array([_years_before(index_date, year) for year in range(OLDEST_AGE + 2)])
    after, until = birthdays[years + 1], birthdays[years]
    return np.asarray((after + 1 + rng.random(len(age)) * (until - after)).astype(np.int32))


def _years_before(day: date, years: int) -> int:
    """Return the day with the same birthday so many years earlier, as days since 1970; 29 February is 28 February."""
    earlier = date(day.year - years, day.month, 28 if (day.month, day.day) == (2, 29) else day.day)
    return int(days_of(earlier))


__all__ = ["DYING_OFF", "FEMALE", "MALE", "OLDEST_AGE", "VERY_OLD", "People", "people"]
