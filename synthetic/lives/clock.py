"""The calendar of a year as a clock in which every rate is constant: it runs faster on days with more emergencies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from privacy.columns import days_of
from synthetic.published import rows


@dataclass(frozen=True)
class Year:
    """One year of days ``first`` to ``last``; ``read`` (days,) is what the clock reads at the end of each, 0 to 1.

    Contacts and deaths keep the same clock, so that one does not change the chance of the other by its season.
    """

    first: int
    read: NDArray[np.float64]

    @property
    def last(self) -> int:
        """Return the last day."""
        return self.first + len(self.read) - 1

    def days(self, readings: NDArray[np.floating]) -> NDArray[np.int32]:
        """Return the day on which the clock reads this, from 0 up to but not including 1."""
        place = np.searchsorted(self.read[:-1], readings, side="right")
        days: NDArray[np.int32] = (self.first + place).astype(np.int32)
        return days

    def readings(self, days: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return what the clock reads at the start of a day: 0 for those before the year, 1 for those behind it."""
        starts = np.concatenate([[0.0], self.read])
        readings: NDArray[np.float64] = starts[np.clip(days - self.first, 0, len(self.read))]
        return readings


@cache
def years(index_date: date, history: int) -> tuple[Year, ...]:
    """Return the years of history and, last, the one that begins with the index date."""
    starts = [_years_later(index_date, place) for place in range(-history, 2)]
    return tuple(_year(first, until) for first, until in pairwise(starts))


def _year(first: date, until: date) -> Year:
    pace = np.array([float(row["pace"]) for row in rows("months")])
    days = (until - first).days
    months = [(first + timedelta(days=day)).month - 1 for day in range(days)]
    run = np.cumsum(pace[months])
    return Year(int(days_of(first)), run / run[-1])


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, day=28)


__all__ = ["Year", "years"]
