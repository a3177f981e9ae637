"""One column of a data contract: what it is, how it is treated, and the public bounds of its values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from privacy.canonical import Document

ColumnKind = Literal["direct-identifier", "quasi-identifier", "sensitive", "measure"]
ColumnType = Literal["nhs-number", "text", "integer", "number", "code"]
Treatment = Literal["pseudonym", "drop"]

COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
RESERVED = ("held_back", "line", "person", "reasons")  # columns that the node's own tables have
NUMERIC = ("integer", "number")
LARGEST_INTEGER = 2**53  # every whole number up to it is exact as a float64 (IEEE 754)


@dataclass(frozen=True)
class Column:
    """One column. Its bounds are public, written before the data are seen: so clipping can be private."""

    name: str
    kind: ColumnKind
    type: ColumnType
    treatment: Treatment | None = None
    low: float | None = None
    high: float | None = None
    codes: tuple[str, ...] = ()
    may_be_missing: bool = False
    unit: str = ""
    description: str = ""

    @property
    def public_bounds(self) -> tuple[float, float] | None:
        """Return its values' public bounds; codes that spell numbers are read as these; None when it is no number."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        try:
            values = [float(code) for code in self.codes]
        except ValueError:
            return None
        return (min(values), max(values)) if values else None

    def document(self) -> Document:
        """Return the column as plain data, every default filled in that applies to its kind and type."""
        document: Document = {"kind": self.kind, "type": self.type, "may_be_missing": self.may_be_missing}
        document |= {"unit": self.unit, "description": self.description}
        if self.kind == "direct-identifier":
            document["treatment"] = self.treatment
        if self.type in NUMERIC:
            document |= {"low": self.low, "high": self.high}
        if self.type == "code":
            document["codes"] = list(self.codes)
        return document

    def faults(self, missing: tuple[str, ...]) -> Iterator[str]:
        """Give each fault as ``field: what it must be``; ``missing`` are the texts that mean missing."""
        return _faults(self, missing)


def _faults(column: Column, missing: tuple[str, ...]) -> Iterator[str]:
    if not COLUMN_NAME.fullmatch(column.name) or column.name in RESERVED:
        yield f"name: is small letters, digits and _, and none of {', '.join(RESERVED)}"
    if column.kind not in get_args(ColumnKind):
        yield f"kind: is one of {', '.join(sorted(get_args(ColumnKind)))}"
    elif column.type not in get_args(ColumnType):
        yield f"type: is one of {', '.join(sorted(get_args(ColumnType)))}"
    elif column.type == "nhs-number" and column.kind != "direct-identifier":
        yield "kind: an NHS number is a direct-identifier"
    yield from _treatment_faults(column)
    if column.type in NUMERIC:
        yield from _bound_faults(column)
    if column.type == "code":
        yield from _code_faults(column, missing)


def _treatment_faults(column: Column) -> Iterator[str]:
    if column.kind != "direct-identifier":
        if column.treatment is not None:
            yield "treatment: only a direct-identifier has one"
    elif column.treatment not in get_args(Treatment):
        yield "treatment: is one of drop, pseudonym"
    elif column.treatment == "pseudonym" and column.type != "nhs-number":
        yield "treatment: only an nhs-number becomes a pseudonym; drop the others"
    elif column.treatment == "pseudonym" and column.may_be_missing:
        yield "may_be_missing: a row needs its person"


def _bound_faults(column: Column) -> Iterator[str]:
    for end in ("low", "high"):
        value: float | None = getattr(column, end)
        if value is None or not abs(value) < float("inf"):
            yield f"{end}: a public bound is required, a finite number"
        elif column.type == "integer" and (value % 1 or abs(value) > LARGEST_INTEGER):
            yield f"{end}: is a whole number within 2^53"
    if column.low is not None and column.high is not None and not column.low < column.high:
        yield "high: must be above low"


def _code_faults(column: Column, missing: tuple[str, ...]) -> Iterator[str]:
    if not column.codes or len(set(column.codes)) != len(column.codes):
        yield "codes: at least one is needed, none twice"
    elif any(code != code.strip() for code in column.codes):
        yield "codes: none begins or ends with a space"
    elif set(column.codes) & set(missing):
        yield "codes: one of them is also a text that means missing"


__all__ = [
    "COLUMN_NAME",
    "LARGEST_INTEGER",
    "NUMERIC",
    "RESERVED",
    "Column",
    "ColumnKind",
    "ColumnType",
    "Treatment",
]
