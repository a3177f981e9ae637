"""Made-up names and addresses are nobody's, and are shared at home as people share them."""

import re
from collections import Counter

import numpy as np
import pytest

from node.linkage.standard import address, name, postcode
from privacy.discovery.postcodes import AREAS as ROYAL_MAIL
from synthetic.geography import ETHNICITIES, geography
from synthetic.population.names import AREAS as NOWHERE
from synthetic.population.names import DISTRICTS, LSOAS_A_DISTRICT, identity
from synthetic.population.people import people
from synthetic.population.priors import priors
from synthetic.recipe import Recipe

RECIPE = Recipe(people=8192)


@pytest.fixture(scope="module")
def block():
    return people(RECIPE, priors("blmk"), 0)


@pytest.fixture(scope="module")
def told(block):
    return {key: column.to_pylist() for key, column in identity(RECIPE, priors("blmk"), block, 0).items()}


def test_everybody_has_a_name_and_a_home_that_a_node_can_compare(block, told):
    assert {len(column) for column in told.values()} == {len(block)}
    assert all(name(text) for text in {*told["given"], *told["surname"]})
    assert all(address(text) for text in set(told["address"]))
    assert all(postcode(text) for text in set(told["postcode"]))


def test_postcodes_are_in_no_area_that_there_is(told):
    areas = {re.match("[A-Z]+", code)[0] for code in told["postcode"]}
    assert areas <= {f"Y{letter}" for letter in NOWHERE}
    assert not {f"Y{letter}" for letter in NOWHERE} & ROYAL_MAIL
    assert len(geography("england").areas.lsoa) <= len(NOWHERE) * DISTRICTS * LSOAS_A_DISTRICT


def test_a_postcode_lies_in_one_neighbourhood_and_in_one_street(block, told):
    pairs = set(zip(told["postcode"], block.area.tolist(), strict=True))
    assert len(pairs) == len(set(told["postcode"]))
    streets = {
        (code, re.sub(r"^.*?\d+ (?=\D+$)", "", line))
        for code, line in zip(told["postcode"], told["address"], strict=True)
    }
    assert len(streets) == len(set(told["postcode"]))


def test_people_of_one_home_have_one_address_and_children_their_family_s_name(block, told):
    homes = {(home, told["address"][i], told["postcode"][i]) for i, home in enumerate(block.household.tolist())}
    assert len(homes) == len(np.unique(block.household))
    children = np.flatnonzero(block.carer >= 0)
    assert all(told["surname"][child] == told["surname"][block.carer[child]] for child in children)


def test_names_tell_most_people_apart_and_some_are_common(block, told):
    full = Counter(zip(told["given"], told["surname"], strict=True))
    assert max(full.values()) > 3  # two people of one name: linkage has something to do
    assert len(full) > 0.5 * len(block)
    days = Counter(zip(told["given"], told["surname"], block.born.tolist(), strict=True))
    assert len(days) > 0.999 * len(block)


def test_names_follow_sex_age_and_group(block, told):
    given = np.array(told["given"])
    british = block.ethnicity == ETHNICITIES.index("A")
    old, young = block.born < -10_000, block.born > 10_000
    assert set(given[british & (block.sex == 1)]) & set(given[british & (block.sex == 2)]) == set()
    assert set(given[british & old & (block.sex == 2)]) & set(given[british & young & (block.sex == 2)]) <= {"Grace"}
    assert "Patel" in set(np.array(told["surname"])[block.ethnicity == ETHNICITIES.index("H")])


def test_the_same_seed_gives_the_same_names_and_another_gives_others(block, told):
    again = identity(RECIPE, priors("blmk"), block, 0)
    assert all(again[key].to_pylist() == told[key] for key in told)
    other = identity(Recipe(people=8192, seed=2), priors("blmk"), block, 0)
    assert other["given"].to_pylist() != told["given"]
