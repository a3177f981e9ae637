"""A file that is sorted by person, cut into shards by the leading digits of pseudonyms: memory follows the shard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DIGITS = 8  # hexadecimal ones that say which shard: enough for any number of shards that makes sense
ROWS_A_SHARD = 500_000


def shards_for(rows: int) -> int:
    """Return how many shards hold about ``ROWS_A_SHARD`` rows each."""
    return max(1, -(-rows // ROWS_A_SHARD))


def by_person(
    file: Any,  # noqa: ANN401 - a ParquetFile
    columns: Sequence[str],
    shards: int,
    at_most: int | None = None,
) -> Iterator[pa.Table]:
    """Yield ``shards`` tables with ``columns``, of which ``person`` is one; each person is whole in one of them.

    Pseudonyms are evenly spread, so shards are alike in people, whatever the data set. With ``at_most``, only so many
    of a person's rows are given, the first as they are stored: nobody's rows alone can fill the memory.
    """
    found = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    groups = {i: _persons(group) for i, group in enumerate(found) if group.num_rows}  # everybody may be erased
    mode = next(iter(groups.values()))[0].split(".")[0] if groups else ""
    edges = [f"{mode}.{round(i * 16**DIGITS / shards):0{DIGITS}x}" for i in range(shards)] + [f"{mode}/"]
    for low, high in pairwise(edges):
        held = [i for i, (first, last) in groups.items() if first < high and last >= low]
        nothing = file.read_row_groups([], columns=list(columns)).select(list(columns))
        yield pa.concat_tables([nothing, *_few(_read(file, columns, held, low, high), at_most)])


def _read(
    file: Any,  # noqa: ANN401 - a ParquetFile
    columns: Sequence[str],
    held: Sequence[int],
    low: str,
    high: str,
) -> Iterator[pa.Table]:
    for group in held:
        table = file.read_row_group(group, columns=list(columns)).select(list(columns))
        yield table.filter(_within(table["person"], low, high))


def _few(tables: Iterator[pa.Table], at_most: int | None) -> Iterator[pa.Table]:
    """Leave out of each person's rows, which lie together and may go on in the next table, those beyond ``at_most``."""
    last, seen = "", 0
    for table in tables:
        if at_most is None or not table.num_rows:
            yield table
            continue
        persons = table["person"].unify_dictionaries().combine_chunks()
        codes = persons.indices.to_numpy()
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        before = np.repeat(first, np.diff(np.append(first, len(codes))))
        before[codes == codes[0]] -= seen if persons[0].as_py() == last else 0
        place = np.arange(len(codes)) - before
        last, seen = persons[-1].as_py(), int(place[-1]) + 1
        yield table if place.max() < at_most else table.filter(pa.array(place < at_most))


def _persons(group: Any) -> tuple[str, str]:  # noqa: ANN401 - a RowGroupMetaData
    """Return the least and the greatest pseudonym of a row group."""
    for i in range(group.num_columns):
        column = group.column(i)
        if column.path_in_schema == "person":
            return str(column.statistics.min), str(column.statistics.max)
    raise ValueError("there is no column of persons")


def _within(persons: pa.ChunkedArray, low: str, high: str) -> pa.ChunkedArray:
    """Judge each distinct pseudonym once."""
    chunks = []
    for chunk in persons.chunks:
        wanted = pc.and_(pc.greater_equal(chunk.dictionary, low), pc.less(chunk.dictionary, high))
        chunks.append(wanted.take(chunk.indices))
    return pa.chunked_array(chunks, pa.bool_())


__all__ = ["DIGITS", "ROWS_A_SHARD", "by_person", "shards_for"]
