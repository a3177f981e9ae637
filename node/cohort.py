"""The study's people at this node as of now: newest data, today's opt-outs, one part of the population, as numbers."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.variables import Table
from node.data_version import DataVersion
from node.quality.demanded import RECORDED
from node.sharding import shards_for
from node.store import Store
from privacy.arrays import Floats
from privacy.computation import PARTS, People
from privacy.optouts import OptOuts
from privacy.variables import Variable


@dataclass(frozen=True)
class Cohort:
    """Rows of the people a study may use, with each row's pseudonym for those who work here."""

    table: Table
    pseudonyms: NDArray[np.str_]


def cohorts(
    store: Store,
    version: DataVersion,
    optouts: OptOuts,
    variables: Sequence[Variable],
    people: People,
    *,
    features: pa.Table | None = None,
    at_most: int | None = None,
) -> Iterator[Cohort]:
    """Yield the people who are in ``people`` and not opted out, some of them at a time, with what ``variables`` need.

    A column ``recorded.NAME`` is made of NAME's: 1 where there is a value, otherwise 0. ``code.NAME`` has the places of
    codes among those that the variable NAME lists. One that is in ``features``, which has a row a person in the order
    of pseudonyms, is taken from there. A person's rows are in one cohort, and ``at_most`` of them.
    """
    coded = {v.source: v for v in variables if v.codes}
    asked = sorted({v.column for v in variables if not v.codes})
    worked_out = [name for name in asked if features is not None and name in features.column_names]
    columns = [name for name in asked if name not in worked_out]
    period = version.contract.period
    stored = {name.removeprefix(RECORDED) for name in columns}
    stored |= {v.column for v in coded.values()}
    read = [*sorted(stored), *([period] if period else [])]
    wanted = np.array([part == "held-back" for part in PARTS[people]])
    of_people = None if features is None else features.select(["person", *worked_out]).combine_chunks()
    for rows in store.people(version, read, shards=shards_for(store.rows(version)), at_most=at_most):
        persons, person = _coded(rows["person"])
        kept = np.isin(rows["held_back"].to_numpy(), wanted) & optouts.keep(persons)[person]
        when = _numbers(rows[period]).astype(np.int64) if period else np.zeros(len(person), np.int64)
        values = {name: _column(rows, name) for name in columns}
        values |= {name: _places(rows[v.column], v.codes) for name, v in coded.items()}
        if of_people is not None:
            values |= _features(of_people, persons, person)
        table = Table(person.astype(np.int64), when, values)
        yield Cohort(table.take(np.flatnonzero(kept)), persons[person[kept]])


def together(shards: Iterable[Cohort]) -> Cohort:
    """Return everybody at once, for what cannot take people in turn; memory grows with their rows."""
    tables, names, people = [], [], 0
    for shard in shards:
        tables.append(replace(shard.table, person=shard.table.person + people))
        names.append(shard.pseudonyms)
        people += int(shard.table.person.max(initial=-1)) + 1
    columns = {name: np.concatenate([t.columns[name] for t in tables]) for name in tables[0].columns}
    person, period = (np.concatenate([getattr(t, name) for t in tables]) for name in ("person", "period"))
    return Cohort(Table(person, period, columns), np.concatenate(names))


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Return the distinct pseudonyms, sorted, and each row's place among them; rows come sorted by person."""
    encoded = column.unify_dictionaries().combine_chunks()
    codes = encoded.indices.to_numpy()
    first = np.flatnonzero(np.diff(codes, prepend=-1))
    names = encoded.dictionary.take(pa.array(codes[first])).to_numpy(zero_copy_only=False).astype(str)
    return names, np.repeat(np.arange(len(first)), np.diff(np.append(first, len(codes))))


def _features(table: pa.Table, persons: NDArray[np.str_], person: NDArray[np.intp]) -> dict[str, Floats]:
    """Return each feature for each row; somebody who is not in the table is missing."""
    if not len(persons):
        return {name: np.zeros(0) for name in table.column_names[1:]}
    known = table["person"]
    first, last = (bisect_left(known, str(p), key=str) for p in (persons[0], persons[-1]))
    near = table.slice(first, last + 1 - first)
    found = near.take(pc.index_in(pa.array(persons, pa.string()), value_set=near["person"].combine_chunks()))
    return {name: _numbers(found[name])[person] for name in table.column_names[1:]}


def _column(rows: pa.Table, name: str) -> Floats:
    if name.startswith(RECORDED):
        return np.asarray(rows[name.removeprefix(RECORDED)].is_valid().to_numpy(), np.float64)
    return _numbers(rows[name])


def _places(column: pa.ChunkedArray, codes: Sequence[str]) -> Floats:
    """Return each code's place among ``codes``, NaN for one that is not there and for what is missing."""
    place = pc.index_in(column.cast(pa.string()), value_set=pa.array(codes, pa.string()))
    return np.asarray(place.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _numbers(column: pa.ChunkedArray) -> Floats:
    """Return a column as float64, NaN where missing; codes are read as the numbers they spell."""
    if pa.types.is_dictionary(column.type):  # a text that is no number is missing: nothing here may fail by a value
        texts = pc.fill_null(column.cast(column.type.value_type), "").to_numpy(zero_copy_only=False)
        distinct, at = np.unique(texts.astype(str), return_inverse=True)
        return np.array([_number(text) for text in distinct])[at]
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


__all__ = ["Cohort", "cohorts", "together"]
