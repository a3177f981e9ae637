"""Ways to reach somebody: telephone numbers and e-mail addresses."""

from __future__ import annotations

import re

from privacy.discovery.cells import Cells
from privacy.discovery.suspect import FEW, HALF, MOST, about

SPARSE, SPARSE_SHARE = 3, 0.01  # numbers or addresses inside longer texts
MANY_PREFIXES = 20  # first four digits of mobiles: ids that were counted up share theirs
_GAP = r"[ .\-/()]{0,3}"
_COUNTRY = rf"(?:\+{_GAP}44|00{_GAP}44){_GAP}(?:\(0\))?{_GAP}"
# Ofcom's numbering plan: 01 and 02 places, 03 organisations, 07 mobiles; ten digits after the zero, a few places nine
_SURE = re.compile(
    rf"(?<![\d+])(?:{_COUNTRY}0?{_GAP}[1237](?:{_GAP}\d){{8,9}}|0[ \-]?7[ \-]?[1-9](?:{_GAP}\d){{8}}"
    rf"|\(?0[123]\d{{1,4}}[ )\-./]{{1,3}}\d{{3,8}}(?:[ \-]\d{{3,4}})?)(?!\d)"
)
_LIKELY = re.compile(r"(?m)^0[123]\d{8,9}$")
_MOBILE = re.compile(r"(?m)^07[1-9]\d{8}$")
_BARE_MOBILE = re.compile(r"(?m)^7[1-9]\d{8}$")
_MAIL = re.compile(r"[A-Za-z0-9._%+\-']{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,5}[A-Za-z]{2,24}")


class Phones:
    """Counts telephone numbers of the United Kingdom.

    Sure ones have +44, 0044 or a separator, or stand in a text: one text in a hundred is enough, and three at least.
    Eleven plain digits that begin with 07 could be ids: one text in ten is enough. Ten or eleven plain digits that
    begin with 01, 02 or 03 could be padded ids: they count beside others, or where the name agrees. Ten plain digits
    that begin with 7 count when nine in ten do and their first four digits vary.
    """

    def __init__(self) -> None:
        self._texts = self._sure = self._mobile = self._likely = self._bare = 0
        self._prefixes: set[str] = set()

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        plain = cells.digits == cells.lengths
        numbers = "\n".join(cells.where(plain & (cells.digits >= 9) & (cells.digits <= 11)))
        self._likely += len(_LIKELY.findall(numbers))
        self._mobile += len(_MOBILE.findall(numbers))
        bare = _BARE_MOBILE.findall(numbers)
        self._bare += len(bare)
        if len(self._prefixes) < MANY_PREFIXES:
            self._prefixes.update(number[:4] for number in bare)
        numbers = "\n".join(cells.where(plain & (cells.digits >= 12)))
        self._sure += len(_SURE.findall(numbers)) + len(_SURE.findall(cells.numeric))

    @property
    def sure(self) -> bool:
        """Say whether one of the texts holds what is looked for."""
        return self._sure + self._mobile > 0

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        either = self._sure + self._mobile + self._likely
        share = f"{about(either, self._texts)} of its values" if either else ""
        if named and max(either, self._bare) >= max(1, HALF * self._texts):
            return f"its name says so, and {about(max(either, self._bare), self._texts)} of its values have the shape"
        if self._sure + self._mobile >= max(FEW, 0.1 * self._texts):
            return f"{share} are telephone numbers"
        if self._bare >= max(FEW, MOST * self._texts) and len(self._prefixes) >= min(MANY_PREFIXES, HALF * self._bare):
            return f"{about(self._bare, self._texts)} of its values are mobile numbers without their first zero"
        if self._sure >= max(SPARSE, SPARSE_SHARE * self._texts):
            return f"{about(self._sure, self._texts)} of its values hold a telephone number"
        return None


class EMails:
    """Counts texts that hold an e-mail address: three in all, or all of fewer where the name agrees."""

    def __init__(self) -> None:
        self._texts = self._holding = 0

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        if "@" in cells.joined:
            self._holding += sum("@" in line and bool(_MAIL.search(line)) for line in cells.lines)

    @property
    def sure(self) -> bool:
        """Say whether one of the texts holds what is looked for."""
        return self._holding > 0

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        if self._holding >= (1 if named else SPARSE):
            return f"{about(self._holding, self._texts)} of its values hold an e-mail address"
        return None


__all__ = ["MANY_PREFIXES", "SPARSE", "SPARSE_SHARE", "EMails", "Phones"]
