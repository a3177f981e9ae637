"""England of sixty million can be made: any of its blocks alone, for what a block of a small population takes."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from privacy.identifiers import check_nhs_numbers
from synthetic.draws import PEOPLE_A_BLOCK, blocks
from synthetic.lives.canonical import MOST_EVENTS
from synthetic.lives.simulator import block
from synthetic.population.people import people
from synthetic.population.priors import priors
from synthetic.recipe import MOST_PEOPLE, Recipe
from synthetic.tables import parts_of
from tests.lived import lived

ENGLAND = Recipe(people=MOST_PEOPLE, place="england")
SMALL = replace(ENGLAND, people=PEOPLE_A_BLOCK)
LAST = blocks(MOST_PEOPLE) - 1


def made(recipe, index):
    """A block, and the most memory that making it took beyond what was there."""
    known = priors("england")
    tracemalloc.start()
    own = block(recipe, known, index)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return own, most


@pytest.fixture(scope="module")
def three():
    lived("england")  # what is read once a process
    return {"small": made(SMALL, 0), "middle": made(ENGLAND, LAST // 2), "last": made(ENGLAND, LAST)}


def test_a_block_in_the_middle_or_at_the_end_takes_no_more_memory_than_one_of_a_small_population(three):
    assert three["middle"][1] < 1.2 * three["small"][1]
    assert three["last"][1] < 1.2 * three["small"][1]


def test_blocks_hold_everybody_once(three):
    size = MOST_PEOPLE - LAST * PEOPLE_A_BLOCK
    assert (len(three["middle"][0].people), len(three["last"][0].people)) == (PEOPLE_A_BLOCK, size)
    assert parts_of(MOST_PEOPLE) == 916
    for own, _ in three.values():
        a_head = len(own.events) / len(own.people)
        assert 25 < a_head < 45
        assert len(own.events) < MOST_EVENTS
    assert (LAST + 1) * MOST_EVENTS < 2**63  # so many record ids there are


def test_nobody_has_a_number_that_another_block_gives(three):
    numbers = np.concatenate([people(ENGLAND, priors("england"), index).nhs_number for index in (0, LAST // 2, LAST)])
    assert len(np.unique(numbers)) == len(numbers)
    assert check_nhs_numbers(numbers.astype(str), allow_test_numbers=True).ok.all()


def test_the_first_block_is_that_of_any_larger_population_but_for_its_place_among_them():
    few, many = people(SMALL, priors("england"), 0), people(ENGLAND, priors("england"), 0)
    for name in ("born", "sex", "ethnicity", "area", "nhs_number"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name))
