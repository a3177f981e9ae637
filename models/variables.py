"""Turns a table into the numbers that a study declares: the slow, obvious engine that faster ones must agree with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats, Integers
from privacy.computation import Batch
from privacy.errors import Invalid
from privacy.variables import KEYED, Transform, Variable

ROWS_A_BATCH = 10_000  # well under a second, as a pause ends between batches
NUMBERS_A_BATCH = 2_000_000  # of contributions, a row of the sum's width for each person: 16 MB, held a few times
MOST_NUMBERS_A_PERSON = 2**24  # 128 MiB for what one person's rows come to, before they are added up
LEAST_ROWS = 16  # of a person, in the widest sum of 2^20 numbers


@dataclass(frozen=True)
class Table:
    """Rows of people: ``person`` rises, so that a person's rows lie together; missing numbers are NaN.

    ``period`` is the whole number that orders a person's rows, no two alike; tables without one give all zeros.
    """

    person: Integers
    period: Integers
    columns: Mapping[str, Floats]

    def take(self, rows: NDArray[np.intp] | slice) -> Table:
        """Return some of the rows."""
        return Table(self.person[rows], self.period[rows], {n: c[rows] for n, c in self.columns.items()})


def most_rows(width: int) -> int:
    """Return how many rows of one person count in a sum of this width: the first as they are stored.

    It follows from the plan alone. So whether a sum fits into memory depends on nobody's records: a sum that failed
    for one person's many rows would say, without noise, that somebody has them.
    """
    return max(LEAST_ROWS, min(ROWS_A_BATCH, MOST_NUMBERS_A_PERSON // width))


def batches(table: Table, declared: Sequence[Variable], *, rows: int = ROWS_A_BATCH) -> Iterator[Batch]:
    """Yield the study's variables for whole people, about ``rows`` rows at a time."""
    if (np.diff(table.person) < 0).any():  # somebody's rows would fall into two batches, and count twice
        raise ValueError("a person's rows lie together")
    starts = np.flatnonzero(np.diff(table.person, prepend=table.person[:1] - 1))
    first_of_block = np.unique(starts // rows, return_index=True)[1]
    edges = [*starts[first_of_block].tolist(), len(table.person)]
    for first, last in pairwise(edges):
        yield batch(table.take(slice(first, last)), declared)


def rows_for(width: int) -> int:
    """Return how many rows make a batch of a sum of this width, so that memory does not grow with the width."""
    return max(1, min(ROWS_A_BATCH, NUMBERS_A_BATCH // width))


def batch(table: Table, declared: Sequence[Variable]) -> Batch:
    """Return the variables of the rows that have all the periods ahead that the study asks for."""
    position = _positions(table, sorted({v.periods_ahead for v in declared}))
    there = np.flatnonzero(np.all([p >= 0 for p in position.values()], axis=0))
    values = {v.name: _transformed(_column(table, v)[position[v.periods_ahead][there]], v) for v in declared}
    person, index = np.unique(table.person[there], return_inverse=True)
    return Batch(len(person), index.astype(np.int64), values)


def _column(table: Table, variable: Variable) -> Floats:
    if variable.source not in table.columns:
        raise Invalid("variable-unknown", variable.column)
    return table.columns[variable.source]


def _positions(table: Table, ahead: Sequence[int]) -> dict[int, NDArray[np.intp]]:
    """Return, for each number of periods ahead, where that row of the same person is, or -1 where it is not.

    Persons and periods are ranked first: no number that was recorded is big enough to make one person's row another's.
    """
    found = {0: np.arange(len(table.person))}  # also where several rows share a period
    person = np.unique(table.person, return_inverse=True)[1]
    periods, period = np.unique(table.period, return_inverse=True)
    key = person * len(periods) + period
    order = np.argsort(key, kind="stable")
    for k in [k for k in ahead if k > 0]:
        later = np.searchsorted(periods, table.period + k)
        rank = np.minimum(later, len(periods) - 1)
        wanted = person * len(periods) + rank
        at = np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)
        there = order[at] if len(key) else order
        same = (key[there] == wanted) & (periods[rank] == table.period + k) if len(key) else np.zeros(0, bool)
        found[k] = np.where(same, there, -1)
    return found


def _transformed(values: Floats, variable: Variable) -> Floats:
    if variable.transform in KEYED:
        last = len(variable.keys) - 1  # of what is missing
        place = TRANSFORM[variable.transform](np.clip(values, variable.low, variable.high), variable)
        return np.where(np.isnan(values), last, place) / last
    known = np.where(np.isnan(values), variable.if_missing, values)
    return TRANSFORM[variable.transform](np.clip(known, variable.low, variable.high), variable)


def _unit(values: Floats, v: Variable) -> Floats:
    return (values - v.low) / (v.high - v.low)


TRANSFORM: Mapping[Transform, Callable[[Floats, Variable], Floats]] = {
    "unit": _unit,
    "square": lambda values, v: _unit(values, v) ** 2,
    "log": lambda values, v: np.log1p(values - v.low) / math.log1p(v.high - v.low),
    "at-least": lambda values, v: (values >= v.threshold).astype(np.float64),
    "band": lambda values, v: np.searchsorted(v.edges, values, side="right").astype(np.float64),
    "code": lambda values, _: values,
}

__all__ = [
    "LEAST_ROWS",
    "MOST_NUMBERS_A_PERSON",
    "NUMBERS_A_BATCH",
    "ROWS_A_BATCH",
    "TRANSFORM",
    "Table",
    "batch",
    "batches",
    "most_rows",
    "rows_for",
]
