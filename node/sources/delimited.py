"""A CSV file, whatever parts its cells: all cells text, each row with its line, and no fault shown by its content."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from node.sources.characters import Characters
from node.sources.held import Held, digest_of
from node.sources.source import BATCH_ROWS, FAULTS_SHOWN, Rows, Source, check_header, filled_only, named
from privacy.contract import Contract
from privacy.errors import Invalid

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
HEADER_LINES = 1
BLOCK_BYTES = 1 << 24  # of text at a time; no row is longer


class Delimited(Source):
    """A CSV file with or without a byte order mark, perhaps packed by gzip; empty lines are left out.

    ``file-ragged`` lists rows of another width, ``file-malformed`` is text that is not of the encoding or a quote
    that never closes. With ``plain_tabs`` a quote is a sign like others where tabs part the cells.
    """

    unit = "line"

    def __init__(
        self,
        path: Path,
        *,
        contract: Contract | None,
        key: bytes,
        delimiter: str | None = None,
        encoding: str | None = None,
        plain_tabs: bool = False,
    ) -> None:
        if delimiter is not None and delimiter not in DELIMITERS:
            raise Invalid("delimiter-unknown", faults=sorted(DELIMITERS))
        self._held = Held(path, key)
        try:
            self._text = Characters(self._held, encoding)
            self._delimiter = "," if delimiter is None else DELIMITERS[delimiter]
            self.names = self._header(contract, sniffed=delimiter is None)
            self._quoted = not (plain_tabs and self._delimiter == DELIMITERS["tab"])
        except BaseException:
            self._held.close()
            raise

    def read(self) -> Iterator[Rows]:
        """Give the rows once, in order."""
        yield from filled_only(self._batches())

    def digest(self) -> str:
        """Return the keyed hash of the file's bytes."""
        return digest_of([self._held], b"")

    def close(self) -> None:
        """Let go of the file."""
        self._held.close()

    def _header(self, contract: Contract | None, *, sniffed: bool) -> tuple[str, ...]:
        if self._text.is_blank():
            raise Invalid("file-empty", str(self._held.path))
        line = self._text.header()
        if sniffed:
            declared = {column.name for column in contract.columns} if contract else set()
            ways = {sign: named(_cells(line, sign), contract) for sign in DELIMITERS.values()}
            # the contract's names decide; without one, the sign that parts the line most
            self._delimiter = max(ways, key=lambda sign: (len(declared & set(ways[sign])), len(ways[sign])))
        header = named(_cells(line, self._delimiter), contract)
        check_header(header, contract)
        return header

    def _batches(self) -> Iterator[Rows]:
        places = _Places()
        try:
            for batch in self._parsed(places):
                lines = places.lines(batch, quoted=self._text.quotes > 0)
                # after the first ragged row nothing will be loaded: the rest is read to list the others
                for start in range(0, 0 if places.any_ragged else batch.num_rows, BATCH_ROWS):
                    yield Rows(batch.slice(start, BATCH_ROWS), lines[start : start + BATCH_ROWS])
        except pa.ArrowException:  # its message would show the row
            self._text.rest()
            raise self._malformed(places) from None
        self._text.rest()
        places.finish()
        if self._quoted and self._text.quotes % 2:
            raise self._malformed(places)
        if faults := places.faults:
            raise Invalid("file-ragged", f"{len(faults)} rows", faults=faults[:FAULTS_SHOWN])

    def _malformed(self, places: _Places) -> Invalid:
        reason = (
            "a quote is never closed"
            if self._quoted and self._text.quotes % 2
            else f"a row is longer than {BLOCK_BYTES >> 20} MiB"
        )
        return Invalid("file-malformed", f"{reason}, after line {places.last_line}")

    def _parsed(self, places: _Places) -> Iterator[pa.RecordBatch]:
        if self._text.is_over():
            return
        yield from pa_csv.open_csv(
            pa.PythonFile(self._text, "r"),
            # one thread, since only then rows have numbers
            read_options=pa_csv.ReadOptions(use_threads=False, column_names=self.names, block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(
                delimiter=self._delimiter,
                ignore_empty_lines=False,
                newlines_in_values=self._quoted,
                quote_char='"' if self._quoted else False,
                invalid_row_handler=places.note,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()), strings_can_be_null=False, null_values=[]
            ),
        )


class _Places:
    """Where each row is: its line, counted from 1; a cell with line breaks moves the rows after it down."""

    def __init__(self) -> None:
        self.rows = 0  # placed so far, those of another width among them
        self.breaks = 0  # line breaks within their cells
        self.faults: list[str] = []
        self._ragged: dict[int, tuple[int, str]] = {}  # not placed yet: line breaks, and what is wrong

    @property
    def last_line(self) -> int:
        """Return the last line of the last row that was placed."""
        return HEADER_LINES + self.rows + self.breaks

    @property
    def any_ragged(self) -> bool:
        """Say whether a row of another width was met."""
        return bool(self.faults or self._ragged)

    def note(self, row: pa_csv.InvalidRow) -> str:
        """Note a row of another width; arrow numbers all rows from 1."""
        wrong = f"{row.actual_columns} cells, not {row.expected_columns}"
        self._ragged[row.number] = row.text.count("\n"), wrong
        return "skip"

    def lines(self, batch: pa.RecordBatch, *, quoted: bool) -> NDArray[np.int64]:
        """Return the line of each row of the next batch."""
        return self._place(_line_breaks(batch, quoted=quoted))

    def finish(self) -> None:
        """Place the ragged rows after the last batch."""
        for row in sorted(self._ragged):
            self._place_ragged(row)

    def _place(self, breaks: NDArray[np.int64]) -> NDArray[np.int64]:
        lines = np.empty(len(breaks), dtype=np.int64)
        placed = 0
        for row in sorted(self._ragged):
            before = row - self.rows - 1
            if before > len(breaks) - placed:
                break
            self._place_run(lines[placed : placed + before], breaks[placed : placed + before])
            placed += before
            self._place_ragged(row)
        self._place_run(lines[placed:], breaks[placed:])
        return lines

    def _place_run(self, lines: NDArray[np.int64], breaks: NDArray[np.int64]) -> None:
        lines[:] = np.arange(self.last_line + 1, self.last_line + 1 + len(lines))
        lines[1:] += np.cumsum(breaks[:-1])
        self.rows += len(lines)
        self.breaks += int(breaks.sum())

    def _place_ragged(self, row: int) -> None:
        breaks, wrong = self._ragged.pop(row)
        self.faults.append(f"line {self.last_line + 1}: {wrong}")
        self.rows += 1
        self.breaks += breaks


def _line_breaks(batch: pa.RecordBatch, *, quoted: bool) -> NDArray[np.int64]:
    breaks = np.zeros(batch.num_rows, dtype=np.int64)
    if quoted:  # without quotes no cell has a line break
        for column in batch.columns:
            if pc.any(pc.match_substring(column, "\n")).as_py():
                breaks += pc.count_substring(column, "\n").to_numpy()
    return breaks


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of the first line; it may be a record, so nobody is shown it."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        raise Invalid("file-malformed", "line 1") from None


__all__ = ["BLOCK_BYTES", "DELIMITERS", "HEADER_LINES", "Delimited"]
