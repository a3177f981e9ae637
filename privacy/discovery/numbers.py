"""Other numbers of people and homes: National Insurance numbers, hospital and local numbers, property numbers."""

from __future__ import annotations

import re

from privacy.discovery.cells import Cells
from privacy.discovery.suspect import FEW, HALF, MOST, about

SPARSE = 3
LONGEST = 16  # characters of a number that stands alone, with its separators
# HMRC, National Insurance Manual NIM39110: letters that are not used, prefixes that are not allocated, suffix A to D
_ALLOCATED = (
    r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ \-]?\d\d[ \-]?\d\d[ \-]?\d\d[ \-]?[A-D](?![A-Z\d])"
)
_INSURANCE = re.compile(rf"(?<![A-Z\d]){_ALLOCATED}")
_ALIKE = re.compile(r"(?<![A-Z\d])[A-Z]{2}[ \-]?\d\d[ \-]?\d\d[ \-]?\d\d[ \-]?[A-Z](?![A-Z\d])")
_LOCAL = re.compile(r"(?=.*\d)[A-Za-z]{0,5}[ \-/]?\d[A-Za-z\d\-/]{2,14}")
_PROPERTY = re.compile(r"\d{5,12}")


class InsuranceNumbers:
    """Counts National Insurance numbers: three at least, and nine in ten of the texts of that shape are allocated.

    Of random codes with two letters, six digits and a letter about one in twelve could be allocated.
    """

    def __init__(self) -> None:
        self._texts = self._allocated = self._alike = 0

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        likely = (cells.digits >= 6) & (cells.letters >= 3) & ((cells.lengths <= LONGEST) | (cells.words >= 2))
        joined = "\n".join(cells.where(likely)).upper()
        alike = len(_ALIKE.findall(joined))
        self._alike += alike
        self._allocated += len(_INSURANCE.findall(joined)) if alike else 0

    @property
    def sure(self) -> bool:
        """Say whether one of the texts holds what is looked for."""
        return self._allocated > 0

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        if self._allocated >= (1 if named else SPARSE) and self._allocated >= MOST * self._alike:
            return f"{about(self._allocated, self._texts)} of its values hold a National Insurance number"
        return None


class LocalNumbers:
    """Counts texts that could be a hospital, practice or local authority number; nothing without the column's name."""

    def __init__(self) -> None:
        self._texts = self._alike = 0

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        likely = (cells.digits >= 4) & (cells.lengths <= LONGEST)
        self._alike += sum(map(bool, map(_LOCAL.fullmatch, cells.where(likely))))

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        if named and self._alike >= max(FEW, HALF * self._texts):
            return f"its name says so, and {about(self._alike, self._texts)} of its values are distinct numbers"
        return None


class PropertyNumbers:
    """Counts texts that could be a UPRN or USRN; nothing without the column's name."""

    def __init__(self) -> None:
        self._texts = self._alike = 0

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        likely = (cells.digits >= 5) & (cells.digits == cells.lengths)
        self._alike += sum(map(bool, map(_PROPERTY.fullmatch, cells.where(likely))))

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        if named and self._alike >= max(1, HALF * self._texts):
            return f"its name says so, and {about(self._alike, self._texts)} of its values have the shape"
        return None


__all__ = ["LONGEST", "SPARSE", "InsuranceNumbers", "LocalNumbers", "PropertyNumbers"]
