"""Whether rows hold what their contract says: every cell, and every check between cells; faults name no value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.util import hash_pandas_object

from privacy.arrays import Flags
from privacy.checks import BIRTH, Comparison, Implication, Uniqueness
from privacy.code_systems import well_formed
from privacy.columns import BOUNDED, Column
from privacy.contract import Contract
from synthetic.identifiers import is_made_up

WORDS = {"at-least": pc.greater_equal, "above": pc.greater, "equal": pc.equal, "different": pc.not_equal}


@dataclass
class Holding:
    """Holds the rows of one table against its contract, batch by batch; what is wrong is counted, by what it is.

    Rows are told apart by 64-bit hashes of their keys: among 30 million the chance of a false alarm is 2 in 100,000.
    """

    table: str
    contract: Contract
    rows: int = 0
    wrong: dict[str, tuple[int, int]] = field(default_factory=dict)
    _keys: dict[str, list[NDArray[np.uint64]]] = field(default_factory=dict)

    def see(self, batch: pa.RecordBatch) -> None:
        """Look at some rows."""
        for column in self.contract.columns:
            for fault, wrong in _cell_faults(column, batch.column(column.name)):
                self.note(f"{column.name}: {fault}", wrong)
        for name, wrong in _row_faults(self.contract, batch):
            self.note(name, wrong)
        for name, columns in _unique(self.contract).items():
            self._keys.setdefault(name, []).append(_hashes(batch, columns))
        self.rows += batch.num_rows

    def note(self, what: str, wrong: Flags) -> None:
        """Count rows of the batch that comes next in which ``what`` is so."""
        if count := int(np.count_nonzero(wrong)):
            known, first = self.wrong.get(what, (0, self.rows + int(np.argmax(wrong))))
            self.wrong[what] = (known + count, first)

    def faults(self) -> list[str]:
        """Return what was found, as ``table.column: what is wrong, in how many rows, from which on``."""
        repeated = {name: len(keys) - len(np.unique(keys)) for name, keys in self._all_keys()}
        return [
            f"{self.table}.{what}, in {count:,} of {self.rows:,} rows, first in row {first + 1:,}"
            for what, (count, first) in self.wrong.items()
        ] + [f"{self.table}: {name}, in {count:,} of {self.rows:,} rows" for name, count in repeated.items() if count]

    def _all_keys(self) -> Iterator[tuple[str, NDArray[np.uint64]]]:
        for name, parts in self._keys.items():
            yield name, np.concatenate(parts)


def _cell_faults(column: Column, cells: pa.Array) -> Iterator[tuple[str, Flags]]:
    if not column.may_be_missing:
        yield "is missing", np.asarray(pc.is_null(cells))
    if column.type == "nhs-number":
        yield "is no made-up NHS number", ~is_made_up(_texts(cells))
    if column.type in BOUNDED and column.low is not None and column.high is not None:
        numbers = pc.cast(pc.cast(cells, pa.int32()) if column.type == "date" else cells, pa.float64())
        yield "is below its bounds", _truth(pc.less(numbers, column.low))
        yield "is above its bounds", _truth(pc.greater(numbers, column.high))
    if column.codes:
        known = pc.is_in(pc.cast(cells, pa.string()), pa.array(column.codes))
        yield "is not one of its codes", _truth(pc.and_(pc.invert(known), pc.is_valid(cells)))
    elif column.type == "code" and column.system:
        yield f"has not the shape of a code of {column.system}", _ill_formed(column.system, cells)


def _row_faults(contract: Contract, batch: pa.RecordBatch) -> Iterator[tuple[str, Flags]]:
    for check in contract.checks:
        if isinstance(check, Comparison) and check.other != BIRTH:
            holds = WORDS[check.relation](batch.column(check.column), batch.column(check.other))
            yield check.name, _truth(pc.invert(holds))
        elif isinstance(check, Implication):
            when = _truth(pc.is_in(pc.cast(batch.column(check.when), pa.string()), pa.array(check.codes)))
            there = np.asarray(pc.is_valid(batch.column(check.column)))
            yield check.name, when & (there if check.then == "missing" else ~there)


def _unique(contract: Contract) -> Mapping[str, tuple[str, ...]]:
    told_apart = {} if contract.may_repeat else {f"{' and '.join(contract.key)} is there twice": contract.key}
    checks = [check for check in contract.checks if isinstance(check, Uniqueness)]
    return {**told_apart, **{check.name: (contract.person, *check.unique) for check in checks}}


def _hashes(batch: pa.RecordBatch, columns: tuple[str, ...]) -> NDArray[np.uint64]:
    return np.asarray(hash_pandas_object(batch.select(list(columns)).to_pandas(), index=False), np.uint64)


def _ill_formed(system: str, cells: pa.Array) -> Flags:
    listed = pc.dictionary_encode(pc.cast(cells, pa.string()))
    fits = np.append(well_formed(system, listed.dictionary.to_pylist()), True)  # the last place is for what is missing
    return np.asarray(~fits[np.asarray(pc.fill_null(listed.indices, len(listed.dictionary)))])


def _texts(cells: pa.Array) -> NDArray[np.str_]:
    return np.asarray(pc.fill_null(pc.cast(cells, pa.string()), "").to_pylist(), np.str_)


def _truth(found: pa.Array) -> Flags:
    return np.asarray(pc.fill_null(found, fill_value=False))


__all__ = ["WORDS", "Holding"]
