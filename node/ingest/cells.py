"""What a cell means by its column's declaration, and what is wrong with it; typed cells as well as texts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.arrays import Flags
from privacy.code_systems import well_formed
from privacy.columns import BOUNDED, ISO_DATE, NUMERIC, Column, days_of
from privacy.written import INTEGER, NUMBER, POSTCODE, day_of

_INWARD = 3  # characters after a postcode's space
_LOOKED_AT, _SELDOM = 1000, 0.9  # cells, and the share of distinct ones from which on each is keyed by itself

Keyed = Callable[[Column, pa.Array], pa.Array]  # texts without a null to as many keyed ones, 16 bytes each


class Fault(IntEnum):
    """What is wrong with a value; ``code`` is its name in the catalogue of errors."""

    NONE = 0
    VALUE_MISSING = 1
    VALUE_WRONG_TYPE = 2
    VALUE_OUT_OF_BOUNDS = 3
    CODE_UNKNOWN = 4
    DATE_IN_FUTURE = 5

    @property
    def code(self) -> str:
        """Return the code in the catalogue of errors."""
        codes = ("value-missing", "value-wrong-type", "value-out-of-bounds", "code-unknown", "date-in-future")
        return ("", *codes)[self]


@dataclass(frozen=True, eq=False)
class Judged:
    """For each cell what will be stored of it, null when missing or faulty, and its ``Fault`` (``uint8``)."""

    cells: pa.Array
    faults: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Read:
    """Cells as values of their type; ``absent`` are those that are missing, ``wrong`` those that cannot be read."""

    values: pa.Array
    absent: Flags
    wrong: Flags


@dataclass(frozen=True)
class Judge:
    """Judges columns; beside the declaration it needs the texts that mean missing, the day, and what keys a text."""

    missing: tuple[str, ...]
    today: datetime.date
    keyed: Keyed

    def judge(self, column: Column, cells: pa.Array) -> Judged:
        """Judge a column: missing, then type, then bounds or codes; what is left is treated as declared.

        Numbers and dates that come typed are judged as they are, all else by the text that stands for it, each
        distinct text once. Integers come back as int64, numbers as float64, dates as date32, texts as dictionaries,
        keyed texts as 16 bytes each.
        """
        if column.type in NUMERIC and _is_number(cells.type):
            return self._finished(column, self._numbers(column, cells))
        if column.type == "date" and (pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type)):
            return self._finished(column, _Read(cells.cast(pa.date32(), safe=False), _nulls(cells), _none(cells)))
        if column.treatment == "pseudonym" and _seldom_repeats(cells):
            return self._finished(column, self._texts(column, as_texts(cells)))
        encoded = _encoded(cells)
        judged = self._finished(column, self._texts(column, encoded.dictionary))
        return _spread(judged, encoded.indices, column)

    def _numbers(self, column: Column, cells: pa.Array) -> _Read:
        values = pc.cast(cells, pa.float64(), safe=False)
        absent = _flags(pc.is_null(values, nan_is_null=True))
        if numbers := [float(text) for text in self.missing if _reads_as_number(text)]:
            absent |= _flags(pc.is_in(values, value_set=pa.array(numbers, pa.float64())))
        wrong = _flags(pc.is_inf(values))
        if column.type == "integer" and not pa.types.is_integer(cells.type):
            wrong |= ~_flags(pc.equal(pc.floor(values), values))
        return _Read(values, absent, wrong)

    def _texts(self, column: Column, texts: pa.Array) -> _Read:
        trimmed = pc.utf8_trim_whitespace(texts)
        absent = _flags(pc.is_in(trimmed, value_set=pa.array(self.missing, pa.string()))) | _nulls(texts)
        present = _only(trimmed, ~absent)
        if column.type in NUMERIC:
            formed = _written(present, INTEGER if column.type == "integer" else NUMBER)
            return _Read(pc.cast(_only(present, formed), pa.float64()), absent, ~formed)
        if column.type == "date":
            days = _dates(present, column.formats or (ISO_DATE,))
            return _Read(days, absent, _nulls(days))
        if column.type == "postcode":
            present = pc.ascii_upper(pc.replace_substring_regex(present, r"\s+", ""))
            return _Read(present, absent, ~_written(present, POSTCODE))
        return _Read(present, absent, _none(present))

    def _finished(self, column: Column, read: _Read) -> Judged:
        faults = np.zeros(len(read.values), dtype=np.uint8)
        if column.type in BOUNDED:
            number = pc.cast(read.values.cast(pa.int32()), pa.float64()) if column.type == "date" else read.values
            within = pc.and_(pc.greater_equal(number, column.low), pc.less_equal(number, column.high))
            faults[~_flags(within)] = Fault.VALUE_OUT_OF_BOUNDS
            if column.type == "date" and not column.may_be_future:
                faults[_flags(pc.greater(number, days_of(self.today)))] = Fault.DATE_IN_FUTURE
        if column.type == "code":
            faults[~_known(column, read.values)] = Fault.CODE_UNKNOWN
        faults[read.wrong] = Fault.VALUE_WRONG_TYPE
        faults[read.absent] = Fault.NONE if column.may_be_missing else Fault.VALUE_MISSING
        good = _only(read.values, (faults == Fault.NONE) & ~read.absent)
        return Judged(self._treated(column, good), faults)

    def _treated(self, column: Column, values: pa.Array) -> pa.Array:
        if column.treatment == "pseudonym":
            return _only(self.keyed(column, pc.fill_null(values, "")), ~_nulls(values))
        if column.treatment in ("month", "year"):
            return pc.floor_temporal(values, unit=column.treatment).cast(pa.date32())
        if column.treatment == "band" and column.band_width:
            values = pc.multiply(pc.floor(pc.divide(values, column.band_width)), column.band_width)
        if column.treatment == "outward":
            return pc.utf8_slice_codeunits(values, 0, stop=-_INWARD)
        if column.type == "postcode":
            return pc.binary_join_element_wise(
                pc.utf8_slice_codeunits(values, 0, stop=-_INWARD), pc.utf8_slice_codeunits(values, -_INWARD), " "
            )
        return pc.cast(values, pa.int64()) if column.type == "integer" else values


def as_texts(cells: pa.Array) -> pa.Array:
    """Return the text that stands for each cell, null where there is none."""
    if pa.types.is_floating(cells.type):
        cells = _only(cells, ~_flags(pc.is_nan(cells)))
    return cells.cast(pa.string())


def _spread(judged: Judged, indices: pa.Array, column: Column) -> Judged:
    """Give each row the verdict on its distinct text; a cell that was null is missing."""
    missing = Fault.NONE if column.may_be_missing else Fault.VALUE_MISSING
    at = pc.fill_null(indices, len(judged.faults)).to_numpy(zero_copy_only=False)
    faults = np.append(judged.faults, np.uint8(missing))[at]
    if not pa.types.is_string(judged.cells.type):
        return Judged(judged.cells.take(indices), faults)
    known = np.append(~_nulls(judged.cells), False)[at]
    coded = pa.array(at.astype(np.int32), mask=~known)
    return Judged(pa.DictionaryArray.from_arrays(coded, pc.fill_null(judged.cells, "")), faults)


def _encoded(cells: pa.Array) -> pa.DictionaryArray:
    if pa.types.is_dictionary(cells.type):
        return pa.DictionaryArray.from_arrays(cells.indices, cells.dictionary.cast(pa.string()))
    return as_texts(cells).dictionary_encode()


def _seldom_repeats(cells: pa.Array) -> bool:
    """Say whether hardly any two of the cells are alike, by some from all over: then to encode them gains nothing."""
    if pa.types.is_dictionary(cells.type):
        return False
    some = cells[:: max(1, len(cells) // _LOOKED_AT)]
    return bool(len(pc.unique(some)) > _SELDOM * len(some))


def _known(column: Column, codes: pa.Array) -> Flags:
    if column.codes:
        return _flags(pc.is_in(codes, value_set=pa.array(column.codes, pa.string())))
    return well_formed(column.system, pc.fill_null(codes, "").to_pylist())


def _dates(texts: pa.Array, formats: Sequence[str]) -> pa.Array:
    days = [None if text is None else day_of(text, formats) for text in texts.to_pylist()]
    return pa.array(days, pa.date32())


def _written(texts: pa.Array, pattern: str) -> Flags:
    return _flags(pc.match_substring_regex(texts, f"^(?:{pattern})$"))


def _reads_as_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _only(values: pa.Array, kept: Flags) -> pa.Array:
    return pc.if_else(pa.array(kept), values, pa.scalar(None, values.type))


def _nulls(values: pa.Array) -> Flags:
    return _flags(values.is_null())


def _none(values: pa.Array) -> Flags:
    return np.zeros(len(values), dtype=bool)


def _flags(mask: pa.Array) -> Flags:
    return np.asarray(pc.fill_null(mask, fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)


__all__ = ["Fault", "Judge", "Judged", "Keyed", "as_texts"]
