"""What a cell's text means by its column's declaration, and what is wrong with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.columns import Column

# The same texts whatever the machine's language: no thousands separator, no "inf", "nan" or hexadecimal
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_WRAPPED_NUMBER = re.compile(r"""\s*[='"+]*\s*0*([0-9]+)(?:\.0*)?\s*['"]*\s*""")
_INTEGER = r"^[+-]?[0-9]{1,15}(\.0*)?$"  # 15 digits are exact as a float64; other programs write 3.0 for 3


class Fault(IntEnum):
    """What is wrong with a value; ``code`` is its name in the catalogue of errors."""

    NONE = 0
    VALUE_MISSING = 1
    VALUE_WRONG_TYPE = 2
    VALUE_OUT_OF_BOUNDS = 3
    CODE_UNKNOWN = 4

    @property
    def code(self) -> str:
        """Return the code in the catalogue of errors."""
        return ("", "value-missing", "value-wrong-type", "value-out-of-bounds", "code-unknown")[self]


@dataclass(frozen=True, eq=False)
class Judged:
    """For each text its typed value (null when missing or faulty) and its ``Fault`` (``uint8``)."""

    values: pa.Array
    faults: NDArray[np.uint8]


def as_stored(text: str) -> str:
    """Return a text as it would stand in the store, whatever stood around it: a number's digits, plain characters."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    number = _WRAPPED_NUMBER.fullmatch(plain)
    return number[1] if number else plain.strip()


def judge(column: Column, texts: pa.Array, missing: Sequence[str]) -> Judged:
    """Judge distinct texts, trimmed of the spaces around them: missing, then type, then bounds or codes."""
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(trimmed, value_set=pa.array(missing, pa.string()))
    present = pc.if_else(absent, pa.scalar(None, pa.string()), trimmed)
    values, faults = _by_type(column, present)
    faults[_flags(absent)] = Fault.NONE if column.may_be_missing else Fault.VALUE_MISSING
    return Judged(pc.if_else(pa.array(faults == Fault.NONE), values, pa.scalar(None, values.type)), faults)


def _by_type(column: Column, present: pa.Array) -> tuple[pa.Array, NDArray[np.uint8]]:
    faults = np.zeros(len(present), dtype=np.uint8)
    if column.type == "code":
        known = _flags(pc.is_in(present, value_set=pa.array(column.codes, pa.string())))
        faults[~known] = Fault.CODE_UNKNOWN
    if column.type not in ("integer", "number"):
        return present, faults
    pattern = _INTEGER if column.type == "integer" else _NUMBER
    formed = pc.fill_null(pc.match_substring_regex(present, pattern), fill_value=False)
    values = pc.cast(pc.if_else(formed, present, pa.scalar(None, pa.string())), pa.float64())
    within = pc.and_(pc.greater_equal(values, column.low), pc.less_equal(values, column.high))
    faults[~_flags(within)] = Fault.VALUE_OUT_OF_BOUNDS
    faults[~_flags(formed)] = Fault.VALUE_WRONG_TYPE
    if column.type == "integer":
        values = pc.cast(pc.if_else(within, values, pa.scalar(None, pa.float64())), pa.int64())
    return values, faults


def _flags(mask: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(mask, fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)


__all__ = ["Fault", "Judged", "as_stored", "judge"]
