"""Names, addresses and postcodes of made-up people, for the records that are linked by them: nobody's, nowhere's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synthetic.draws import draws
from synthetic.geography import ETHNICITIES
from synthetic.population.households import IN_A_HOME
from synthetic.population.people import MALE, People
from synthetic.population.priors import Priors
from synthetic.published import PRIORS
from synthetic.recipe import Recipe

# Royal Mail has no postcode area that begins with Y but YO: these have the shape of a postcode and are nowhere
AREAS = (*"ABCDEFGHKLMNPQRSTUVWXY",)
DISTRICTS, LSOAS_A_DISTRICT, CODES_AN_LSOA = 96, 16, 40  # of 4000 that a district could have; some 18 homes share one
_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"  # a postcode ends in none of C, I, K, M, O, V
_PEOPLES = {
    "A": "british", "B": "irish", "C": "european", "D": "british", "E": "british", "F": "british", "G": "british",
    "H": "indian", "J": "muslim-south-asian", "K": "muslim-south-asian", "L": "indian", "M": "caribbean",
    "N": "african", "P": "african", "R": "chinese", "S": "other", "Z": "british",
}  # fmt: skip
_ERAS = (1955, 1985)  # when the names of those who are born here change
# Of our own: how often a partner, a grown child and anybody else in a home has its surname
_PARTNER, _GROWN_CHILD, _OTHER = 0.75, 0.95, 0.1
_FLATS = 0.18  # of homes (ours)


def identity(recipe: Recipe, priors: Priors, people: People, block: int) -> Mapping[str, pa.Array]:
    """Return ``given``, ``surname``, ``address`` and ``postcode`` of each person of a block.

    People of one household have one address, and most of a family one surname. Two households may have the same
    address, as they may in an old house.
    """
    rng = draws(recipe.seed, "names", block)
    _, first, of = np.unique(people.household, return_index=True, return_inverse=True)
    address, postcode = _homes(rng, priors.areas.number[people.area[first]], np.bincount(of))
    home = pa.array(of)
    return {
        "given": _given(rng, people),
        "surname": _surnames(rng, people, first, of),
        "address": address.take(home),
        "postcode": postcode.take(home),
    }


def _given(rng: np.random.Generator, people: People) -> pa.Array:
    born = people.born.astype("M8[D]").astype("M8[Y]").astype(int) + 1970
    era = np.searchsorted(_ERAS, born, side="right")
    return _picked(rng, people.ethnicity, (people.sex == MALE) * 3 + era, ("woman", "man"))


def _surnames(rng: np.random.Generator, people: People, first: NDArray[np.int64], of: NDArray[np.int64]) -> pa.Array:
    """Return surnames: the household's own for children and most of a family, each one's own elsewhere."""
    years = (people.born - people.born[first][of]) / 365.25  # younger than whom the household is counted by
    second = np.arange(len(people)) == first[of] + 1
    alone = np.bincount(of)[of] >= IN_A_HOME
    likely = np.where(second & (people.sex != people.sex[first][of]) & (np.abs(years) < 16), _PARTNER, _OTHER)
    likely = np.where(years >= 16, _GROWN_CHILD, likely)
    likely = np.where(people.carer >= 0, 1.0, np.where(alone, 0.0, likely))
    likely[first] = 1.0
    family = rng.random(len(people)) < likely
    reference = _picked(rng, people.ethnicity[first], np.zeros(len(first), np.int64), ("surname",))
    own = _picked(rng, people.ethnicity, np.zeros(len(people), np.int64), ("surname",))
    return pc.if_else(pa.array(family), reference.take(pa.array(of)), own)


def _homes(rng: np.random.Generator, lsoa: NDArray[np.int64], size: NDArray[np.int64]) -> tuple[pa.Array, pa.Array]:
    """Return the address and the postcode of each household; all of one postcode are in one street."""
    code = rng.integers(0, CODES_AN_LSOA, len(lsoa))
    words, kinds = _lists()["streets"]["word"], _lists()["streets"]["kind"]
    street = (lsoa * CODES_AN_LSOA + code) * 2_654_435_761 % (len(words) * len(kinds))  # Knuth's multiplier: scattered
    number = rng.integers(1, 150, len(lsoa))
    flat = (rng.random(len(lsoa)) < _FLATS) & (size < IN_A_HOME)
    before = pc.if_else(pa.array(flat), _joined("Flat ", rng.integers(1, 12, len(lsoa)), ", "), "")
    before = pc.if_else(
        pa.array(size >= IN_A_HOME), _joined(words.take(pa.array(street % len(words))), " House, "), before
    )
    road = _joined(words.take(pa.array(street // len(kinds))), " ", kinds.take(pa.array(street % len(kinds))))
    return _joined(before, number, " ", road), _postcodes(lsoa, code)


def _postcodes(lsoa: NDArray[np.int64], code: NDArray[np.int64]) -> pa.Array:
    district, within = np.divmod(lsoa, LSOAS_A_DISTRICT)
    area, district = np.divmod(district, DISTRICTS)
    sector, unit = np.divmod(within * (4000 // LSOAS_A_DISTRICT) + code, 400)
    letters = [pa.array([*_LETTERS]).take(pa.array(place)) for place in np.divmod(unit, 20)]
    return _joined("Y", pa.array(AREAS).take(pa.array(area)), district + 1, " ", sector, *letters)


def _joined(*parts: str | NDArray[np.int64] | pa.Array) -> pa.Array:
    texts = [pa.array(part).cast(pa.string()) if isinstance(part, np.ndarray) else part for part in parts]
    return pc.binary_join_element_wise(*texts, "")


def _picked(
    rng: np.random.Generator, ethnicity: NDArray[np.int8], which: NDArray[np.int64], kinds: tuple[str, ...]
) -> pa.Array:
    """Return a name for each; ``which`` is three times the place in ``kinds``, and the era of birth."""
    names, upto, start = _pool(kinds)
    row = ethnicity.astype(np.int64) * start.shape[1] + (which if start.shape[1] > 1 else 0)
    low, high = start.ravel()[row], start.ravel()[row] + 1
    found = np.searchsorted(upto, low + rng.random(len(row)) * (high - low), side="right")
    return names.take(pa.array(found))


@cache
def _pool(kinds: tuple[str, ...]) -> tuple[pa.Array, NDArray[np.float64], NDArray[np.int64]]:
    """Return all names end to end, their running weight (one a list), and which list each letter, kind and era has."""
    names: list[str] = []
    ends: list[NDArray[np.float64]] = []
    start = np.zeros((len(ETHNICITIES), 3 * len(kinds) if "surname" not in kinds else 1), np.int64)
    for letter, code in enumerate(ETHNICITIES):
        lists = _lists()[_PEOPLES[code]]
        for column in range(start.shape[1]):
            kind, era = kinds[column // 3], (1900, *_ERAS)[column % 3]
            own = lists.get(f"{kind}-{era}", lists.get(kind))
            weight = 1 / (np.arange(len(own)) + 8)
            start[letter, column] = len(ends)
            ends.append(len(ends) + np.cumsum(weight) / weight.sum())
            names += own.to_pylist()
    return pa.array(names), np.concatenate(ends), start


@cache
def _lists() -> Mapping[str, Mapping[str, pa.Array]]:
    lists = tomllib.loads((PRIORS / "names.toml").read_text(encoding="utf-8"))
    return {people: {kind: pa.array(text.split()) for kind, text in of.items()} for people, of in lists.items()}


__all__ = ["AREAS", "CODES_AN_LSOA", "DISTRICTS", "LSOAS_A_DISTRICT", "identity"]
