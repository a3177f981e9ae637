"""Dates of birth: dates that span human lives."""

from __future__ import annotations

import re

import numpy as np

from privacy.discovery.cells import Cells
from privacy.discovery.suspect import FEW, HALF, MOST, about

FIRST, LAST = 1850, 2149  # the years that are counted
PIVOT = 30  # of years of two digits: 31 is 1931, 30 is 2030
ENOUGH = 50  # distinct dates
LIVES, MIDDLE = 50, 25  # years from the 5th to the 95th percentile, and from the 25th to the 75th
DAYS, NEARLY_FULL = 366, 200  # of a year, that distinct dates can fill
BEFORE, GENERATION = 2000, 10  # hardly an electronic record of care lies wholly before; nor a cohort in fewer years
_TAIL = r"(?:[ T].{0,20})?$"
_SHAPES = re.compile(
    rf"(?im)^(?:(?P<y1>\d{{4}})([-/. ])(?:[01]?\d|[a-z]{{3,9}})\2(?P<d1>[0-3]?\d){_TAIL}"
    rf"|(?P<d2>[0-3]?\d)([-/. ])(?P<m2>[0-3]?\d|[a-z]{{3,9}})\5(?P<y2>\d{{4}}|\d\d){_TAIL}"
    r"|(?P<y3>(?:18|19|20)\d\d)(?:0[1-9]|1[0-2])(?P<d3>0[1-9]|[12]\d|3[01])(?:000000)?$"
    r"|(?P<d4>0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?P<y4>(?:18|19|20)\d\d)$)"
)


class BirthDates:
    """Counts the years of whole dates.

    Without a word from the column's name, at least 50 distinct dates are dates of birth when their years span lives
    (50 years from the 5th to the 95th percentile and 25 from the 25th to the 75th: events crowd into the years since
    they were recorded), or when nearly all lie before 2000 and ten years apart. Where the name agrees, half of the
    texts need to be dates. Dates that are all the first of a month were generalised already, and are none.
    """

    def __init__(self) -> None:
        self._texts = 0
        self._years = np.zeros(LAST - FIRST + 1, dtype=np.int64)
        self._days = np.zeros(100, dtype=np.int64)

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        likely = (cells.digits >= 5) & (cells.digits <= 20) & (cells.letters <= 12) & (cells.lengths <= 40)
        likely &= (cells.digits < cells.lengths) | (cells.digits == 8) | (cells.digits == 14)
        found = _SHAPES.findall("\n".join(cells.where(likely)))
        if not found:
            return
        years = np.array([int(y1 or y3 or y4 or _whole(y2)) for y1, _, _, _, _, _, y2, y3, _, _, y4 in found])
        days = np.array([int(d1 or d2 or d3 or d4) for _, _, d1, d2, _, _, _, _, d3, d4, _ in found])
        known = (years >= FIRST) & (years <= LAST)
        self._years += np.bincount(years[known] - FIRST, minlength=len(self._years))
        self._days += np.bincount(days[known], minlength=len(self._days))[: len(self._days)]

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        dates = int(self._years.sum())
        if dates < max(1, HALF * self._texts) or (dates >= FEW and self._days.max() >= MOST * dates):
            return None
        share = about(dates, self._texts)
        if named:
            return f"its name says so, and {share} of its values are whole dates"
        if dates < max(ENOUGH, MOST * self._texts):
            return None
        p5, p25, p75, p95 = self._percentiles(0.05, 0.25, 0.75, 0.95)
        if p95 - p5 >= LIVES and p75 - p25 >= MIDDLE:
            return f"{share} of its values are whole dates, and their years span human lives"
        if p95 < BEFORE and p95 - p5 >= GENERATION:
            return f"{share} of its values are whole dates, and nearly all lie before {BEFORE}"
        return None

    def _percentiles(self, *shares: float) -> list[int]:
        """Return the years that so many dates lie up to: dates, though only distinct texts were seen.

        Of many events on few days each day is there once: a full year says less than it holds. If n fell on the days
        of a year by chance, a share 1 - exp(-n / days) of these is there, so n is worked back from that share. Some
        things happen on weekdays only: the fullest year says how many days a year can have, once it has 200.
        """
        counts = self._years.astype(np.float64)
        fullest = counts.max()
        if fullest <= DAYS:  # else they have a time, and days do not fill up
            days = fullest + 0.5 if fullest >= NEARLY_FULL else DAYS
            counts = -days * np.log1p(-counts / days)
        reached = np.cumsum(counts) / counts.sum()
        return [FIRST + int(np.searchsorted(reached, share)) for share in shares]


def _whole(year: str) -> int:
    number = int(year)
    return number if len(year) == 4 else number + (1900 if number > PIVOT else 2000)


__all__ = [
    "BEFORE",
    "DAYS",
    "ENOUGH",
    "FIRST",
    "GENERATION",
    "LAST",
    "LIVES",
    "MIDDLE",
    "NEARLY_FULL",
    "PIVOT",
    "BirthDates",
]
