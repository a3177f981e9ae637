"""One DuckDB database with every table, and another, apart, with the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from privacy.errors import Unreachable
from synthetic.formats.parquet_format import Parquet
from synthetic.manifest import Written
from synthetic.tables import TRUTH, plain

PARTS = ".parts/"
DATABASE, TRUTH_DATABASE = "synthetic.duckdb", "truth/synthetic-truth.duckdb"
CLOSED = {
    "allow_community_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "python_scan_all_frames": "false",
    "memory_limit": "1GB",
    "threads": "1",  # rows lie in the order in which they come
}


class DuckDb(Parquet):
    """Parts as Parquet at first; when all are there, they become two databases.

    The same rows in the same order; but each database has a random identifier of its own, so its bytes differ.
    """

    name = "duckdb"
    room = 2.5  # the parts, and the databases beside them

    def path(self, table: str, number: int) -> str:
        """Return where a part lies until then."""
        return PARTS + super().path(table, number)

    def finish(self, home: Path, parts: Sequence[Written]) -> list[Written]:
        """Make the databases; tables of the truth are called by their own names there."""
        apart = [file for file in parts if file.table.startswith(TRUTH)]
        rest = [file for file in parts if not file.table.startswith(TRUTH)]
        return [_database(home, DATABASE, rest), *([_database(home, TRUTH_DATABASE, apart)] if apart else [])]


def _database(home: Path, name: str, parts: Sequence[Written]) -> Written:
    tables: dict[str, list[Path]] = {}
    for file in parts:
        tables.setdefault(file.table, []).append(home / file.path)
    path = home / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        with duckdb.connect(path, config=dict(CLOSED)) as connection:
            connection.execute("SET enable_progress_bar = false")  # it would go to stdout, where data go
            for table, files in tables.items():
                _fill(connection, table.removeprefix(TRUTH), files)
            connection.execute("CHECKPOINT")
    except (duckdb.IOException, duckdb.FatalException) as error:
        raise Unreachable("file-unwritable", str(path)) from error
    return Written.of(home, name)


def _fill(connection: duckdb.DuckDBPyConnection, table: str, files: Sequence[Path]) -> None:
    schema = plain(pq.read_schema(files[0]))  # an ENUM would hold the codes of the first part alone
    connection.register("rows", pa.RecordBatchReader.from_batches(schema, _batches(files, schema)))
    connection.execute(f'CREATE TABLE "{table}" AS SELECT * FROM rows')  # noqa: S608 - a table's name of ours
    connection.unregister("rows")


def _batches(files: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield batch.cast(schema)


FORMAT = DuckDb()

__all__ = ["CLOSED", "DATABASE", "FORMAT", "PARTS", "TRUTH_DATABASE", "DuckDb"]
