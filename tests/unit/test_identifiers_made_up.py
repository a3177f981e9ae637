"""Made-up NHS numbers pass every check and can be nobody's."""

import numpy as np
import pytest

from privacy.identifiers import check_nhs_numbers
from synthetic.identifiers import IN_TEST_RANGE, nhs_numbers


@pytest.fixture(scope="module")
def around():
    """Numbers of the end of the 999 range and of the beginning of the one behind it."""
    return nhs_numbers(1, IN_TEST_RANGE - 10_000, 20_000).astype(str)


def test_all_pass_the_check_for_test_numbers_and_none_passes_as_anybody_s(around):
    assert check_nhs_numbers(around, allow_test_numbers=True).ok.all()
    assert not check_nhs_numbers(around, allow_test_numbers=False).ok.any()


def test_the_first_are_of_the_999_range_and_the_others_of_900_to_998(around):
    assert all(number.startswith("999") and len(number) == 10 for number in around[:10_000])
    assert all(number.startswith("9") and len(number) == 10 for number in around[10_000:])
    assert not any(number.startswith("999") for number in around[10_000:])


def test_no_two_are_alike_in_either_range():
    numbers = np.concatenate([nhs_numbers(3, 0, 150_000), nhs_numbers(3, IN_TEST_RANGE - 75_000, 150_000)])
    far = nhs_numbers(3, 59_900_000, 100_000)
    assert len(np.unique(np.concatenate([numbers, far]))) == len(numbers) + len(far)


def test_check_digits_by_hand(around):
    for number in around[9_900:10_100]:
        remainder = 11 - sum(int(d) * w for d, w in zip(number[:9], range(10, 1, -1), strict=True)) % 11
        assert int(number[9]) == remainder % 11


def test_ten_nines_are_not_among_them():
    """Their check digit is right, and yet no check accepts a number of one digit only."""
    assert not check_nhs_numbers(["9999999999"], allow_test_numbers=True).ok.any()
    assert nhs_numbers(1, 0, IN_TEST_RANGE).max() < 9_999_999_900


def test_a_seed_gives_the_same_numbers_whoever_asks_and_another_gives_others():
    assert (nhs_numbers(3, 0, 50) == nhs_numbers(3, 0, 99)[:50]).all()
    assert (nhs_numbers(3, 20, 30) == nhs_numbers(3, 0, 50)[20:]).all()
    assert (nhs_numbers(3, 0, 50) != nhs_numbers(4, 0, 50)).any()
    assert len(nhs_numbers(3, 0, 0)) == 0
