"""What organisations have written down of a block's people: names, homes, and each one's own number for a person."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synthetic.draws import draws
from synthetic.geography import ETHNICITIES
from synthetic.lives.providers import organisations
from synthetic.population.people import FEMALE, MALE, People
from synthetic.population.priors import Priors
from synthetic.recipe import Recipe

# Letters that begin an organisation's own number of a person. Below this prime all are different, whatever the step
LOCAL = {
    "hospital-number": "H", "council-number": "C", "tenant-number": "T", "police-number": "P", "occupier-number": "F",
}  # fmt: skip
LOCAL_NUMBERS = 99_999_989
GENDERS = {MALE: "Male", FEMALE: "Female"}


def registers(
    recipe: Recipe, priors: Priors, people: People, died: NDArray[np.int32], identity: Mapping[str, pa.Array]
) -> Mapping[str, pa.Array]:
    """Return columns of one length, a row a person of the block; ``identity`` has names, addresses and postcodes."""
    areas, born = priors.areas, pa.array(people.born).cast(pa.date32())
    of_area = pa.array(people.area)
    size = _household_sizes(people)
    sexes = pa.array([GENDERS.get(sex, "") for sex in range(FEMALE + 1)])
    authority = pa.array(priors.authorities.code).take(pa.array(areas.authority[people.area]))
    return {
        "number": pa.array(people.nhs_number).cast(pa.string()),
        "birth": born,
        "birth-written": pc.strftime(born, "%d/%m/%Y"),
        "sex": pa.array(people.sex).cast(pa.string()),
        "gender": sexes.take(pa.array(people.sex)),
        "ethnicity": pa.array(ETHNICITIES).take(pa.array(people.ethnicity)),
        "lsoa": pa.array(areas.lsoa).take(of_area),
        "decile": pa.array(areas.imd_decile[people.area]).cast(pa.string()),
        "authority": authority,
        "practice": pa.array(organisations(priors, "gp")).take(pa.array(people.practice)),
        "died": pa.array(died, mask=died < 0).cast(pa.date32()),
        "household-size": pa.array(size),
        "alone": pa.array(["0", "1"]).take(pa.array((size == 1).astype(np.int8))),
        **{name: _local_numbers(recipe, people, name, letter) for name, letter in LOCAL.items()},
        **identity,
    }


def _household_sizes(people: People) -> NDArray[np.int32]:
    """Return how many live in each person's household; a household lies within one block."""
    _, of, count = np.unique(people.household, return_inverse=True, return_counts=True)
    return count[of].astype(np.int32)


def _local_numbers(recipe: Recipe, people: People, name: str, letter: str) -> pa.Array:
    """Return an organisation's numbers of people: a step of its own, modulo a prime, so no two are alike."""
    rng = draws(recipe.seed, f"local-numbers/{name}", 0)
    start, step = (int(rng.integers(1, LOCAL_NUMBERS)) for _ in range(2))
    numbers = (start + (people.first + np.arange(len(people), dtype=np.int64)) * step) % LOCAL_NUMBERS
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 8, "0")
    return pc.binary_join_element_wise(letter, digits, "")


__all__ = ["GENDERS", "LOCAL", "LOCAL_NUMBERS", "registers"]
