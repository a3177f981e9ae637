"""CSV in UTF-8: a header, texts in quotes, dates as ISO 8601, nothing where something is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from synthetic.formats.format import Format
from synthetic.tables import plain


class _Lines:
    """Rows as lines; texts that come as places in a list are written out."""

    def __init__(self, writer: csv.CSVWriter, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [pc.cast(c, f.type) for c, f in zip(batch.columns, self._schema, strict=True)]
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))


class Csv(Format):
    """Parts of CSV, each with a header."""

    name = "csv"
    suffix = ".csv"

    @contextmanager
    def opened(self, file: BinaryIO, schema: pa.Schema) -> Iterator[_Lines]:
        """Begin a file."""
        options = csv.WriteOptions(quoting_style="needed", quoting_header="none")
        with csv.CSVWriter(file, plain(schema), write_options=options) as writer:
            yield _Lines(writer, plain(schema))


FORMAT = Csv()

__all__ = ["FORMAT", "Csv"]
