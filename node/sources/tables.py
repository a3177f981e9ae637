"""The tables of one data model, wherever they lie: files of a directory, or a schema of a database."""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from node.sources.columnar import Columnar
from node.sources.delimited import Delimited
from node.sources.source import Source
from privacy.errors import Invalid

SUFFIXES = (".parquet", ".csv", ".csv.gz")


class Tables(ABC):
    """Tables that are read one after the other, as batches of those columns that are there, by small names."""

    def __init__(self, key: bytes) -> None:
        self._digest = hmac.new(key, digestmod="sha256")
        self._open: list[Source] = []

    @abstractmethod
    def names(self) -> frozenset[str]:
        """Return which tables are there."""

    @abstractmethod
    def opened(self, table: str, columns: Sequence[str]) -> Source:
        """Open one table."""

    def read(self, table: str, columns: Sequence[str], *, needed: Sequence[str] = ()) -> Iterator[dict[str, pa.Array]]:
        """Give batches of ``columns``, those of ``needed`` for certain, else ``column-absent``; of no table, none."""
        if table not in self.names():
            return
        with self.opened(table, columns) as source:
            self._open.append(source)
            headings = [name.lower() for name in source.names]
            if absent := [name for name in needed if name not in headings]:
                raise Invalid("column-absent", table, faults=[f"{table}.{name}: is not there" for name in absent])
            yield from _those(source, headings, columns)
            self._digest.update(f"{table}={source.digest()}\n".encode())
            self._open.remove(source)

    def digest(self) -> str:
        """Return a keyed hash of all tables that were read, in order."""
        return "hmac-sha256:" + self._digest.hexdigest()

    def close(self) -> None:
        """Let go of the tables that are being read."""
        for source in self._open:
            source.close()


class Directory(Tables):
    """One file a table: ``person.csv``, ``person.csv.gz`` or ``person.parquet``, or a directory ``person`` of parts."""

    def __init__(self, path: Path, key: bytes, *, delimiter: str | None = None, encoding: str | None = None) -> None:
        super().__init__(key)
        self._key = key
        self._delimiter, self._encoding = delimiter, encoding
        self._files = {_table(file): file for file in sorted(path.iterdir()) if _table(file)}

    def names(self) -> frozenset[str]:
        """Return the names of the files, without what follows the point."""
        return frozenset(self._files)

    def opened(self, table: str, columns: Sequence[str]) -> Source:  # noqa: ARG002 - a file comes whole
        """Open one file, or the parts of one table."""
        file = self._files[table]
        if file.is_dir():
            return Columnar(sorted(file.glob("*.parquet")), contract=None, key=self._key)
        if file.suffix == ".parquet":
            return Columnar([file], contract=None, key=self._key)
        return Delimited(
            file,
            contract=None,
            key=self._key,
            delimiter=self._delimiter,
            encoding=self._encoding,
            plain_tabs=table == "concept",  # as Athena hands it out
        )


class Schema(Tables):
    """The tables of one schema of a PostgreSQL database, each read by a statement of its own."""

    def __init__(self, schema: str, select: Callable[[str], Source], key: bytes) -> None:
        super().__init__(key)
        self._select = select
        self._schema = schema
        self._columns: dict[str, dict[str, str]] = {}
        sql = "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = "
        with select(sql + "'" + schema.replace("'", "''") + "'") as found:
            for cells in _those(found, found.names, found.names):
                for table, column in zip(*(column.to_pylist() for column in cells.values()), strict=True):
                    self._columns.setdefault(table.lower(), {})[column.lower()] = f'"{table}"."{column}"'

    def names(self) -> frozenset[str]:
        """Return the tables of the schema."""
        return frozenset(self._columns)

    def opened(self, table: str, columns: Sequence[str]) -> Source:
        """Open a statement that asks for just those columns that are there."""
        there = [self._columns[table][name] for name in columns if name in self._columns[table]]
        quoted = there[0].partition(".")[0] if there else f'"{table}"'
        schema = self._schema.replace('"', '""')
        return self._select(f'SELECT {", ".join(there)} FROM "{schema}".{quoted}')  # noqa: S608 - names, each in quotes


def _those(source: Source, headings: Sequence[str], columns: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
    try:
        for rows in source.read():
            cells = dict(zip(headings, rows.cells.columns, strict=True))
            yield {name: cells[name] for name in columns if name in cells}
    except Invalid as error:
        if error.code != "file-empty":  # a table may have no rows
            raise


def _table(file: Path) -> str:
    if file.is_dir():
        return file.name.lower() if any(file.glob("*.parquet")) else ""
    suffix = next((s for s in SUFFIXES if file.name.lower().endswith(s)), None)
    return file.name.lower().removesuffix(suffix) if suffix else ""


__all__ = ["SUFFIXES", "Directory", "Schema", "Tables"]
