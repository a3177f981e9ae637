"""Rows in the order of pseudonyms, however many: a run at a time in memory, the runs before it in sealed files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from node.ingest.population import Ids, Population
from node.loading import Loading, Scratch

SHARDS = 64  # of the order of pseudonyms; a shard of all runs is in memory at once
RUN_BYTES = 400 << 20
_HALF, _LOWER = np.uint64(32), np.uint64(2**32 - 1)
PERSON = "person"  # numbers of ``Population``; pseudonyms take their place when the order is final
BAD, LINE, KEY = "bad rows", "line in the source", "hash of the key"  # no column of a contract can be called so


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
        self._runs: list[tuple[Scratch, list[int | None]]] = []

    def add(self, table: pa.Table) -> None:
        """Take some rows; what does not fit in memory goes into a sealed scratch file, sorted."""
        self._waiting.append(table)
        self._bytes += table.nbytes
        if self._bytes > self._run_bytes:
            shards = self._last_run()
            groups = iter(range(SHARDS))
            places = [next(groups) if shard.num_rows else None for shard in shards]
            there = [shard for shard in shards if shard.num_rows]
            longest = max(shard.num_rows for shard in there)
            self._runs.append((self._loading.scratch(there, rows_in_a_group=longest), places))

    def shards(self) -> Iterator[pa.Table]:
        """Yield all rows, a shard of the order at a time; a person's rows are in one shard."""
        last = self._last_run() if self._waiting else []  # nothing waits when the last batch filled a run
        for i in range(SHARDS):
            parts = [scratch.read(place) for scratch, places in self._runs if (place := places[i]) is not None]
            if parts:
                yield self._in_order([*parts, *last[i : i + 1]])
            else:
                yield from last[i : i + 1]

    def _last_run(self) -> list[pa.Table]:
        """Return what waits, in order and cut into shards."""
        tables, self._waiting, self._bytes = self._waiting, [], 0
        run = self._in_order(tables)
        shard = self._population.leading[_people(run)].astype(np.int64) * SHARDS // 256
        cuts = np.searchsorted(shard, np.arange(SHARDS + 1)).tolist()
        return [run.slice(first, last - first) for first, last in pairwise(cuts)]

    def _in_order(self, tables: list[pa.Table]) -> pa.Table:
        whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
        rank = self._population.rank()[_people(whole)]
        place = np.arange(len(rank))
        if self._period is not None:
            place = np.argsort(whole[self._period].to_numpy(), kind="stable")
        # rank and place in one number: one sort of numbers, and of equal rows the first stays first
        key = (rank[place].astype(np.uint64) << _HALF) | np.arange(len(rank), dtype=np.uint64)
        key.sort()
        return whole.take(pa.array(place[(key & _LOWER).astype(np.intp)]))


def _people(table: pa.Table) -> Ids:
    return np.asarray(table[PERSON].to_numpy(), np.int32)


__all__ = ["BAD", "KEY", "LINE", "PERSON", "RUN_BYTES", "SHARDS", "Runs"]
