"""Apache Parquet: typed columns, written in one way so that the same rows are the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from synthetic.formats.format import Format


class _RowGroups:
    """Each batch becomes one row group."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch, row_group_size=max(1, batch.num_rows))


class Parquet(Format):
    """Parts of Parquet, a row group for each block of people; pages carry checksums."""

    name = "parquet"
    suffix = ".parquet"

    @contextmanager
    def opened(self, file: BinaryIO, schema: pa.Schema) -> Iterator[_RowGroups]:
        """Begin a file."""
        options = {"version": "2.6", "compression": "zstd", "compression_level": 1, "write_page_checksum": True}
        with pq.ParquetWriter(file, schema, **options) as writer:
            yield _RowGroups(writer)


FORMAT = Parquet()

__all__ = ["FORMAT", "Parquet"]
