"""One batch of rows on its way: whose they are, who may be used, and every cell judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from node.ingest.cells import Fault, Judge, Judged, as_texts
from node.ingest.order import BAD, KEY, LINE, PERSON
from node.ingest.population import NOBODY, Ids, Population
from node.ingest.writing import text_for_missing, without_unused
from node.persons import bits_in, spelled_out
from node.quality.births import Births
from node.quality.rules import Rules
from node.sources.source import Rows
from privacy.arrays import Flags
from privacy.columns import Column
from privacy.contract import Contract
from privacy.identifiers import Verdict

PERSON_NOT_LISTED = "person-not-listed"
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Batch:
    """The rows of people who may be used; ``values`` is what would be stored of all of them, good or bad.

    ``faults`` are the reasons found so far, each with its column, or check, and rows.
    """

    contract: Contract
    cells: pa.RecordBatch
    lines: NDArray[np.int64]
    people: Ids
    judged: Mapping[str, Judged]
    values: pa.RecordBatch
    faults: Sequence[tuple[str, str, Flags]]

    @cached_property
    def bad(self) -> Flags:
        """Return which rows have any fault."""
        return np.any([rows for _, _, rows in self.faults], axis=0) if self.faults else np.zeros(len(self.lines), bool)

    def sortable(self) -> pa.Table:
        """Return the rows that the key can be judged of: all with a whole key, the bad ones marked."""
        key, whole = self._key()
        arrays = [pa.array(self.people), pa.array(self.lines), pa.array(key), pa.array(self.bad)]
        names = [PERSON, LINE, KEY, BAD, *self.values.schema.names]
        table = pa.table([*arrays, *self.values.columns], names=names)
        return table if whole.all() else table.filter(pa.array(whole))

    def quarantined(self, population: Population) -> pa.Table:
        """Return the bad rows: line, reasons, person, and the raw texts of the columns that are kept as they are.

        No direct identifier is kept, nor the whole of what is stored only in part, such as a day of birth: the line
        leads back to the source. Where the number does not say whose row it is, nobody can tell whether that person
        opted out, so its texts are not kept either.
        """
        rows, absent = np.flatnonzero(self.bad), text_for_missing(self.contract)
        known = self.people[rows] != NOBODY
        person = population.pseudonyms.take(pa.array(self.people[rows], mask=~known))
        table = {"line": pa.array(self.lines[rows]), "reasons": self._reasons(rows), "person": person}
        for column in self.contract.stored:
            cells = self.cells if column.treatment in (None, "keep") else self.values
            values = spelled_out(cells[column.name].take(pa.array(rows)), population.tag)
            texts = pc.fill_null(_as_written(column, values), absent)
            table[column.name] = pc.if_else(pa.array(known), texts, pa.scalar(None, pa.string()))
        return pa.table(table)

    def _key(self) -> tuple[NDArray[np.uint64], Flags]:
        """Return a 64-bit hash of the key but for the person, and which rows have a whole key."""
        whole = self.people != NOBODY
        key = np.zeros(len(self.people), np.uint64)
        for name in self.contract.key:
            if name != self.contract.person:
                judged = self.judged[name]
                whole = whole & (judged.faults == Fault.NONE)
                key = key * _MIX + _hashed(judged.cells)
        return key, whole

    def _reasons(self, rows: NDArray[np.intp]) -> pa.Array:
        """Return each row's reasons as one text, as ``code-unknown in sex; value-missing in age``."""
        reasons = [f"{reason} in {column}" for reason, column, _ in self.faults]
        of_row = np.array([flags[rows] for _, _, flags in self.faults]).T if self.faults else np.zeros((0, 0), bool)
        texts = ["; ".join(r for r, so in zip(reasons, row, strict=True) if so) for row in of_row]
        return pa.array(texts, pa.string())


