"""Reads the rows of a fitted data set as public keys of a study's variables, so that they compare with real ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.errors import Invalid
from privacy.variables import Variable
from synthetic.judged.keyed import Attribute, Keyed
from synthetic.written.reading import UNREADABLE, DataSet

BAND, NUMBER, ROW = "band", "nhs_number", "row"
MOST_ROWS = 10_000_000  # of a table, which is held in memory: about a gigabyte of ten columns


def attributes_of(variables: Sequence[Variable]) -> tuple[Attribute, ...]:
    """Return what each variable may say; a band's keys rise, but the last, for what is missing."""
    return tuple(Attribute(v.name, v.keys, ordered=v.transform == BAND) for v in variables)


def keyed_rows(data: DataSet, variables: Sequence[Variable]) -> Keyed:
    """Return the rows of the table that has a column for each variable; those of one made-up person weigh one together.

    ``report-columns-absent`` where no table has, ``report-columns-other`` where one is of another type,
    ``report-too-large`` beyond ``MOST_ROWS``.
    """
    wanted = {v.column for v in variables}
    name = _of_all(data, wanted)
    rows = _table(data, name, [*wanted, *({NUMBER} & set(data.manifest.plan.tables[name]))])
    try:
        places = [_places(rows[v.column], v) for v in variables]
        return Keyed.of(attributes_of(variables), np.column_stack(places).astype(np.int32), _weights(rows))
    except UNREADABLE as error:  # what it says has a value in it
        raise Invalid("report-columns-other", faults=[f"{name}: has a column of another type"]) from error


def require_nothing_else(data: DataSet, variables: Sequence[Variable]) -> None:
    """Refuse data of which ``keyed_rows`` is not all: ``report-columns-other`` names columns that nobody counted.

    It names also a table of which a row is in no row of the one that is judged. So whatever is in the data is judged.
    """
    wanted = {v.column for v in variables}
    judged, tables = _of_all(data, wanted), data.manifest.plan.tables
    faults = [f"{t}: {c}" for t, each in tables.items() for c in sorted(set(each) - wanted - {NUMBER, ROW})]
    if not faults:
        faults = [
            f"{name}: has rows that {judged} has not"
            for name in tables
            if name != judged and not _is_part(data, name, judged)
        ]
    if faults:
        raise Invalid("report-columns-other", faults=faults)


def _of_all(data: DataSet, wanted: set[str]) -> str:
    """Return the table that has all of these columns."""
    found = [name for name in data.tables() if wanted <= set(data.manifest.plan.tables[name])]
    if not found:
        known = {column for name in data.tables() for column in data.manifest.plan.tables[name]}
        raise Invalid("report-columns-absent", faults=sorted(wanted - known))
    return found[0]


def _is_part(data: DataSet, name: str, judged: str) -> bool:
    columns = list(data.manifest.plan.tables[name])
    if not set(columns) <= set(data.manifest.plan.tables[judged]):
        return False
    one, all_rows = (_texts(_table(data, table, columns)) for table in (name, judged))
    return bool(pc.all(pc.is_in(one, value_set=all_rows)).as_py() is not False)


def _texts(rows: pa.Table) -> pa.ChunkedArray:
    """Return each row as one text, in which no value can pass for two."""
    texts = [pc.fill_null(pc.cast(column, pa.string()), "") for column in rows.columns]
    sized = [pc.binary_join_element_wise(pc.cast(pc.utf8_length(t), pa.string()), t, ":") for t in texts]
    return pc.binary_join_element_wise(*sized, ",")


def _table(data: DataSet, name: str, kept: list[str]) -> pa.Table:
    if data.manifest.rows[name] > MOST_ROWS or sum(f.rows for f in data.manifest.files if f.table == name) > MOST_ROWS:
        raise Invalid("report-too-large", f"{MOST_ROWS:,} rows at most")
    batches = [batch.select(kept) for batch in data.batches(name)]
    return pa.Table.from_batches(batches, None if batches else pa.schema([data.schema(name).field(c) for c in kept]))


def _weights(rows: pa.Table) -> NDArray[np.float64]:
    if NUMBER not in rows.column_names:
        return np.ones(len(rows))
    person = rows[NUMBER].combine_chunks().dictionary_encode().indices.to_numpy()
    return np.asarray(1.0 / np.bincount(person)[person], np.float64)


def _places(column: pa.ChunkedArray, variable: Variable) -> NDArray[np.int64]:
    """Return the place of each key: a number falls into its band, a day as days since 1970-01-01."""
    last = len(variable.keys) - 1
    if variable.transform == BAND:
        numbers = column.cast(pa.int32()) if pa.types.is_date(column.type) else column
        value = np.asarray(pc.fill_null(numbers.cast(pa.float64()), np.nan).to_numpy(), np.float64)
        place = np.searchsorted(variable.edges, np.clip(value, variable.low, variable.high), side="right")
        return np.where(np.isnan(value), last, place)
    found = pc.index_in(column.cast(pa.string()), value_set=pa.array(variable.codes, pa.string()))
    return np.asarray(pc.fill_null(found, last).to_numpy(), np.int64)


__all__ = ["BAND", "MOST_ROWS", "NUMBER", "ROW", "attributes_of", "keyed_rows", "require_nothing_else"]
