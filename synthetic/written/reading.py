"""Reads the tables of a finished data set, batch by batch, whichever plain format it is in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from privacy.contract import Contract
from privacy.errors import Invalid, Tampered
from synthetic.manifest import Manifest, Written, check_files, read_manifest
from synthetic.tables import TRUTH, plain

PLAIN = ("contract", "csv", "parquet")  # formats whose files hold the tables as they were made
ROWS = 1 << 16  # in a batch
TYPES = {  # by the word that a manifest has for it
    "text": pa.string(),
    "date": pa.date32(),
    "yes or no": pa.bool_(),
    "whole number": pa.int64(),
    "number": pa.float64(),
}


@dataclass(frozen=True)
class DataSet:
    """A finished data set, every file of which is what was written."""

    home: Path
    manifest: Manifest

    def tables(self) -> tuple[str, ...]:
        """Return the tables that a model may see."""
        return tuple(name for name in self.manifest.plan.tables if not name.startswith(TRUTH))

    def use_cases(self) -> tuple[str, ...]:
        """Return the use cases whose true probabilities and outcomes are known."""
        known = {"nhs_number", "probability", "happened"}
        truths = {name: set(t) for name, t in self.manifest.plan.tables.items() if name.startswith(TRUTH)}
        return tuple(name.removeprefix(TRUTH) for name, columns in truths.items() if columns >= known)

    def schema(self, table: str) -> pa.Schema:
        """Return a table's columns with their types, texts as texts; ``table-unknown`` lists what there is.

        Parquet says what a number is; of CSV only the manifest's words are known. ``data-set-tampered`` for a file of
        other columns than the manifest says.
        """
        paths, said = self.manifest.of_table(table), self.manifest.plan.tables[table]
        with self._whole(*paths[:1]):
            if not paths or paths[0].endswith(".csv"):
                return pa.schema([(name, TYPES[word]) for name, word in said.items()])
            found = plain(pq.read_schema(self.home / paths[0]))
            if found.names != list(said):
                raise KeyError(table)
            return found

    def batches(self, table: str) -> Iterator[pa.RecordBatch]:
        """Give a table's rows in order; ``data-set-tampered`` for a file that cannot be read so."""
        for part in self.parts(table):
            yield from part

    def parts(self, table: str) -> Iterator[Iterator[pa.RecordBatch]]:
        """Give the rows of each part in order: the parts of two tables in step hold the same people."""
        schema = self.schema(table)
        for file in self.manifest.files:
            if file.table == table:
                yield self._part(file, schema)

    def _part(self, file: Written, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        path, left = self.home / file.path, file.rows
        with self._whole(file.path):
            for batch in _csv(path, schema) if file.path.endswith(".csv") else _parquet(path, schema):
                left -= batch.num_rows
                if left < 0:
                    break  # a small file can have more rows than any memory
                yield batch
            if left:
                raise KeyError(file.path)

    @contextmanager
    def _whole(self, *paths: str) -> Iterator[None]:
        """Call a file that cannot be read as the manifest says ``data-set-tampered``."""
        try:
            yield
        except UNREADABLE as error:
            raise Tampered("data-set-tampered", str(self.home), faults=paths) from error


UNREADABLE = (pa.ArrowException, ValueError, KeyError, TypeError, OSError)
OF_A_CONTRACT = {"date": pa.date32(), "integer": pa.int64(), "number": pa.float64()}


def open_data_set(home: Path) -> DataSet:
    """Return a data set whose files hold what its manifest says; ``data-set-format-unread`` for converted tables."""
    manifest = read_manifest(home)
    if manifest.plan.format not in PLAIN:
        raise Invalid("data-set-format-unread", manifest.plan.format, faults=PLAIN)
    check_files(home, manifest.files)
    return DataSet(home, manifest)


def rows_of(path: Path, contract: Contract) -> Iterator[pa.RecordBatch]:
    """Give the rows of one file of a pack, with the types that its contract says; ``data-set-faulty`` otherwise."""
    schema = pa.schema([(column.name, OF_A_CONTRACT.get(column.type, pa.string())) for column in contract.columns])
    try:
        yield from _csv(path, schema) if path.suffix == ".csv" else _parquet(path, schema)
    except UNREADABLE as error:
        fault = f"{path.name}: has not the columns of its contract, or a cell that is not of its column's type"
        raise Invalid("data-set-faulty", faults=[fault]) from error


def _parquet(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS):
            yield batch.cast(schema)


def _csv(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    types = csv.ConvertOptions(column_types=schema, strings_can_be_null=True)
    with csv.open_csv(path, convert_options=types) as lines:
        if lines.schema.names != schema.names:
            raise KeyError(path.name)
        yield from lines


__all__ = ["PLAIN", "ROWS", "TYPES", "UNREADABLE", "DataSet", "open_data_set", "rows_of"]
