"""The names under which every source of standard records gives people and events, and what some values become."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.columns import LARGEST_INTEGER
from privacy.contract import Contract
from privacy.errors import Invalid

PERSON = ("nhs_number", "birth_date", "sex", "ethnicity", "postcode", "lsoa", "area", "imd_decile", "practice")
EVENT = (
    "nhs_number",
    "record_id",
    "date",
    "source",
    "setting",
    "system",
    "code",
    "value",
    "unit",
    "organisation",
    "cost",
)
LARGEST_SPREAD = 4  # of ids over their number, up to which a table of all of them is made
# What sources write for a person's gender; the names are FHIR's administrative genders, the digits the NHS's.
SEX = {
    "male": "male",
    "m": "male",
    "1": "male",
    "female": "female",
    "f": "female",
    "2": "female",
    "other": "other",
    "9": "other",
    "unknown": "unknown",
    "u": "unknown",
    "0": "unknown",
    "x": "unknown",
}


def canonical_names(contract: Contract | None) -> tuple[str, ...]:
    """Return the canonical columns that a contract asks for, else an event's; any other is ``column-absent``."""
    if contract is None:
        return EVENT
    known = PERSON if contract.table == "person" else EVENT
    asked = tuple(column.name for column in contract.columns)
    if unknown := [name for name in asked if name not in known]:
        given = f"of a {contract.table} table are given {', '.join(known)}"
        raise Invalid("column-absent", given, faults=[f"{name}: declared, not given" for name in unknown])
    return asked


def cells_of(columns: Mapping[str, pa.Array], names: tuple[str, ...], rows: int) -> pa.RecordBatch:
    """Return the asked columns as text, null where the source has none of it."""
    empty = pa.nulls(rows, pa.string())
    return pa.record_batch([columns.get(name, empty) for name in names], names=list(names))


def as_text(column: pa.Array | None, rows: int) -> pa.Array:
    """Return cells as text, empty ones as null, a day or a time as ISO 8601, a whole number without a point."""
    if column is None:
        return pa.nulls(rows, pa.string())
    if pa.types.is_dictionary(column.type):
        return as_text(column.dictionary, len(column.dictionary)).take(column.indices)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
        whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), LARGEST_INTEGER))
        if pc.all(whole).as_py():
            column = pc.cast(column, pa.int64())
    text = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def as_day(column: pa.Array | None, rows: int) -> pa.Array:
    """Return the first ten characters of a time: its day."""
    return pc.utf8_slice_codeunits(as_text(column, rows), 0, 10)


def as_sex(texts: pa.Array) -> pa.Array:
    """Return the administrative gender, null for what is not known to be one."""
    return translated(pc.utf8_lower(texts), SEX)


def translated(texts: pa.Array, meanings: Mapping[str, str]) -> pa.Array:
    """Return what each text means, null where that is not said."""
    at = pc.index_in(texts, value_set=pa.array(list(meanings), pa.string()))
    return pa.array(list(meanings.values()), pa.string()).take(at)


def either(*columns: pa.Array) -> pa.Array:
    """Return in each row the first that is there."""
    return pc.coalesce(*columns)


class Lookup:
    """Texts by whole number, as ids of one table lead to another; what two rows say differently is not known."""

    def __init__(self, ids: pa.Array, **texts: pa.Array) -> None:
        known = ids.is_valid()
        keys = ids.filter(known).to_numpy(zero_copy_only=False)
        order = np.argsort(keys, kind="stable")
        self._keys: NDArray[np.int64] = keys[order]
        self._by_id = _table(self._keys)
        again = np.flatnonzero(self._keys[1:] == self._keys[:-1]) + 1
        self._texts = {}
        for name, column in texts.items():
            sorted_ = column.filter(known).take(pa.array(order))
            unlike = pc.not_equal(sorted_.take(pa.array(again)), sorted_.take(pa.array(again - 1)))
            unlike = pc.fill_null(unlike, fill_value=True)
            doubtful = np.isin(self._keys, self._keys[again[unlike.to_numpy(zero_copy_only=False)]])
            kept = pc.if_else(pa.array(doubtful), pa.scalar(None, pa.string()), sorted_)
            self._texts[name] = kept.dictionary_encode()

    def find(self, ids: pa.Array, name: str) -> pa.Array:
        """Return the text for each id, null where there is none."""
        at = self._places(pc.fill_null(ids, -1).to_numpy(zero_copy_only=False))
        return pc.cast(self._texts[name].take(pa.array(at, mask=at < 0)), pa.string())

    def _places(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        if not len(self._keys):
            return np.full(len(wanted), -1)
        if self._by_id is not None:  # ids are mostly numbered through: a table is ten times as fast as a search
            first = self._keys[0]
            inside = (wanted >= first) & (wanted <= self._keys[-1])
            return np.where(inside, self._by_id[np.where(inside, wanted - first, 0)], -1)
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where((self._keys[at] == wanted) & (wanted >= 0), at, -1)


def _table(keys: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the place of each id from the first to the last, -1 where there is none, if they lie close together."""
    if not len(keys) or keys[-1] - keys[0] > LARGEST_SPREAD * len(keys):
        return None
    table = np.full(keys[-1] - keys[0] + 1, -1, dtype=np.int64)
    table[keys - keys[0]] = np.arange(len(keys))
    return table


def as_ids(column: pa.Array | None, rows: int) -> pa.Array:
    """Return ids as whole numbers, null for what is none."""
    texts = as_text(column, rows)
    formed = pc.match_substring_regex(texts, r"^[0-9]{1,18}$")
    return pc.cast(pc.if_else(formed, texts, pa.scalar(None, pa.string())), pa.int64())


__all__ = [
    "EVENT",
    "LARGEST_SPREAD",
    "PERSON",
    "SEX",
    "Lookup",
    "as_day",
    "as_ids",
    "as_sex",
    "as_text",
    "canonical_names",
    "cells_of",
    "either",
    "translated",
]
