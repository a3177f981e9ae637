"""What a source of synthetic tables promises to whoever writes them down: parts, each made alone and always alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synthetic.draws import blocks

BLOCKS_A_PART = 8  # of 8,192 people: a part is some seconds of work, and some tens of megabytes, whoever makes it
NUMBER = pa.field("nhs_number", pa.string(), nullable=False)
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


def parts_of(people: int) -> int:
    """Return how many parts so many people fill, the last perhaps not whole."""
    return -(-blocks(people) // BLOCKS_A_PART)


def blocks_of(part: int, people: int) -> range:
    """Return the blocks of one part."""
    return range(part * BLOCKS_A_PART, min((part + 1) * BLOCKS_A_PART, blocks(people)))


def plain(schema: pa.Schema) -> pa.Schema:
    """Return the columns with texts as texts, not as places in a list of them."""
    return pa.schema([(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in schema])


def days(since_1970: NDArray[np.int32], missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return days as dates."""
    return pa.array(since_1970, pa.int32(), mask=missing).cast(pa.date32())


def types_of(schemas: Mapping[str, pa.Schema]) -> dict[str, dict[str, str]]:
    """Return each table's columns and their types in plain words, as a manifest says them."""
    return {table: {field.name: _word(field.type) for field in schema} for table, schema in schemas.items()}


def _word(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return "text"
    words = ((pa.types.is_date, "date"), (pa.types.is_boolean, "yes or no"), (pa.types.is_integer, "whole number"))
    return next((word for judge, word in words if judge(kind)), "number")


__all__ = ["BLOCKS_A_PART", "NUMBER", "TRUTH", "Tables", "blocks_of", "days", "parts_of", "plain", "types_of"]
