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
from synthetic.written.reading import DataSet

BAND, NUMBER = "band", "nhs_number"


def attributes_of(variables: Sequence[Variable]) -> tuple[Attribute, ...]:
    """Return what each variable may say; a band's keys rise, but the last, for what is missing."""
    return tuple(Attribute(v.name, v.keys, ordered=v.transform == BAND) for v in variables)


def keyed_rows(data: DataSet, variables: Sequence[Variable]) -> Keyed:
    """Return the rows of the table that has a column for each variable; those of one made-up person weigh one together.

    ``report-columns-absent`` where no table has.
    """
    wanted = {v.column for v in variables}
    found = [name for name in data.tables() if wanted <= set(data.manifest.plan.tables[name])]
    if not found:
        known = {column for name in data.tables() for column in data.manifest.plan.tables[name]}
        raise Invalid("report-columns-absent", faults=sorted(wanted - known))
    rows = _table(data, found[0], wanted)
    places = [_places(rows[v.column], v) for v in variables]
    return Keyed.of(attributes_of(variables), np.column_stack(places).astype(np.int32), _weights(rows))


def _table(data: DataSet, name: str, columns: set[str]) -> pa.Table:
    kept = [*columns, *({NUMBER} & set(data.manifest.plan.tables[name]))]
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


__all__ = ["BAND", "NUMBER", "attributes_of", "keyed_rows"]
