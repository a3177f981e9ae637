"""The study's people at this node as of now: newest data, today's opt-outs, one part of the population, as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
    store: Store,
    version: DataVersion,
    optouts: OptOuts,
    variables: Iterable[Variable],
    people: People,
    *,
    features: pa.Table | None = None,
) -> Cohort:
    """Read the columns that ``variables`` need, and keep the people who are in ``people`` and not opted out.

    A column ``recorded.NAME`` is made of NAME's: 1 where there is a value, otherwise 0. One that is in ``features``,
    which has a row a person, is taken from there.
    """
    asked = sorted({v.column for v in variables})
    worked_out = [name for name in asked if features is not None and name in features.column_names]
    columns = [name for name in asked if name not in worked_out]
    period = version.contract.period
    stored = {name.removeprefix(RECORDED) for name in columns}
    rows = store.read(version, [*sorted(stored), *([period] if period else [])])
    persons, person = _coded(rows["person"])
    wanted = np.array([part == "held-back" for part in PARTS[people]])
    kept = np.isin(rows["held_back"].to_numpy(), wanted) & optouts.keep(persons)[person]
    when = _numbers(rows[period]).astype(np.int64) if period else np.zeros(len(person), np.int64)
    values = {name: _column(rows, name) for name in columns}
    if features is not None:
        values |= _features(features.select(["person", *worked_out]), persons, person)
    table = Table(person.astype(np.int64), when, values)
    return Cohort(table.take(np.flatnonzero(kept)), persons[person[kept]])


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Return the distinct pseudonyms, sorted, and each row's place among them; rows come sorted by person."""
    return np.unique(column.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)


def _features(table: pa.Table, persons: NDArray[np.str_], person: NDArray[np.intp]) -> dict[str, Floats]:
    """Return each feature for each row; somebody who is not in the table is missing."""
    found = table.take(pc.index_in(pa.array(persons, pa.string()), value_set=table["person"].combine_chunks()))
    return {name: _numbers(found[name])[person] for name in table.column_names[1:]}


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
