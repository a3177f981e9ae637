"""What every source is: names of columns, and batches of rows that know where each row stands."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.columns import name_of
from privacy.contract import Contract
from privacy.errors import Invalid

FAULTS_SHOWN = 20
BATCH_ROWS = 1 << 19
BATCH_BYTES = 1 << 27
# A name that may be shown. What does not look like one may be a record's value in a file without a header.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,62}")
HEADING = re.compile(r"(?=[^A-Za-z]*[A-Za-z])(?!.*\d{5})[^\x00-\x1f@\x7f]{1,200}")


@dataclass(frozen=True, eq=False)
class Rows:
    """At most ``BATCH_ROWS`` rows: a column for each of the source's names, and each row's line or row from 1.

    Cells are text, or typed: whole numbers, numbers, decimals, booleans, dates, timestamps; texts may be
    dictionaries. Null and NaN are missing, whatever texts the contract has for that. A row with nothing in
    it is left out, and counted in the numbers of the rows after it.
    """

    cells: pa.RecordBatch
    numbers: NDArray[np.int64]


class Source(ABC):
    """A source that was opened: its header holds against the contract, and no row is read yet.

    ``names`` are the columns, in the source's order; ``unit`` is what a row's number counts, lines of a text or rows.
    Whatever is wrong is an error of the catalogue that shows no value and no bytes of the source.
    """

    names: tuple[str, ...]
    unit: Literal["line", "row"]

    @abstractmethod
    def read(self) -> Iterator[Rows]:
        """Give the rows once, in order; ``file-empty`` when there is none. Memory does not grow with their number."""

    @abstractmethod
    def digest(self) -> str:
        """Return ``hmac-sha256:`` and a hash of all that was read, when ``read`` has given everything.

        By it this node knows a source again; nobody without the key can test a guess at it.
        """

    def close(self) -> None:
        """Give back files and connections; once or more often."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def named(header: Sequence[str], contract: Contract | None) -> tuple[str, ...]:
    """Return the contract's name for each heading that only says it otherwise: ``nhs_number`` for ``NHS Number``."""
    declared = {column.name for column in contract.columns} if contract else set()
    return tuple(name_of(h) if h not in declared and name_of(h) in declared else h for h in header)


def check_header(header: Sequence[str], contract: Contract | None) -> None:
    """Return if the header names just the contract's columns, in any order; else list all that differ.

    Without a contract the names must be names, each there once.
    """
    if contract is None:
        _check_names(header)
        return
    declared = [column.name for column in contract.columns]
    if not set(header) & set(declared):
        raise Invalid("header-absent")
    if repeated := sorted(set(_repeated(header)) & set(declared)):
        raise Invalid("column-repeated", faults=_shown(repeated))
    absent = [f"{name}: declared, not in the file" for name in declared if name not in header]
    undeclared = [
        f"{name}: in the file, not declared" if NAME.fullmatch(name) else f"column {place}: not declared"
        for place, name in enumerate(header, start=1)
        if name not in declared
    ]
    if undeclared or absent:
        raise Invalid(
            "column-undeclared" if undeclared else "column-absent", faults=[*_shown(undeclared), *_shown(absent)]
        )


def _check_names(header: Sequence[str]) -> None:
    """Refuse headings that could be a record: numbers, dates, times, e-mail addresses, whole sentences."""
    if not header or not all(HEADING.fullmatch(name) for name in header):
        raise Invalid("header-absent")
    names = [name_of(heading) for heading in header]
    if repeated := _repeated(names):
        raise Invalid("column-repeated", faults=_shown(repeated))


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)


def _shown(faults: Sequence[str]) -> list[str]:
    """Return the first faults, and how many more there are: of a file of another kind, thousands."""
    left = len(faults) - FAULTS_SHOWN
    return list(faults) if left <= 0 else [*faults[:FAULTS_SHOWN], f"and {left} more"]


def filled_only(batches: Iterable[Rows]) -> Iterator[Rows]:
    """Give the rows that have anything in them; ``file-empty`` when none has."""
    found = False
    for rows in batches:
        filled = _filled(rows.cells)
        kept = rows if filled.all() else Rows(rows.cells.filter(pa.array(filled)), rows.numbers[filled])
        if len(kept.numbers):
            found = True
            yield kept
    if not found:
        raise Invalid("file-empty")


def _filled(cells: pa.RecordBatch) -> NDArray[np.bool_]:
    filled = np.zeros(cells.num_rows, dtype=bool)
    # a column of numbers tells most at least cost
    for column in sorted(cells.columns, key=lambda column: _has_text(column.type)):
        if filled.all():
            break
        filled |= _present(column)
    return filled


def _present(column: pa.Array) -> NDArray[np.bool_]:
    if pa.types.is_dictionary(column.type):
        present = pa.array(_present(column.dictionary)).take(column.indices)
    elif _has_text(column.type):
        present = pc.not_equal(column, "")
    elif pa.types.is_floating(column.type):
        present = pc.invert(pc.is_nan(column))
    elif column.null_count == 0:
        return np.ones(len(column), dtype=bool)
    else:
        present = column.is_valid()
    return np.asarray(pc.fill_null(present, fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)


def _has_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


__all__ = [
    "BATCH_BYTES",
    "BATCH_ROWS",
    "FAULTS_SHOWN",
    "HEADING",
    "NAME",
    "Rows",
    "Source",
    "check_header",
    "filled_only",
    "named",
]
