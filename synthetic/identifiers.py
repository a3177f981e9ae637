"""Made-up NHS numbers that are nobody's: the 999 range first, with a right check digit."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from synthetic.draws import draws

WEIGHTS = np.arange(10, 1, -1)  # NHS Data Dictionary: modulus 11 over the first nine digits
# A range is its first stem of eight digits and how many there are; of the ten last digits that a stem could have at
# most one asks for a check digit of ten, so that nine are always left.
_A_STEM = 9
_DIGITS, _NOBODYS = 10, 10**10 - 1  # ten nines pass every check, and are used for "not known"
_RANGES = (
    (999 * 10**5, 10**5 - 1),  # the NHS Data Dictionary keeps 999 for test numbers; all but the stem of ten nines
    (900 * 10**5, 99 * 10**5),  # 900 to 998, not issued either: package nhs-number has all of 9xx as synthetic
)
IN_TEST_RANGE = _RANGES[0][1] * _A_STEM  # so many people have a number that begins with 999


def nhs_numbers(seed: int, first: int, count: int) -> NDArray[np.int64]:
    """Return the NHS numbers of people ``first`` and on: the same whoever asks; no two people have the same.

    The first ``IN_TEST_RANGE`` people are in the 999 range, those behind them in 900 to 998.
    """
    of = np.arange(first, first + count, dtype=np.int64)
    test = of < IN_TEST_RANGE
    return np.concatenate([_numbers(seed, 0, of[test]), _numbers(seed, 1, of[~test] - IN_TEST_RANGE)])


def notes_on(people: int) -> tuple[str, ...]:
    """Return what has to be said of the numbers of so many people, if anything."""
    if people <= IN_TEST_RANGE:
        return ()
    return (
        (
            f"The range 999 has {IN_TEST_RANGE:,} NHS numbers; everybody else's begins with 900 to 998, which are not "
            "issued to anybody either."
        ),
    )


def is_made_up(texts: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which texts are NHS numbers of these ranges: ten digits from 900 on, the last one the check digit."""
    shaped = np.char.isdecimal(texts) & (np.char.str_len(texts) == _DIGITS) & np.char.startswith(texts, "9")
    numbers = np.where(shaped, texts, "0").astype(np.int64)
    return np.asarray(shaped & (_check(numbers // 10) == numbers % 10) & (numbers != _NOBODYS))


def _numbers(seed: int, which: int, of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers at these places of a range, shuffled: steps prime to their count meet none twice."""
    first_stem, stems = _RANGES[which]
    size = stems * _A_STEM
    rng = draws(seed, "nhs-numbers", which)
    step = int(rng.integers(size // 4, size // 2))
    while gcd(step, size) > 1:
        step += 1
    stem, last = np.divmod((int(rng.integers(size)) + of * step) % size, _A_STEM)
    stem += first_stem
    # the last digit that would ask for ten: 2 d + s = 1 modulo 11, and 6 is the half of 1
    without = (1 - _weighted(stem, WEIGHTS[:8])) * 6 % 11
    stem = stem * 10 + last + (last >= without)
    return np.asarray(stem * 10 + _check(stem))


def _check(stems: NDArray[np.int64]) -> NDArray[np.int64]:
    return -_weighted(stems, WEIGHTS) % 11


def _weighted(numbers: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    digits = numbers[:, None] // 10 ** np.arange(len(weights) - 1, -1, -1) % 10
    return np.asarray(digits @ weights)


__all__ = ["IN_TEST_RANGE", "WEIGHTS", "is_made_up", "nhs_numbers", "notes_on"]
