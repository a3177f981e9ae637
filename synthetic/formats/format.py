"""What a format is: which tables it makes of those it is given, and how a part of one becomes a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol

import pyarrow as pa

from privacy.errors import Invalid
from synthetic.lives.canonical import EVENTS, PEOPLE
from synthetic.manifest import Written

WHOLE = {"people": PEOPLE, "events": EVENTS}  # what a model of its own is filled from


class Sink(Protocol):
    """Where the rows of one file go."""

    def write(self, batch: pa.RecordBatch) -> object:
        """Take some rows."""


class Format(ABC):
    """One format: each part of each table is a file of its own, so that parts can be made in any order."""

    name: ClassVar[str]
    suffix: ClassVar[str]
    room: ClassVar[float] = 1.0  # bytes that the disk must hold at the most, for each byte of the parts

    def schemas(self, given: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """Return the tables that it makes of those given; the same ones, unless it has a model of its own."""
        return given

    def converted(self, part: Iterator[tuple[str, pa.RecordBatch]]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of its own tables for a part's."""
        return part

    def path(self, table: str, number: int) -> str:
        """Return where a part of a table lies; its name says that nobody in it is real."""
        return f"{table}/synthetic-{table.replace('/', '-')}-{number:03d}{self.suffix}"

    @abstractmethod
    def opened(self, file: BinaryIO, schema: pa.Schema) -> AbstractContextManager[Sink]:
        """Begin a file of rows of one schema; its bytes depend on nothing but the rows and how they come."""

    def finish(self, home: Path, parts: Sequence[Written]) -> list[Written]:  # noqa: ARG002 - for those that need it
        """Add what is of the whole data set, when all parts lie there; return every file that is now a part of it."""
        return list(parts)


def check_whole(given: Mapping[str, pa.Schema]) -> None:
    """Refuse tables that lack a column of the simulator's: ``data-set-format-unfit``, such as of fitted people."""
    there = {table: set(given[table].names) if table in given else set() for table in WHOLE}
    missing = [
        f"{table}.{name}: is not there" for table in WHOLE for name in WHOLE[table].names if name not in there[table]
    ]
    if missing:
        raise Invalid("data-set-format-unfit", faults=missing)


__all__ = ["WHOLE", "Format", "Sink", "check_whole"]
