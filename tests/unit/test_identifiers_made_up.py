"""Made-up NHS numbers pass every check and can be nobody's."""

import numpy as np
import pytest

from privacy.identifiers import check_nhs_numbers
from synthetic.identifiers import STEMS, made_up_nhs_numbers


@pytest.fixture(scope="module")
def every():
    return made_up_nhs_numbers(909_090, seed=1)


def test_all_there_are_pass_the_check_for_test_numbers(every):
    assert check_nhs_numbers(every, allow_test_numbers=True).ok.all()


def test_none_passes_as_anybody_s(every):
    assert not check_nhs_numbers(every[:10_000], allow_test_numbers=False).ok.any()
    assert all(number.startswith("999") and len(number) == 10 for number in every[:10_000])


def test_no_two_are_alike(every):
    assert len(np.unique(every)) == len(every)


def test_check_digits_by_hand(every):
    for number in every[:200]:
        remainder = 11 - sum(int(d) * w for d, w in zip(number[:9], range(10, 1, -1), strict=True)) % 11
        assert int(number[9]) == remainder % 11


def test_ten_nines_are_not_among_them(every):
    """Their check digit is right, and yet no check accepts a number of one digit only."""
    assert "9999999999" not in every
    assert not check_nhs_numbers(["9999999999"], allow_test_numbers=True).ok.any()


def test_a_seed_gives_the_same_numbers_and_another_gives_others():
    assert (made_up_nhs_numbers(50, seed=3) == made_up_nhs_numbers(50, seed=3)).all()
    assert (made_up_nhs_numbers(50, seed=3) == made_up_nhs_numbers(99, seed=3)[:50]).all()
    assert (made_up_nhs_numbers(50, seed=3) != made_up_nhs_numbers(50, seed=4)).any()
    assert len(made_up_nhs_numbers(0, seed=3)) == 0


def test_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match="the 999 range holds"):
        made_up_nhs_numbers(STEMS, seed=1)
