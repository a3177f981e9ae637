"""Which kind of source a location is, by its name and its first bytes, unless somebody says."""

from __future__ import annotations

from pathlib import Path

from node.sources.columnar import Columnar, is_parquet
from node.sources.delimited import Delimited
from node.sources.source import Source
from privacy.contract import Contract
from privacy.errors import Invalid, Unreachable

FORMATS = ("csv", "parquet")


def open_source(
    location: str | Path,
    *,
    contract: Contract | None,
    key: bytes,
    format: str | None = None,  # noqa: A002 - the option's name
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Source:
    """Open what a person names as a source, and hold its columns against the contract, if there is one.

    A file is CSV or Parquet; a directory or a pattern such as ``part-*.parquet`` is the Parquet files in it, in the
    order of their names. ``key`` is what ``digest`` is keyed by.
    """
    if format is not None and format not in FORMATS:
        raise Invalid("format-unknown", faults=FORMATS)
    parts = _parts(location)
    if parts is not None or format == "parquet" or (format is None and is_parquet(Path(location))):
        return Columnar([Path(location)] if parts is None else parts, contract=contract, key=key)
    return Delimited(Path(location), contract=contract, key=key, delimiter=delimiter, encoding=encoding)


def _parts(location: str | Path) -> list[Path] | None:
    """Return the part files of a directory or of a pattern, or None for what is one file."""
    path = Path(location)
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix == ".parquet" and not p.name.startswith((".", "_"))]
    elif not path.exists() and any(sign in path.name for sign in "*?["):
        found = list(path.parent.glob(path.name))
    else:
        return None
    if not found:
        raise Unreachable("file-unreadable", f"{location}: no part of a Parquet table is there")
    return sorted(found, key=lambda p: p.name)


__all__ = ["FORMATS", "open_source"]
