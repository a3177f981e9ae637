"""Rows in the order of pseudonyms, however many: a run at a time in memory, the runs before it in sealed files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from node.ingest.population import Ids, Population
from node.loading import Loading, Scratch

SHARDS = 64  # of the order of pseudonyms; a shard of all runs is in memory at once
RUN_BYTES = 300 << 20
_HALF, _LOWER = np.uint64(32), np.uint64(2**32 - 1)
PERSON = "person"  # numbers of ``Population``; pseudonyms take their place when the order is final
BAD, LINE, KEY = "bad rows", "line in the source", "hash of the key"  # no column of a contract can be called so

_Run = tuple[Scratch, list[int | None]]


class Runs:
    """Takes tables whose ``person`` holds people's numbers; gives them back by pseudonym, then period, then arrival."""

    def __init__(
        self, loading: Loading, population: Population, *, period: str | None, run_bytes: int = RUN_BYTES
    ) -> None:
        self._loading = loading
        self._population = population
        self._period = period
        self._run_bytes = run_bytes
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self._runs: list[Future[_Run]] = []

    def add(self, table: pa.Table) -> None:
        """Take some rows; what does not fit in memory goes into a sealed scratch file, sorted, while others come."""
        self._waiting.append(table)
        self._bytes += table.nbytes
        if self._bytes > self._run_bytes:
            if self._runs:
                self._runs[-1].result()  # one run at a time is on its way: two would be twice the memory
            tables, self._waiting, self._bytes = self._waiting, [], 0
            self._runs.append(self._loading.meanwhile(self._spill, tables, self._population.leading))

    def shards(self) -> Iterator[pa.Table]:
        """Yield all rows, a shard of the order at a time; a person's rows are in one shard."""
        runs = [run.result() for run in self._runs]
        last = _by_shard(self._waiting, self._population.leading) if self._waiting else []  # else it filled a run
        self._waiting = []
        with ExitStack() as opened:
            files = [(opened.enter_context(scratch.opened()), places) for scratch, places in runs]
            for i in range(SHARDS):
                parts = [file.read_row_group(place) for file, places in files if (place := places[i]) is not None]
                if parts := [*parts, *last[i : i + 1]]:
                    yield self._in_order(parts)

    def _spill(self, tables: list[pa.Table], leading: NDArray[np.uint8]) -> _Run:
        """Write what waited; return the file, and which row group of it is which shard."""
        shards = _by_shard(tables, leading)
        groups = iter(range(SHARDS))
        places = [next(groups) if shard.num_rows else None for shard in shards]
        there = [shard for shard in shards if shard.num_rows]
        return self._loading.scratch(there, rows_in_a_group=max(shard.num_rows for shard in there)), places

    def _in_order(self, tables: list[pa.Table]) -> pa.Table:
        whole = combined(tables)
        rank = self._population.rank()[_people(whole)]
        place = np.arange(len(rank))
        if self._period is not None:
            place = np.argsort(whole[self._period].to_numpy(), kind="stable")
        # rank and place in one number: one sort of numbers, and of equal rows the first stays first
        key = (rank[place].astype(np.uint64) << _HALF) | np.arange(len(rank), dtype=np.uint64)
        key.sort()
        return whole.take(pa.array(place[(key & _LOWER).astype(np.intp)]))


def combined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables of one schema as one, each column in one piece."""
    whole = pa.concat_tables(tables)
    for place, field in enumerate(whole.schema):
        if pa.types.is_dictionary(field.type) and _is_crowded(whole[field.name]):
            texts = whole[field.name].cast(field.type.value_type)
            whole = whole.set_column(place, field, texts.dictionary_encode().cast(field.type))
    return whole.unify_dictionaries().combine_chunks()


def _is_crowded(column: pa.ChunkedArray) -> bool:
    """Say whether the pieces bring more texts than the column has rows.

    A column of record numbers has a text a row, and each shard of a run brings those of all shards. To put all of them
    together costs rows times shards; to write out the rows' own texts and begin anew costs rows.
    """
    return sum(len(piece.dictionary) for piece in column.chunks) > len(column)


def _by_shard(tables: list[pa.Table], leading: NDArray[np.uint8]) -> list[pa.Table]:
    """Return the rows shard by shard, each shard's as they came; ``leading`` is of everybody who came so far."""
    whole = combined(tables)
    shard = leading[_people(whole)] // np.uint8(256 // SHARDS)
    rows = np.argsort(shard, kind="stable")  # a radix sort: one pass over the rows
    cuts = np.searchsorted(shard[rows], np.arange(SHARDS + 1)).tolist()
    run = whole.take(pa.array(rows))
    return [run.slice(first, last - first) for first, last in pairwise(cuts)]


def _people(table: pa.Table) -> Ids:
    return np.asarray(table[PERSON].to_numpy(), np.int32)


__all__ = ["BAD", "KEY", "LINE", "PERSON", "RUN_BYTES", "SHARDS", "Runs", "combined"]
