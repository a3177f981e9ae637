"""Which kind of source a location is, by its name and its first bytes, unless somebody says."""

from __future__ import annotations

from pathlib import Path

from node.sources.columnar import Columnar, is_parquet
from node.sources.delimited import Delimited
from node.sources.source import Source
from privacy.contract import Contract
from privacy.errors import Invalid, Unreachable

FORMATS = ("csv", "parquet", "postgresql")
DATABASES = ("postgresql://", "postgres://")


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
) -> Source:
    """Open what a person names as a source, and hold its columns against the contract, if there is one.

    A file is CSV or Parquet; a directory or a pattern such as ``part-*.parquet`` is the Parquet files in it, in the
    order of their names; ``postgresql://user@host/database`` is a database, of which a ``table`` or a file with one
    ``query`` is read. ``key`` is what ``digest`` is keyed by.
    """
    found = format or _format_of(str(location))
    if found not in FORMATS:
        raise Invalid("format-unknown", faults=FORMATS)
    if found == "postgresql":
        return _database(str(location), table, query, password_file, contract=contract, key=key)
    if found == "parquet":
        return Columnar(_parts(Path(location)), contract=contract, key=key)
    return Delimited(Path(location), contract=contract, key=key, delimiter=delimiter, encoding=encoding)


def _format_of(location: str) -> str:
    if location.startswith(DATABASES):
        return "postgresql"
    path = Path(location)
    return "parquet" if path.is_dir() or _is_pattern(path) or is_parquet(path) else "csv"


def _database(
    location: str,
    table: str | None,
    query: Path | None,
    password_file: Path | None,
    *,
    contract: Contract | None,
    key: bytes,
) -> Source:
    from node.sources.postgresql import Address, Postgresql, table_query  # noqa: PLC0415 - only who has a database

    if table and query is None:
        sql = table_query(table, contract)
    elif query and table is None:
        sql = _statement(query)
    else:
        raise Invalid("query-absent")
    return Postgresql(Address(location, password_file), sql, contract=contract, key=key)


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


__all__ = ["DATABASES", "FORMATS", "open_source"]
