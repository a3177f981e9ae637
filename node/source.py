"""A CSV file as it came: all cells text, each row with its line, and no fault shown by its content."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from privacy.contract import Contract
from privacy.errors import Invalid, Unreachable

FAULTS_SHOWN = 20
# A name that may be shown. What does not look like one may be a record's value in a file without a header.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,62}")


@dataclass(frozen=True, eq=False)
class Source:
    """The rows of a file: ``texts`` has a text column for each name, ``lines`` where each row is.

    ``unit`` says what ``lines`` counts, from 1: lines of a text, or rows.
    """

    texts: pa.Table
    lines: NDArray[np.int64]
    unit: Literal["line", "row"] = "line"

    def only(self, rows: NDArray[np.bool_]) -> Source:
        """Return the rows where ``rows`` is true."""
        return Source(self.texts.filter(pa.array(rows)), self.lines[rows], self.unit)


def read_bytes(file: Path) -> bytes:
    """Return a file's bytes, read once so that what is hashed is what is parsed; ``file-empty`` if none."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error
    if not content.strip():
        raise Invalid("file-empty", str(file))
    return content


def header_of(content: bytes) -> list[str]:
    """Return the cells of the first line; it may be a record, so nobody is shown it."""
    try:
        line = content.split(b"\n", 1)[0].decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("file-malformed", "line 1") from None
    try:
        return [cell.strip() for cell in next(csv.reader([line]), [])]
    except csv.Error:  # such as a file whose lines end in a bare CR
        raise Invalid("file-malformed", "line 1") from None


def check_header(header: Sequence[str], contract: Contract) -> None:
    """Return if the header names just the contract's columns, in any order; else list all that differ."""
    declared = [column.name for column in contract.columns]
    if not set(header) & set(declared):
        raise Invalid("header-absent")
    if repeated := sorted({name for name in header if name in declared and header.count(name) > 1}):
        raise Invalid("column-repeated", faults=repeated)
    absent = [f"{name}: declared, not in the file" for name in declared if name not in header]
    undeclared = [
        f"{name}: in the file, not declared" if _NAME.fullmatch(name) else f"column {place}: not declared"
        for place, name in enumerate(header, start=1)
        if name not in declared
    ]
    if undeclared or absent:
        raise Invalid("column-undeclared" if undeclared else "column-absent", faults=[*undeclared, *absent])


def read_rows(content: bytes, names: Sequence[str], *, header_lines: int) -> Source:
    """Return the rows of UTF-8 CSV, with or without a byte order mark; empty lines are left out.

    ``file-ragged`` lists rows of another width, ``file-malformed`` is text that is not UTF-8 or a quote that
    never closes, ``file-empty`` a file without rows.
    """
    if content.count(b'"') % 2:
        raise Invalid("file-malformed", "a quote is never closed")
    ragged: list[str] = []

    def note(row: pa_csv.InvalidRow) -> str:
        ragged.append(f"row {row.number}: {row.actual_columns} cells, not {row.expected_columns}")
        return "skip"

    try:
        texts = pa_csv.read_csv(
            pa.BufferReader(content),
            # one thread, since only then rows have numbers
            read_options=pa_csv.ReadOptions(use_threads=False, column_names=names, skip_rows=header_lines),
            parse_options=pa_csv.ParseOptions(
                ignore_empty_lines=False, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, null_values=[]
            ),
        )
    except pa.ArrowInvalid:
        raise Invalid("file-malformed") from None  # arrow's message would show the row
    if ragged:
        raise Invalid("file-ragged", f"{len(ragged)} rows", faults=ragged[:FAULTS_SHOWN])
    return without_empty_rows(Source(texts, _lines(texts, content, header_lines)))


def without_empty_rows(source: Source) -> Source:
    """Return the rows that have anything in them; ``file-empty`` when none has."""
    filled = np.zeros(len(source.lines), dtype=bool)
    for column in source.texts.columns:
        filled |= pc.not_equal(column, "").to_numpy()
        if filled.all():
            break
    if not filled.any():
        raise Invalid("file-empty")
    return source.only(filled)


def _lines(texts: pa.Table, content: bytes, header_lines: int) -> NDArray[np.int64]:
    """Return each row's first line, counted from 1; a cell with line breaks moves the rows after it down."""
    lines = np.arange(texts.num_rows, dtype=np.int64) + header_lines + 1
    if content.count(b"\n") <= texts.num_rows + header_lines:
        return lines
    breaks = sum(pc.count_substring(column, "\n").to_numpy().astype(np.int64) for column in texts.columns)
    return np.asarray(lines + np.cumsum(breaks) - breaks, dtype=np.int64)


__all__ = ["FAULTS_SHOWN", "Source", "check_header", "header_of", "read_bytes", "read_rows", "without_empty_rows"]
