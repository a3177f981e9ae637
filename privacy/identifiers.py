"""Which texts are NHS numbers, and what is wrong with those that are not; whole columns at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 10
# NHS Data Dictionary, NHS NUMBER: modulus 11; the check digit itself weighs one
WEIGHTS = np.arange(10, 0, -1, dtype=np.uint16)
SEPARATORS = " -.\u00a0"  # as people type them: space, hyphen, dot, no-break space
ISSUED_LEADING_DIGITS = (4, 6, 7)  # England, Wales, Isle of Man: 4000000000-4999999999, 6000000000-7999999999
TEST_LEADING_DIGIT = 9  # never issued; 999 is the NHS's range for test patients
LONGEST_TEXT = 32  # characters; longer ones are malformed without a look at the rest
ROWS_AT_A_TIME = 1 << 16  # what is in hand stays within a core's cache
_LONGEST_BYTES = DIGITS + 2 * (LONGEST_TEXT - DIGITS)  # ten digits, and no-break spaces of two bytes in UTF-8
_NO_BREAK_SPACE = "\u00a0".encode()
_ONES = 1_111_111_111  # times a digit, the number of that digit ten times


class Verdict(IntEnum):
    """What was found; the names of the wrong ones are the reasons a row goes to quarantine."""

    OK = 0
    MALFORMED = 1
    CHECKSUM = 2
    NOT_ISSUED = 3
    UNLINKED = 4  # no NHS number: an id that no linkage made a person's

    @property
    def code(self) -> str:
        """Return the code in the catalogue of errors."""
        codes = ("nhs-number-malformed", "nhs-number-checksum", "nhs-number-not-issued", "person-unlinked")
        return ("", *codes)[self]


@dataclass(frozen=True, eq=False)
class Checked:
    """One verdict a text (``uint8``), and its ten digits as a number (``int64``), zero unless the verdict is OK."""

    verdicts: NDArray[np.uint8]
    values: NDArray[np.int64]

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Return which texts are NHS numbers."""
        return np.equal(self.verdicts, Verdict.OK)

    @property
    def numbers(self) -> NDArray[np.bytes_]:
        """Return the canonical form of each text, ten digits (``S10``), empty unless the verdict is OK."""
        written = ten_digits(self.values)
        written[~self.ok] = b""
        return written


def check_nhs_numbers(texts: Sequence[str] | NDArray[np.str_], *, allow_test_numbers: bool) -> Checked:
    """Judge each text: ten digits without separators, modulus 11, an issued range, not one digit only.

    All ten numbers of one repeated digit pass modulus 11; none is a person. Numbers that begin with 9 pass
    only with ``allow_test_numbers``.
    """
    encoded = [str(text).encode(errors="replace") for text in texts]
    ends = np.cumsum([0, *map(len, encoded)])
    content = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return check_nhs_number_bytes(content, ends, allow_test_numbers=allow_test_numbers)


def check_nhs_number_bytes(
    content: NDArray[np.uint8], offsets: NDArray[np.integer[Any]], *, allow_test_numbers: bool
) -> Checked:
    """Judge a column of UTF-8 texts as Arrow lays it out: text ``i`` is ``content[offsets[i]:offsets[i + 1]]``.

    Ten plain digits, which is what nearly every source has, are judged ten columns at once; only the others are
    looked at character by character.
    """
    leading = (*ISSUED_LEADING_DIGITS, TEST_LEADING_DIGIT) if allow_test_numbers else ISSUED_LEADING_DIGITS
    issued = np.isin(np.arange(256), leading)  # by what a byte is above "0": those that are no digits are in no range
    count = len(offsets) - 1
    verdicts, values = np.empty(count, dtype=np.uint8), np.empty(count, dtype=np.int64)
    for start in range(0, count, ROWS_AT_A_TIME):
        part = slice(start, min(start + ROWS_AT_A_TIME, count))
        verdicts[part], values[part] = _check(content, offsets[part.start : part.stop + 1].astype(np.int64), issued)
    return Checked(verdicts, values)


