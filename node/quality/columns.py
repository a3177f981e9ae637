"""One column of a profile as it streams by: what is missing, and how its values spread over public bins."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.canonical import Document
from privacy.columns import NUMERIC, Column, Role, iso_of

MOST_BINS = 20
MOST_CODES = 10_000  # kept apart as they come; what comes later counts as other, so that memory is bounded
MOST_SHOWN = 1_000
FEWEST_ROWS = 10  # of a code that no contract lists: a rare one is a person (threshold of UK LLC's output rules)
LAG_DAYS = (-1, 0, 1, 7, 30, 90, 365, 1826)  # rows are counted that were at most so many days old when loaded
CODED: tuple[Role, ...] = ("area", "code", "organisation", "practice", "setting", "source", "unit")  # texts or not
Counts = NDArray[np.int64]


class Spread(Protocol):
    """Counts a column's present values, a batch at a time; ``summary`` says how many were where."""

    def see(self, values: pa.Array) -> None:
        """Count the values of an array without nulls."""

    def summary(self) -> Document:
        """Return labels and counts side by side, and what else the column's type has to say."""


def spread_of(column: Column, today: float) -> Spread | None:
    """Return what counts the values of a column, None for texts that are no codes by their role; ``today`` in days."""
    if column.type in NUMERIC:
        return _Bins(column)
    if column.type == "date":
        return _Months(column, today)
    return _Codes(column.codes) if column.type == "code" or column.role in CODED else None


def chunks_of(column: pa.Array | pa.ChunkedArray) -> Sequence[pa.Array]:
    """Return the arrays that a column of a batch or table is made of."""
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


class _Bins:
    """At most ``MOST_BINS`` bins of one width between the public bounds; a whole number is never cut in two."""

    def __init__(self, column: Column) -> None:
        low, high = column.public_bounds or (0.0, 1.0)
        whole = column.type == "integer"
        least = (high - low + whole) / MOST_BINS
        self._high = high
        self._low, self._width = low, math.ceil(least) if whole else least
        self._whole = whole
        self._counts: Counts = np.zeros(max(1, math.ceil((high - low + whole) / self._width - 1e-9)), np.int64)

    def see(self, values: pa.Array) -> None:
        where = ((values.to_numpy() - self._low) / self._width).astype(np.int64)
        bins = len(self._counts)
        self._counts += np.bincount(np.clip(where, 0, bins - 1), minlength=bins)

    def summary(self) -> Document:
        return {"of": "bins", "labels": list(self._labels()), "counts": self._counts.tolist()}

    def _labels(self) -> Iterator[str]:
        for i in range(len(self._counts)):
            first, after = self._low + i * self._width, self._low + (i + 1) * self._width
            if self._whole:
                last = min(after - 1, self._high)
                yield f"{first:g}" if first == last else f"{first:g} to {last:g}"
            else:
                yield f"{first:.6g} to {after:.6g}"


class _Months:
    """Rows a month between the public bounds, the newest day, and how old rows were when they were loaded."""

    def __init__(self, column: Column, today: float) -> None:
        low, high = column.public_bounds or (0.0, 0.0)
        self._first, last = (int(np.datetime64(int(d), "D").astype("datetime64[M]").astype(int)) for d in (low, high))
        self._counts: Counts = np.zeros(last - self._first + 1, np.int64)
        self._lags: Counts = np.zeros(len(LAG_DAYS) + 1, np.int64)
        self._today = today
        self._newest: int | None = None

    def see(self, values: pa.Array) -> None:
        days = values.cast(pa.int32()).to_numpy()
        if not len(days):
            return
        first = int(days.min())
        self._newest = max(int(days.max()), first if self._newest is None else self._newest)
        # a day is counted first, and a few thousand days then take their month: no row does
        a_day = np.bincount(days - first)
        there = np.flatnonzero(a_day)
        months = (there + first).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) - self._first
        np.add.at(self._counts, np.clip(months, 0, len(self._counts) - 1), a_day[there])
        np.add.at(self._lags, np.searchsorted(LAG_DAYS, self._today - (there + first)), a_day[there])

    def summary(self) -> Document:
        there = np.flatnonzero(self._counts)
        span = range(int(there[0]), int(there[-1]) + 1) if len(there) else range(0)
        labels = [str(np.datetime64(self._first + i, "M")) for i in span]
        newest = (
            {} if self._newest is None else {"newest": iso_of(self._newest), "days_old": self._today - self._newest}
        )
        lags = dict(zip(_lag_labels(), self._lags.tolist(), strict=True))
        return {
            "of": "months",
            "labels": labels,
            "counts": [int(self._counts[i]) for i in span],
            "lags": lags,
            **newest,
        }


class _Codes:
    """How often each code occurs; of a closed list also those that do not, of an open one not those of few rows."""

    def __init__(self, codes: Sequence[str]) -> None:
        self._closed = frozenset(codes)
        self._counts: Counter[str] = Counter(dict.fromkeys(codes, 0))
        self._others = 0

    def see(self, values: pa.Array) -> None:
        encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        seen = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
        for i in np.flatnonzero(seen).tolist():
            code = encoded.dictionary[i].as_py()
            if code in self._counts or len(self._counts) < MOST_CODES:
                self._counts[code] += int(seen[i])
            else:
                self._others += int(seen[i])

    def summary(self) -> Document:
        named = [(code, n) for code, n in self._counts.items() if code in self._closed or n >= FEWEST_ROWS]
        shown = sorted(named, key=lambda each: (-each[1], each[0]))[:MOST_SHOWN]
        others = self._others + sum(self._counts.values()) - sum(n for _, n in shown)
        labels, counts = ([each[i] for each in shown] for i in (0, 1))
        return {"of": "codes", "labels": labels, "counts": counts, "others": others}


def present(values: pa.Array) -> pa.Array:
    """Return an array without its nulls."""
    return pc.drop_null(values) if values.null_count else values


def _lag_labels() -> Iterator[str]:
    yield "in the future"
    for before, last in pairwise(LAG_DAYS):
        yield "the same day" if last == 0 else "1 day" if last == 1 else f"{before + 1} to {last} days"
    yield f"more than {LAG_DAYS[-1]} days"


__all__ = [
    "CODED",
    "FEWEST_ROWS",
    "LAG_DAYS",
    "MOST_BINS",
    "MOST_CODES",
    "MOST_SHOWN",
    "Counts",
    "Spread",
    "chunks_of",
    "present",
    "spread_of",
]
