"""How good the rows of a load are, counted as they stream by: exact figures, which never leave the node."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from node.quality.columns import Counts, Spread, chunks_of, present, spread_of
from node.quality.rules import CHECK_FAILED
from privacy.canonical import Document
from privacy.columns import GROUPS, Column, days_of
from privacy.contract import Contract

FORMAT = "hedgerow-profile/1"
MOST_ROWS = (1, 2, 5, 10, 20, 50, 100)  # people are counted who have at most so many rows, and those who have more
MISSING = "value-missing"
REPEATED = "key-repeated"
NOT_SAID = "not recorded"


class Profiler:
    """Sees the good rows of a load, batch by batch, and says at the end how they are; memory does not grow with rows.

    ``now`` is the moment of the load: how old rows are is counted to that day.
    """

    def __init__(self, contract: Contract, now: datetime.datetime) -> None:
        self._contract = contract
        self._today = now.astimezone(datetime.UTC).date()
        today = days_of(self._today)
        self._spreads: dict[str, Spread | None] = {c.name: spread_of(c, today) for c in contract.stored}
        self._missing: Counter[str] = Counter()
        self._faults: Counter[tuple[str, str]] = Counter()
        self._rows = self._people = 0
        self._rows_a_person: Counts = np.zeros(len(MOST_ROWS) + 1, np.int64)
        self._groups: dict[str, Counter[str]] = {c.name: Counter() for r in GROUPS for c in contract.with_role(r)}

    def see(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Count good rows: ``person`` and the contract's stored columns, typed; all rows of a person side by side."""
        self._rows += batch.num_rows
        person = _codes(batch.column("person"))
        first = np.flatnonzero(np.diff(person, prepend=-1))
        self._people += len(first)
        rows = np.diff(first, append=len(person))
        self._rows_a_person += np.bincount(np.searchsorted(MOST_ROWS, rows), minlength=len(MOST_ROWS) + 1)
        for name, spread in self._spreads.items():
            column = batch.column(name)
            self._missing[name] += column.null_count
            if spread is not None:
                for chunk in chunks_of(column):
                    spread.see(present(chunk))
        for name, people in self._groups.items():
            people.update(_grouped(batch.column(name), person))

    def faults(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Add how many rows were set aside for each reason and column, or check."""
        self._faults.update(counts)

    def profile(self) -> Document:
        """Return the profile as plain data, which can be written as JSON."""
        contract = self._contract
        return {
            "format": FORMAT,
            "data_set": contract.name,
            "contract": contract.version,
            "as_of": self._today.isoformat(),
            "rows": self._rows,
            "people": self._people,
            "repeated": sum(n for (reason, _), n in self._faults.items() if reason == REPEATED),
            "rows_a_person": dict(zip(_row_labels(), self._rows_a_person.tolist(), strict=True)),
            "columns": [self._column(c) for c in (contract.column(contract.person), *contract.stored)],
            "checks": [{"name": c.name, "broken": self._faults[CHECK_FAILED, c.name]} for c in contract.checks],
            "coverage": [self._covered(c) for role in GROUPS for c in contract.with_role(role)],
        }

    def _column(self, column: Column) -> Document:
        """Return how complete and how valid a column is.

        Complete is the share of rows with a value, of the good rows and those set aside for want of one. Valid is the
        share of values that passed, of the good rows' values and those that rows were set aside for.
        """
        there = self._rows - self._missing[column.name]
        absent = self._missing[column.name] + self._faults[MISSING, column.name]
        own = {
            r: n
            for (r, c), n in self._faults.items()
            if c == column.name and r not in (MISSING, CHECK_FAILED, REPEATED)
        }
        spread = self._spreads.get(column.name)
        fresh = column.freshness_days or (self._contract.freshness_days if column.role == "date" else None)
        return {
            "name": column.name,
            "type": column.type,
            "role": column.role,
            "missing": absent,
            "complete": _share(there, there + absent),
            "faults": dict(sorted(own.items())),
            "valid": _share(there, there + sum(own.values())),
            "freshness_days": fresh,
            "summary": spread.summary() if spread else None,
        }

    def _covered(self, column: Column) -> Document:
        people = sorted(self._groups[column.name].items(), key=in_order)
        groups = [{"group": group, "people": n, "share": _share(n, self._people)} for group, n in people]
        return {"column": column.name, "role": column.role, "groups": groups}


def _codes(column: pa.Array | pa.ChunkedArray) -> Counts:
    """Return a number for each row's text, alike where the text is."""
    whole = pa.chunked_array(chunks_of(column)) if not isinstance(column, pa.ChunkedArray) else column
    encoded = whole.unify_dictionaries() if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    indices = [np.asarray(c.indices.fill_null(-1).to_numpy(), np.int64) for c in encoded.chunks]
    return np.concatenate(indices) if indices else np.zeros(0, np.int64)


def people_of(column: pa.ChunkedArray, person: pa.ChunkedArray) -> dict[str, int]:
    """Return how many people have each value in some row; a person with two values counts under both."""
    return _grouped(column, _codes(person))


def _grouped(column: pa.Array | pa.ChunkedArray, person: Counts) -> dict[str, int]:
    whole = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    texts = whole.cast(pa.string()) if not pa.types.is_dictionary(whole.type) else whole
    encoded = (
        texts.unify_dictionaries() if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    ).combine_chunks()
    names = [*encoded.dictionary.cast(pa.string()).to_pylist(), NOT_SAID]
    group = encoded.indices.fill_null(len(names) - 1).to_numpy().astype(np.int64)
    pairs = np.unique((person + 1) * len(names) + group)
    counts = np.bincount(pairs % len(names), minlength=len(names))
    return {names[i]: int(counts[i]) for i in np.flatnonzero(counts)}


def in_order(group: tuple[str, int]) -> tuple[bool, int, str]:
    """Sort groups by number or name, those that are not recorded last."""
    name = group[0]
    return name == NOT_SAID, int(name) if name.isdecimal() else 0, name


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _row_labels() -> list[str]:
    low = [1, *(most + 1 for most in MOST_ROWS[:-1])]
    return [
        *(f"{a}" if a == b else f"{a} to {b}" for a, b in zip(low, MOST_ROWS, strict=True)),
        f"over {MOST_ROWS[-1]}",
    ]


__all__ = ["FORMAT", "MOST_ROWS", "NOT_SAID", "Profiler", "in_order", "people_of"]
