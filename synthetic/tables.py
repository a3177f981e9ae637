"""What a source of synthetic tables promises to whoever writes them down: parts, each made alone and always alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import pyarrow as pa

BLOCKS_A_PART = 8  # of 8,192 people: a part is some seconds of work, and some tens of megabytes, whoever makes it
TRUTH = "truth/"  # how the names of tables begin that no model may see


class Tables(Protocol):
    """A source of tables, small enough to be handed to another process.

    ``part(i)`` depends on nothing but i: whichever process makes it, and in whatever order, its rows are the same.
    """

    def schemas(self) -> Mapping[str, pa.Schema]:
        """Return the tables by name, each with its columns; what begins with ``truth/`` is kept apart."""

    def parts(self) -> int:
        """Return how many parts there are."""

    def part(self, number: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give one part's rows, some thousand people at a time; people come before their events."""


__all__ = ["BLOCKS_A_PART", "TRUTH", "Tables"]
