"""Which texts are NHS numbers, and what is wrong with those that are not; whole columns at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

DIGITS = 10
WEIGHTS = np.arange(10, 1, -1)  # NHS Data Dictionary, NHS NUMBER: modulus 11
SEPARATORS = " -.\u00a0"  # as people type them: space, hyphen, dot, no-break space
ISSUED_LEADING_DIGITS = (4, 6, 7)  # England, Wales, Isle of Man: 4000000000-4999999999, 6000000000-7999999999
TEST_LEADING_DIGIT = 9  # never issued; 999 is the NHS's range for test patients
LONGEST_TEXT = 32  # longer ones are malformed without a look at the rest
ROWS_AT_A_TIME = 1 << 18  # 35 MB of code points
# Column rule: of 50 random ten-digit numbers half pass with probability 1.2e-13, of 10 all pass with 4e-11
ENOUGH_DISTINCT, ENOUGH_SHARE, FEW_DISTINCT = 50, 0.5, 10


class Verdict(IntEnum):
    """What was found; the names of the wrong ones are the reasons a row goes to quarantine."""

    OK = 0
    MALFORMED = 1
    CHECKSUM = 2
    NOT_ISSUED = 3

    @property
    def code(self) -> str:
        """Return the code in the catalogue of errors."""
        return ("", "nhs-number-malformed", "nhs-number-checksum", "nhs-number-not-issued")[self]


@dataclass(frozen=True)
class Checked:
    """One verdict a text (``uint8``), and the ten digits (``S10``) of those that are OK, else empty."""

    verdicts: NDArray[np.uint8]
    numbers: NDArray[np.bytes_]

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Return which texts are NHS numbers."""
        return np.equal(self.verdicts, Verdict.OK)


def check_nhs_numbers(texts: Sequence[str] | NDArray[np.str_], *, allow_test_numbers: bool) -> Checked:
    """Judge each text: ten digits without separators, modulus 11, an issued range, not one digit only.

    All ten numbers of one repeated digit pass modulus 11; none is a person. Numbers that begin with 9 pass
    only with ``allow_test_numbers``.
    """
    leading = (*ISSUED_LEADING_DIGITS, TEST_LEADING_DIGIT) if allow_test_numbers else ISSUED_LEADING_DIGITS
    parts = [
        _check(np.asarray(texts[start : start + ROWS_AT_A_TIME], dtype=f"U{LONGEST_TEXT + 1}"), leading)
        for start in range(0, max(len(texts), 1), ROWS_AT_A_TIME)
    ]
    return Checked(np.concatenate([p.verdicts for p in parts]), np.concatenate([p.numbers for p in parts]))


def looks_like_nhs_numbers(texts: Iterable[str]) -> bool:
    """Say whether a column holds NHS numbers: half of at least 50 distinct texts pass, or all of 10 to 49."""
    distinct = sorted({text for text in texts if text.strip()})
    if len(distinct) < FEW_DISTINCT:
        return False
    share = float(check_nhs_numbers(distinct, allow_test_numbers=True).ok.mean())
    return share >= ENOUGH_SHARE if len(distinct) >= ENOUGH_DISTINCT else share == 1


def _check(texts: NDArray[np.str_], leading: Sequence[int]) -> Checked:
    points = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), LONGEST_TEXT + 1)
    is_digit = (points >= ord("0")) & (points <= ord("9"))
    used = is_digit | np.isin(points, [ord(c) for c in SEPARATORS])
    # the used places must be the whole text: nothing else in it, and no zero character either
    whole = used.sum(axis=1) == np.strings.str_len(texts)
    formed = whole & (is_digit.sum(axis=1) == DIGITS) & (points[:, -1] == 0)
    digits = (points[formed][is_digit[formed]] - ord("0")).astype(np.uint8).reshape(-1, DIGITS)
    verdicts = np.full(len(texts), Verdict.MALFORMED, dtype=np.uint8)
    verdicts[formed] = _judge(digits, leading)
    numbers = np.zeros(len(texts), dtype=f"S{DIGITS}")
    numbers[formed] = np.ascontiguousarray(digits + ord("0")).view(f"S{DIGITS}").reshape(-1)
    numbers[verdicts != Verdict.OK] = b""
    return Checked(verdicts, numbers)


def _judge(digits: NDArray[np.uint8], leading: Sequence[int]) -> NDArray[np.uint8]:
    remainder = 11 - (digits[:, :-1] @ WEIGHTS) % 11
    right = digits[:, -1] == np.where(remainder == 11, 0, remainder)  # 10 is no digit, so it is never right
    issued = np.isin(digits[:, 0], leading) & (digits != digits[:, :1]).any(axis=1)
    verdicts = np.where(right, np.where(issued, Verdict.OK, Verdict.NOT_ISSUED), Verdict.CHECKSUM)
    return verdicts.astype(np.uint8)


__all__ = [
    "DIGITS",
    "ENOUGH_DISTINCT",
    "ENOUGH_SHARE",
    "FEW_DISTINCT",
    "ISSUED_LEADING_DIGITS",
    "LONGEST_TEXT",
    "ROWS_AT_A_TIME",
    "SEPARATORS",
    "TEST_LEADING_DIGIT",
    "WEIGHTS",
    "Checked",
    "Verdict",
    "check_nhs_numbers",
    "looks_like_nhs_numbers",
]
