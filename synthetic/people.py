"""Who lives in a block: numbers, sexes, days of birth, ethnic groups, homes, practices and households."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.errors import Invalid
from synthetic.draws import PEOPLE_A_BLOCK, blocks, draws
from synthetic.geography import AGE_BANDS, AGES
from synthetic.identifiers import nhs_numbers
from synthetic.priors import Priors
from synthetic.recipe import Recipe

MALE, FEMALE = 1, 2  # NHS Data Dictionary, PERSON STATED GENDER CODE
DAYS_A_YEAR = 365.25


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
    first = block * PEOPLE_A_BLOCK
    n = min(PEOPLE_A_BLOCK, recipe.people - first)
    rng = draws(recipe.seed, "people", block)
    ages = priors.authorities.ages
    cell = _drawn(rng, n, ages.ravel())
    authority, age = np.divmod(cell, AGES)
    male = rng.random(n) < priors.male[age]
    area = _areas(rng, priors, authority, age)
    born = recipe.index_day - 1 - ((age + rng.random(n)) * DAYS_A_YEAR).astype(np.int32)
    return People(
        first=first,
        nhs_number=nhs_numbers(recipe.seed, first, n),
        sex=np.where(male, MALE, FEMALE).astype(np.int8),
        born=born.astype(np.int32),
        ethnicity=_ethnicities(rng, priors, authority),
        area=area,
        practice=(area // 6).astype(np.int16),
        household=first + np.arange(n, dtype=np.int64),
        carer=np.full(n, -1, np.int32),
    )


def _drawn(rng: np.random.Generator, n: int, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return n places drawn by these weights."""
    upto = np.cumsum(weights)
    return np.asarray(np.searchsorted(upto, rng.random(n) * upto[-1], side="right"))


def _areas(
    rng: np.random.Generator, priors: Priors, authority: NDArray[np.int64], age: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Return an LSOA of each person's authority, by how many of the person's broad age live in each."""
    band = np.searchsorted(AGE_BANDS, age, side="right") - 1
    of, share = priors.areas.authority, priors.areas.share
    area = np.zeros(len(authority), np.int32)
    for each in np.unique(authority):
        own = np.flatnonzero(of == each)
        for one in range(len(AGE_BANDS)):
            who = np.flatnonzero((authority == each) & (band == one))
            area[who] = own[_drawn(rng, len(who), share[own, one])]
    return area


def _ethnicities(rng: np.random.Generator, priors: Priors, authority: NDArray[np.int64]) -> NDArray[np.int8]:
    counts = priors.authorities.ethnicities
    upto = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
    places = (rng.random(len(authority))[:, None] > upto[authority]).sum(axis=1)
    return np.asarray(places.astype(np.int8))


__all__ = ["DAYS_A_YEAR", "FEMALE", "MALE", "People", "people"]
