"""Computes declared features on DuckDB, in memory, one shard of people after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from models.features.compiler import PERSON, Layout, columns_read, compile_features
from models.in_memory import OutOfMemory, connect
from privacy.features import FeatureSet

THREADS = 2  # each keeps its own part of every aggregate: memory grows with them, whatever the machine has

Shard = Mapping[str, pa.Table]  # the rows of some people, whole, by data set


def compute(declared: FeatureSet, layout: Layout, shards: Iterable[Shard]) -> pa.Table:
    """Return ``person`` and each feature as float64, null where missing: a row for each row of the people's tables.

    Each shard holds all rows of its people, in every data set; people of events who are not in the people's table are
    left out. Within a shard people come in the order of its people's table. Memory grows with a shard's rows and the
    number of people, not with the number of rows.

    A shard that does not fit into the engine's memory is done in halves, by one thread, down to one person. So nobody's
    rows decide whether the others are answered, as long as one person's fit: whoever reads them bounds how many.
    """
    read = columns_read(declared, layout)
    query = _Query(compile_features(declared, layout).sql("duckdb"), _schema(declared), read)
    found = (part for shard in shards for part in _parts(query, shard, THREADS))
    return pa.concat_tables([query.schema.empty_table(), *found])


@dataclass(frozen=True)
class _Query:
    sql: str
    schema: pa.Schema
    read: Mapping[str, Sequence[str]]  # the columns of each data set; the people's is the first

    def persons(self, shard: Shard) -> pa.Array:
        persons = shard[next(iter(self.read))][PERSON].combine_chunks()
        return persons.dictionary_decode() if pa.types.is_dictionary(persons.type) else persons


def _parts(query: _Query, shard: Shard, threads: int) -> Iterator[pa.Table]:
    """Yield the features of a shard's people, in order: of all at once, or of one half after the other."""
    persons = query.persons(shard)
    try:
        yield _shard(query, shard, persons, threads)
    except OutOfMemory:
        if threads == 1 and len(persons) == 1:
            raise
        half = len(persons) // 2  # of one person, one half is nobody
        for some in (persons.slice(0, half), persons.slice(half)):
            part = {name: table.filter(pc.is_in(table[PERSON], value_set=some)) for name, table in shard.items()}
            yield from _parts(query, part, 1)


def _shard(query: _Query, shard: Shard, persons: pa.Array, threads: int) -> pa.Table:
    with connect(threads=threads) as connection:
        for data_set, columns in query.read.items():
            connection.register(data_set, _numbered(shard[data_set], columns, persons))
        found = connection.sql(query.sql).to_arrow_table()
    return found.set_column(0, PERSON, persons.take(found[PERSON])).cast(query.schema)


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


__all__ = ["THREADS", "Shard", "compute"]
