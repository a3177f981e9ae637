"""Bad rows until the load knows whether it may keep them: the last in memory, those before them in sealed files."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from node.loading import Loading, Scratch
from node.parquet import ROWS_IN_A_GROUP

ASIDE_BYTES = 64 << 20


class Aside:
    """Takes tables of one schema, and gives their rows back in the order in which they came."""

    def __init__(self, loading: Loading, schema: pa.Schema, *, most_bytes: int = ASIDE_BYTES) -> None:
        self._loading = loading
        self._empty = schema.empty_table()
        self._most_bytes = most_bytes
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self._files: list[Scratch] = []

    def add(self, rows: pa.Table) -> None:
        """Take some rows; a whole source may be bad, and its texts are larger than what is stored of good ones."""
        self._waiting.append(rows)
        self._bytes += rows.nbytes
        if self._bytes > self._most_bytes:
            self._files.append(self._loading.scratch([self._taken()], rows_in_a_group=ROWS_IN_A_GROUP))

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows, some at a time; one table at least."""
        for scratch in self._files:
            with scratch.opened() as file:
                yield from map(file.read_row_group, range(file.num_row_groups))
        yield self._taken()

    def _taken(self) -> pa.Table:
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        return pa.concat_tables([self._empty, *waiting])


__all__ = ["ASIDE_BYTES", "Aside"]
