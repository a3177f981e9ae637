"""Full postcodes, told apart from codes that look alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from privacy.discovery.cells import Cells
from privacy.discovery.suspect import FEW, HALF, MOST, about
from privacy.written import NO_FIXED_ABODE

# The 124 postcode areas: of Great Britain, Northern Ireland and the Crown dependencies
_AREAS = """
AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY
G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR
NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA
WC WD WF WN WR WS WV YO ZE
"""
AREAS = frozenset(_AREAS.split())
# Of the areas of one letter, which look like ICD-10, OPCS-4 and Read chapters: how far their districts are numbered
HIGHEST: Mapping[str, int] = {"B": 98, "E": 20, "G": 84, "L": 75, "M": 50, "N": 22, "S": 81, "W": 14}
ENDINGS = 10  # distinct last two letters: a suffix that a system put behind its codes is always the same
SPARSE, SPARSE_SHARE = 5, 0.01  # postcodes inside longer texts
_INWARD = r"(\d)([ABD-HJLNP-UW-Z]{2})"  # never C, I, K, M, O, V
_WHOLE = re.compile(rf"(?m)^([A-Z]{{1,2}})(\d[A-Z\d]?)[ -]{{0,4}}{_INWARD}$")
_LOOSE = re.compile(r"(?m)^[A-Z]{1,2}\d[A-Z\d]?[ -]{0,4}\d[A-Z]{2}$")
_INSIDE = re.compile(rf"(?<![A-Z\d])([A-Z]{{1,2}})(\d[A-Z\d]?) {{1,2}}{_INWARD}(?![A-Z\d])")


class Postcodes:
    """Counts full postcodes: an area that exists, a district it could have, letters that postcodes end in.

    A column is suspect when one text in a hundred has the shape (ten at least), nine in ten of those name a real area
    and district, and they end in ten different pairs of letters: ``E11 9AA`` is a place, but a column of ICD or OPCS
    codes with a suffix also has an ``I10`` or a ``W37``, and one suffix. ``ZZ99`` counts neither way. Where the name
    agrees, half of any number is enough. Inside longer texts five are.
    """

    def __init__(self) -> None:
        self._texts = self._loose = self._real = self._inside = self._inside_real = 0
        self._endings: set[str] = set()
        self._inside_endings: set[str] = set()

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        likely = (cells.letters >= 3) & (cells.digits >= 2)
        short = cells.lengths <= 11
        whole = "\n".join(cells.where(likely & short & (cells.letters <= 5) & (cells.digits <= 4))).upper()
        aside = sum(line.startswith(NO_FIXED_ABODE) for line in whole.split("\n"))
        self._texts += len(cells) - aside
        self._loose += len(_LOOSE.findall(whole)) - aside
        real = _real(_WHOLE.findall(whole))
        self._real += len(real)
        self._endings.update(real)
        longer = "\n".join(cells.where(likely & ~short & (cells.words >= 2))).upper()
        inside = _INSIDE.findall(longer)
        real = _real(inside)
        self._inside += len(inside)
        self._inside_real += len(real)
        self._inside_endings.update(real)

    @property
    def sure(self) -> bool:
        """Say whether one of the texts holds what is looked for."""
        return self._real + self._inside_real > 0

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        share = f"{about(self._real, self._texts)} of its values" if self._texts else ""
        if named and self._real >= max(1, HALF * self._texts):
            return f"its name says so, and {share} are full postcodes"
        varied = len(self._endings) >= min(ENDINGS, HALF * self._real)
        if self._real >= max(FEW, SPARSE_SHARE * self._texts, MOST * self._loose) and varied:
            return f"{share} are full postcodes of areas that exist"
        varied = len(self._inside_endings) >= SPARSE
        if self._inside_real >= max(SPARSE, SPARSE_SHARE * self._texts, MOST * self._inside) and varied:
            return f"{about(self._inside_real, self._texts)} of its values have a full postcode inside"
        return None


def _real(found: Iterable[tuple[str, str, str, str]]) -> list[str]:
    """Return the last two letters of each that could be a postcode."""
    return [ending for area, district, _, ending in found if area in AREAS and _has(area, district)]


def _has(area: str, district: str) -> bool:
    return area not in HIGHEST or not district.isdecimal() or int(district) <= HIGHEST[area]


__all__ = ["AREAS", "ENDINGS", "HIGHEST", "SPARSE", "SPARSE_SHARE", "Postcodes"]
