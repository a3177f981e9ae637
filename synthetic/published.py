"""The published figures in synthetic/priors/: small tables, each of which says where it comes from."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

PRIORS = Path(__file__).with_name("priors")
Basis = Literal["taken", "cited", "assumed"]
HEAD = "# source: "  # begins the first line of a table whose rows are all of the same sources


@dataclass(frozen=True)
class Source:
    """Where figures come from; ``basis`` says how far they were checked, ``file`` and ``sha256`` what of.

    taken: worked out from an open file by a script in deploy/priors/; cited: from a publication, not checked against a
    file of it; assumed: our own, and ``title`` says why.
    """

    title: str
    publisher: str
    date: str
    licence: str
    basis: Basis
    file: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Table:
    """One table of published figures, as texts by column; ``sources`` are the keys that it or its rows name."""

    columns: Mapping[str, tuple[str, ...]]
    sources: tuple[str, ...]


@cache
def sources() -> Mapping[str, Source]:
    """Return every source by its key."""
    return {
        key: Source(**entry)
        for key, entry in tomllib.loads((PRIORS / "sources.toml").read_text(encoding="utf-8")).items()
    }


def table(name: str) -> Table:
    """Return a table by its name, with no key that ``sources()`` lacks.

    The sources are those of its first line or, where it has none, those of its column ``source``.
    """
    with (PRIORS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        first = next(lines)
        named = ",".join(first).startswith(HEAD)
        head = next(lines) if named else first
        columns = dict(zip(head, zip(*lines, strict=True), strict=True))
    keys = ",".join(first).removeprefix(HEAD).split(", ") if named else sorted(set(columns["source"]))
    unknown = [key for key in keys if key not in sources()]
    if unknown:
        raise KeyError(f"{name}.csv names sources that sources.toml lacks: {unknown}")
    return Table(columns, tuple(keys))


def rows(name: str) -> Iterator[dict[str, str]]:
    """Give the lines of a table, each by the names of its columns."""
    columns = table(name).columns
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


__all__ = ["HEAD", "PRIORS", "Basis", "Source", "Table", "rows", "sources", "table"]
