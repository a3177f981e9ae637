"""The study's people at this node as of now: newest data, today's opt-outs, one part of the population, as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.variables import Table
from node.data_version import DataVersion
from node.quality.demanded import RECORDED
from node.store import Store
from privacy.arrays import Floats
from privacy.computation import PARTS, People
from privacy.optouts import OptOuts
from privacy.study import Variable


@dataclass(frozen=True)
class Cohort:
    """Rows of the people a study may use, with each row's pseudonym for those who work here."""

    table: Table
    pseudonyms: NDArray[np.str_]


def cohort(
    store: Store, version: DataVersion, optouts: OptOuts, variables: Iterable[Variable], people: People
) -> Cohort:
    """Read the columns that ``variables`` need, and keep the people who are in ``people`` and not opted out.

    A column ``recorded.NAME`` is made of NAME's: 1 where there is a value, otherwise 0.
    """
    columns = sorted({v.column for v in variables})
    period = version.contract.period
    stored = {name.removeprefix(RECORDED) for name in columns}
    rows = store.read(version, [*sorted(stored), *([period] if period else [])])
    persons, person = _coded(rows["person"])
    wanted = np.array([part == "held-back" for part in PARTS[people]])
    kept = np.isin(rows["held_back"].to_numpy(), wanted) & optouts.keep(persons)[person]
    when = _numbers(rows[period]).astype(np.int64) if period else np.zeros(len(person), np.int64)
    table = Table(person.astype(np.int64), when, {name: _column(rows, name) for name in columns})
    return Cohort(table.take(np.flatnonzero(kept)), persons[person[kept]])


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Return the distinct pseudonyms, sorted, and each row's place among them; rows come sorted by person."""
    return np.unique(column.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)


def _column(rows: pa.Table, name: str) -> Floats:
    if name.startswith(RECORDED):
        return np.asarray(rows[name.removeprefix(RECORDED)].is_valid().to_numpy(), np.float64)
    return _numbers(rows[name])


def _numbers(column: pa.ChunkedArray) -> Floats:
    """Return a column as float64, NaN where missing; codes are read as the numbers they spell."""
    if pa.types.is_dictionary(column.type):  # a text that is no number is missing: nothing here may fail by a value
        texts = column.cast(column.type.value_type).to_numpy(zero_copy_only=False)
        distinct, at = np.unique(np.where(texts == None, "", texts).astype(str), return_inverse=True)  # noqa: E711
        return np.array([_number(text) for text in distinct])[at]
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


__all__ = ["Cohort", "cohort"]
