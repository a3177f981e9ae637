"""Which kind of source a location is, by its name and its first bytes, unless somebody says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.sources.columnar import Columnar, is_parquet
from node.sources.delimited import Delimited
from node.sources.source import Source
from node.sources.tables import SUFFIXES, Directory, Schema
from privacy.contract import Contract
from privacy.errors import Invalid, Unreachable

FORMATS = ("csv", "parquet", "postgresql", "omop", "fhir")
DATABASES = ("postgresql://", "postgres://")
NDJSON = (".ndjson", ".ndjson.gz")


def open_source(
    location: str | Path,
    *,
    contract: Contract | None,
    key: bytes,
    format: str | None = None,  # noqa: A002 - the option's name
    delimiter: str | None = None,
    encoding: str | None = None,
    table: str | None = None,
    query: Path | None = None,
    password_file: Path | None = None,
    person_column: str | None = None,
) -> Source:
    """Open what a person names as a source, and hold its columns against the contract, if there is one.

    A file is CSV, Parquet or FHIR's NDJSON; a directory holds OMOP's tables, NDJSON files or parts of a Parquet table,
    as does a pattern such as ``part-*.parquet``; ``postgresql://user@host/database`` is a database, of which a
    ``table``, a file with one ``query`` or, as OMOP, the schema named by ``table`` is read. ``person_column`` is where
    OMOP's person has the NHS number. ``key`` is what ``digest`` is keyed by.
    """
    asked = _Asked(str(location), contract, key, delimiter, encoding, table, query, password_file, person_column)
    ways = {"parquet": asked.parquet, "postgresql": asked.postgresql, "omop": asked.omop, "fhir": asked.fhir}
    try:
        kind = format or asked.format
        if kind not in FORMATS:
            raise Invalid("format-unknown", faults=FORMATS)
        return ways.get(kind, asked.csv)()
    except OSError as error:  # such as a directory that nobody may list
        raise Unreachable("file-unreadable", asked.location) from error


@dataclass(frozen=True, repr=False)
class _Asked:
    """What a person asked for; each kind takes of it what it needs, and imports what only it needs."""

    location: str
    contract: Contract | None
    key: bytes
    delimiter: str | None
    encoding: str | None
    table: str | None
    query: Path | None
    password_file: Path | None
    person_column: str | None

    @property
    def path(self) -> Path:
        return Path(self.location)

    @property
    def is_database(self) -> bool:
        return self.location.startswith(DATABASES)

    @property
    def format(self) -> str:
        if self.is_database:
            return "postgresql"
        if self.path.is_dir():
            names = {file.name.lower() for file in self.path.iterdir()}
            if any(name.endswith(NDJSON) for name in names):
                return "fhir"
            return "omop" if names & {"person", *(f"person{suffix}" for suffix in SUFFIXES)} else "parquet"
        if self.path.name.lower().endswith(NDJSON):
            return "fhir"
        return "parquet" if _is_pattern(self.path) or is_parquet(self.path) else "csv"

    def csv(self) -> Source:
        return Delimited(
            self.path, contract=self.contract, key=self.key, delimiter=self.delimiter, encoding=self.encoding
        )

    def parquet(self) -> Source:
        return Columnar(_parts(self.path), contract=self.contract, key=self.key)

    def postgresql(self) -> Source:
        from node.sources.postgresql import Address, Postgresql, table_query  # noqa: PLC0415 - the driver

        if self.table and self.query is None:
            sql = table_query(self.table, self.contract)
        elif self.query and self.table is None:
            sql = _statement(self.query)
        else:
            raise Invalid("query-absent")
        return Postgresql(Address(self.location, self.password_file), sql, contract=self.contract, key=self.key)

    def omop(self) -> Source:
        from node.sources.omop import PERSON_COLUMN, Omop  # noqa: PLC0415 - only who has OMOP

        tables = self._schema() if self.is_database else self._directory()
        return Omop(tables, contract=self.contract, person_column=self.person_column or PERSON_COLUMN)

    def fhir(self) -> Source:
        from node.sources.fhir import Fhir  # noqa: PLC0415 - only who has FHIR

        path = self.path
        files = sorted(p for p in path.iterdir() if p.name.lower().endswith(NDJSON)) if path.is_dir() else [path]
        if not files:
            raise Unreachable("file-unreadable", f"{path}: no {NDJSON[0]} is there")
        return Fhir(files, contract=self.contract, key=self.key)

    def _schema(self) -> Schema:
        from node.sources.postgresql import Address, Postgresql  # noqa: PLC0415 - the driver

        if self.table is None:
            raise Invalid("query-absent", "OMOP's schema, as --table")
        address = Address(self.location, self.password_file)
        return Schema(self.table, lambda sql: Postgresql(address, sql, contract=None, key=self.key), self.key)

    def _directory(self) -> Directory:
        if not self.path.is_dir():
            raise Unreachable("file-unreadable", f"{self.path} is no directory")
        return Directory(self.path, self.key, delimiter=self.delimiter, encoding=self.encoding)


def _statement(query: Path) -> str:
    try:
        return query.read_text(encoding="utf-8-sig").strip().removesuffix(";")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable("file-unreadable", str(query)) from error


def _parts(path: Path) -> list[Path]:
    """Return one file, or the part files of a directory or of a pattern."""
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix == ".parquet" and not p.name.startswith((".", "_"))]
    elif _is_pattern(path):
        found = list(path.parent.glob(path.name))
    else:
        return [path]
    if not found:
        raise Unreachable("file-unreadable", f"{path}: no part of a Parquet table is there")
    return sorted(found, key=lambda p: p.name)


def _is_pattern(path: Path) -> bool:
    return any(sign in path.name for sign in "*?[") and not path.exists()


__all__ = ["DATABASES", "FORMATS", "NDJSON", "open_source"]
