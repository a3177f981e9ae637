"""Computes declared features on DuckDB, in memory, one shard of people after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from models.features.compiler import PERSON, Layout, columns_read, compile_features
from models.in_memory import connect
from privacy.features import FeatureSet

Shard = Mapping[str, pa.Table]  # the rows of some people, whole, by data set


def compute(declared: FeatureSet, layout: Layout, shards: Iterable[Shard]) -> pa.Table:
    """Return ``person`` and each feature as float64, null where missing: a row for each row of the people's tables.

    Each shard holds all rows of its people, in every data set; people of events who are not in the people's table are
    left out. Within a shard people come in the order of its people's table. Memory grows with a shard's rows and the
    number of people, not with the number of rows.
    """
    query, schema = compile_features(declared, layout).sql("duckdb"), _schema(declared)
    found = (_shard(query, schema, columns_read(declared, layout), shard) for shard in shards)
    return pa.concat_tables([schema.empty_table(), *found])


def _shard(query: str, schema: pa.Schema, read: Mapping[str, Sequence[str]], shard: Shard) -> pa.Table:
    persons = shard[next(iter(read))][PERSON].combine_chunks()
    persons = persons.dictionary_decode() if pa.types.is_dictionary(persons.type) else persons
    with connect() as connection:
        for data_set, columns in read.items():
            connection.register(data_set, _numbered(shard[data_set], columns, persons))
        found = connection.sql(query).to_arrow_table()
    return found.set_column(0, PERSON, persons.take(found[PERSON])).cast(schema)


def _numbered(table: pa.Table, columns: Sequence[str], persons: pa.Array) -> pa.Table:
    """Return the columns with each person as their place in ``persons``: numbers are grouped much faster than texts."""
    place = pc.index_in(table[PERSON], value_set=persons)
    arrays = [_without_nan(table[column]) for column in columns]
    numbered = pa.table([place, *arrays], names=[PERSON, *columns])
    return numbered.filter(place.is_valid()) if place.null_count else numbered


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), None, column)


def _schema(declared: FeatureSet) -> pa.Schema:
    return pa.schema([(PERSON, pa.string()), *((feature.name, pa.float64()) for feature in declared.features)])


__all__ = ["Shard", "compute"]