def ten_digits(values: NDArray[np.integer[Any]]) -> NDArray[np.bytes_]:
    """Write each number with ten digits (``S10``), leading zeros included."""
    left = values.astype(np.uint64)
    digits = np.empty((len(left), DIGITS), dtype=np.uint8)
    for place in range(DIGITS - 1, -1, -1):
        shorter = left // np.uint64(10)
        digits[:, place] = left - shorter * np.uint64(10) + np.uint64(ord("0"))
        left = shorter
    return digits.view(f"S{DIGITS}").reshape(-1)


def _check(
    content: NDArray[np.uint8], offsets: NDArray[np.int64], issued: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    starts, lengths = offsets[:-1], np.diff(offsets)
    plain = lengths == DIGITS
    if plain.all():
        digits = content[offsets[0] : offsets[-1]].reshape(-1, DIGITS) - np.uint8(ord("0"))
    else:
        digits = np.full((len(starts), DIGITS), 255, dtype=np.uint8)
        digits[plain] = content[starts[plain, None] + np.arange(DIGITS)] - np.uint8(ord("0"))
    formed: NDArray[np.bool_] = np.less(digits, 10).all(axis=1)  # below zero wraps to above nine
    odd = np.flatnonzero(~formed)
    if len(odd):
        found, digits[odd] = _bare_digits(content, starts[odd], lengths[odd])
        formed[odd] = found
    return _judge(digits, formed, issued)


def _bare_digits(
    content: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Say which texts are ten digits among separators and nothing else, and return those digits, else zeros."""
    places = np.arange(_LONGEST_BYTES + 1)
    inside = places < lengths[:, None]
    padded = np.concatenate([content, np.zeros(1, dtype=np.uint8)])
    letters = np.where(inside, padded[np.where(inside, starts[:, None] + places, -1)], 0)
    is_digit = (letters >= ord("0")) & (letters <= ord("9"))
    is_plain = np.isin(letters, [ord(c) for c in SEPARATORS if c.isascii()])
    no_break = np.zeros_like(is_digit)
    no_break[:, :-1] = (letters[:, :-1] == _NO_BREAK_SPACE[0]) & (letters[:, 1:] == _NO_BREAK_SPACE[1])
    spaces = no_break.sum(axis=1)
    whole = is_digit.sum(axis=1) + is_plain.sum(axis=1) + 2 * spaces == lengths
    formed = whole & (lengths - spaces <= LONGEST_TEXT) & (is_digit.sum(axis=1) == DIGITS)
    digits = np.zeros((len(starts), DIGITS), dtype=np.uint8)
    digits[formed] = (letters[formed][is_digit[formed]] - ord("0")).reshape(-1, DIGITS)
    return formed, digits


def _judge(
    digits: NDArray[np.uint8], formed: NDArray[np.bool_], issued: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    leading = digits[:, 0]
    values, weighted = np.zeros(len(digits), np.int64), np.zeros(len(digits), np.uint16)
    for place, digit in enumerate(np.ascontiguousarray(digits.T)):  # ten columns: quicker than a matrix product
        values = values * 10 + digit
        weighted += digit * WEIGHTS[place]
    right = weighted % np.uint16(11) == 0  # where the check digit would be 10, no digit is right
    known = issued[leading] & (values != leading * np.int64(_ONES))
    verdicts = np.where(known, np.uint8(Verdict.OK), np.uint8(Verdict.NOT_ISSUED))
    verdicts[~right] = Verdict.CHECKSUM
    verdicts[~formed] = Verdict.MALFORMED
    values[verdicts != Verdict.OK] = 0
    return verdicts, values


__all__ = [
    "DIGITS",
    "ISSUED_LEADING_DIGITS",
    "LONGEST_TEXT",
    "ROWS_AT_A_TIME",
    "SEPARATORS",
    "TEST_LEADING_DIGIT",
    "WEIGHTS",
    "Checked",
    "Verdict",
    "check_nhs_number_bytes",
    "check_nhs_numbers",
    "ten_digits",
]
