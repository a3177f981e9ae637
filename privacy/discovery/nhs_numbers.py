"""NHS numbers in a column, in whatever dress, with or without a right check digit."""

from __future__ import annotations

import math
import re
from collections import Counter
from operator import itemgetter

import numpy as np

from privacy.discovery.cells import Cells
from privacy.discovery.suspect import FEW, HALF, MOST, about
from privacy.identifiers import DIGITS, Verdict, check_nhs_number_bytes

BY_CHANCE = 1 / 11  # of ten-digit numbers pass modulus 11
FALSE_ALARM = 1e-9  # how rarely chance may put a surplus of right check digits into a column
ISSUED = ("4", "6", "7")  # privacy.identifiers.ISSUED_LEADING_DIGITS, as texts
MANY, MANY_PREFIXES = 50, 100  # distinct numbers, and first four digits: ids that were counted up share theirs
_GAP = r"[ .,\-/_()|]{1,3}"
# Ten digits in a row, padded or not; in groups of 3, 3 and 4; or in any groups, if nothing numeric stands beside them
_ANY = re.compile(
    rf"(?<!\d)(?<!\d\.)0*(\d{{10}})(?!\d)"
    rf"|(?<![\d.])(\d{{3}}{_GAP}\d{{3}}{_GAP}\d{{4}})(?!\d)"
    rf"|(?<!\d)(?<!\d[ .\-/:_])(\d(?:[ .\-_]{{0,3}}\d){{9}})(?![ .\-/:_]?\d)"
)
_PADDED = re.compile(r"(?m)^0+(\d{10})$")
_SEPARATORS = {ord(c): None for c in " .,-/_()|"}
_WORD = re.compile(r"(?i)n\.?h\.?s")
_BEHIND = re.compile(r"(?i)n\.?h\.?s\.?\W{0,3}(?:no|num|number|id)?\W{0,3}0*(\d(?:[ .\-_]{0,3}\d){9})(?![ .\-/:_]?\d)")
_SAME = frozenset(str(d) * DIGITS for d in range(10))  # all ten pass modulus 11; none is a person


class NhsNumbers:
    """Counts ten-digit numbers, how many have a right check digit, and how they are written.

    Without a word from the column's name the values are NHS numbers when (1) at least ten have a right check digit,
    and chance, which passes one in eleven, would pass as many once in 10^9; (2) half of the texts are ten digits
    grouped 3-3-4, as NHS numbers are written and little else is, whatever their check digits; (3) half of the texts
    are ten plain digits that begin with 4, 6 or 7, not with one of these only, and share few first digits: so
    neither timestamps, yyyymmddhh, mobiles without their zero nor ids that were counted up; (4) a right one stands
    behind the word NHS. Where the name agrees, half of the texts need to be ten digits.
    """

    def __init__(self) -> None:
        self._texts = self._found = self._right = self._grouped = self._plain = self._in_context = 0
        self._leading: Counter[str] = Counter()
        self._prefixes: set[str] = set()

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        bare = (cells.digits >= DIGITS) & (cells.digits == cells.lengths)
        numbers = cells.where(bare & (cells.lengths == DIGITS))
        numbers += _PADDED.findall("\n".join(cells.where(bare & (cells.lengths > DIGITS))))
        self._plain += len(numbers)
        for plain, grouped, odd in _ANY.findall(cells.numeric):
            numbers.append(plain or (grouped or odd).translate(_SEPARATORS))
            self._plain += bool(plain)
            self._grouped += bool(grouped)
        if not numbers:
            return
        self._found += len(numbers)
        self._right += _right(numbers)
        self._leading.update(map(itemgetter(0), numbers))
        self._prefixes.update(number[:4] for number in numbers[:: len(numbers) // (10 * MANY_PREFIXES) + 1])
        if _WORD.search(cells.joined):
            behind = [re.sub(r"\D", "", number) for number in _BEHIND.findall(cells.joined)]
            self._in_context += _right(behind)

    @property
    def sure(self) -> bool:
        """Say whether one of the texts holds what is looked for."""
        return self._right + self._grouped > 0

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        if not self._found:
            return None
        right = f"{about(self._right, self._found)} of its ten-digit numbers have a right NHS check digit"
        if self._more_than_chance():
            return f"{right}, far more than chance gives"
        if self._in_context:
            return "a number with a right NHS check digit stands behind the word NHS"
        if named and self._found >= HALF * self._texts:
            return f"its name says so, and {about(self._found, self._texts)} of its values are ten digits ({right})"
        if self._grouped >= max(FEW, HALF * self._texts):
            grouped = f"{about(self._grouped, self._texts)} of its values are ten digits in groups of 3, 3 and 4"
            return f"{grouped}, as NHS numbers are written ({right})"
        if self._looks_issued():
            return f"{about(self._plain, self._texts)} of its values begin as issued NHS numbers do ({right})"
        return None

    def _more_than_chance(self) -> bool:
        """Say whether chance would give as many right ones once in 10^9 at most (Chernoff's bound)."""
        if self._right < FEW or self._right <= BY_CHANCE * self._found:
            return False
        share = self._right / self._found
        divergence = share * math.log(share / BY_CHANCE)
        if share < 1:
            divergence += (1 - share) * math.log((1 - share) / (1 - BY_CHANCE))
        return self._found * divergence >= -math.log(FALSE_ALARM)

    def _looks_issued(self) -> bool:
        of_three = [self._leading[digit] for digit in ISSUED]
        return (
            self._plain >= max(MANY, HALF * self._texts)
            and sum(of_three) >= MOST * self._found
            and sum(count >= 0.05 * self._found for count in of_three) >= 2
            and len(self._prefixes) >= min(MANY_PREFIXES, HALF * self._found)
        )


def _right(numbers: list[str]) -> int:
    """Return how many have a right check digit, issued or not; one digit ten times has one too, and is no number."""
    digits = np.frombuffer("".join(numbers).encode("ascii"), dtype=np.uint8)
    ends = np.arange(len(numbers) + 1) * DIGITS
    verdicts = check_nhs_number_bytes(digits, ends, allow_test_numbers=True).verdicts
    right = (verdicts == Verdict.OK) | (verdicts == Verdict.NOT_ISSUED)
    return int(right.sum()) - sum(map(_SAME.__contains__, numbers))


__all__ = ["BY_CHANCE", "FALSE_ALARM", "ISSUED", "MANY", "MANY_PREFIXES", "NhsNumbers"]