class Batches:
    """Judges batches of one load by its contract; counts who was left out."""

    def __init__(self, contract: Contract, population: Population, judge: Judge, births: Births | None) -> None:
        self.contract = contract
        self.population = population
        self._judge = judge
        dropped = [c for c in contract.columns if c.name in contract.key and c.treatment == "drop"]
        self.rules = Rules(contract)
        self.births = births
        self._judged = (*contract.stored, *dropped)

    def batch(self, rows: Rows) -> Batch:
        """Judge the rows of those who may be used; rows of everybody else are not looked at."""
        people, verdicts = self.population.of(rows.cells[self.contract.person])
        kept = self.population.may_be_used(people)
        cells, lines = rows.cells, rows.numbers
        if not kept.all():
            cells, lines, people, verdicts = _only(cells, kept), lines[kept], people[kept], verdicts[kept]
        judged = {column.name: self._judge.judge(column, cells[column.name]) for column in self._judged}
        faults = [*self._of_persons(cells[self.contract.person], verdicts), *_of_cells(judged)]
        if not (listed := self.population.are_listed(people)).all():
            faults.append((PERSON_NOT_LISTED, self.contract.person, ~listed))
        values = _stored(self.contract, judged)
        faults += self.rules.judge(values)
        return Batch(self.contract, cells, lines, people, judged, values, faults)

    def _of_persons(self, texts: pa.Array, verdicts: NDArray[np.uint8]) -> list[tuple[str, str, Flags]]:
        if not (wrong := verdicts != Verdict.OK).any():
            return []
        name = self.contract.person
        bad = np.flatnonzero(wrong)
        judged = self._judge.judge(Column(name, "measure", "text"), texts.take(pa.array(bad)))
        missing = np.zeros(len(verdicts), bool)
        missing[bad[judged.faults == Fault.VALUE_MISSING]] = True
        found = [(Fault.VALUE_MISSING.code, name, missing)]
        found += [(v.code, name, (verdicts == v) & ~missing) for v in Verdict if v]
        return [fault for fault in found if fault[2].any()]


def _as_written(column: Column, cells: pa.Array) -> pa.Array:
    """Return texts that the contract reads: what a person mends is judged again as a load is."""
    if pa.types.is_date(cells.type) and column.formats:
        return pc.strftime(cells, format=column.formats[0])
    return as_texts(cells)


def _stored(contract: Contract, judged: Mapping[str, Judged]) -> pa.RecordBatch:
    names = [column.name for column in contract.stored]
    return pa.RecordBatch.from_arrays([judged[name].cells for name in names], names=names)


def _only(cells: pa.RecordBatch, kept: Flags) -> pa.RecordBatch:
    """Return some of the rows; of a dictionary, the texts of the others go too: nobody has to look at them."""
    columns = [without_unused(column) for column in cells.filter(pa.array(kept)).columns]
    return pa.RecordBatch.from_arrays(columns, names=cells.schema.names)


def _of_cells(judged: Mapping[str, Judged]) -> list[tuple[str, str, Flags]]:
    return [
        (Fault(value).code, name, column.faults == value)
        for name, column in judged.items()
        if column.faults.any()
        for value in np.unique(column.faults).tolist()
        if value
    ]


def _hashed(values: pa.Array) -> NDArray[np.uint64]:
    if pa.types.is_dictionary(values.type):
        distinct = pd.util.hash_array(values.dictionary.to_numpy(zero_copy_only=False), categorize=False)
        hashes: NDArray[np.uint64] = np.append(distinct, np.uint64(0))[pc.fill_null(values.indices, -1).to_numpy()]
        return hashes
    if pa.types.is_fixed_size_binary(values.type):  # keyed: hashed already
        first = bits_in(values).view(np.uint64)[:, 0]
        return np.where(values.is_valid().to_numpy(zero_copy_only=False), first, np.uint64(0))
    number = values.cast(pa.int32()) if pa.types.is_date(values.type) else values
    return np.asarray(pd.util.hash_array(pc.fill_null(number, 0).to_numpy()))


__all__ = ["PERSON_NOT_LISTED", "Batch", "Batches"]
