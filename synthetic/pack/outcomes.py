"""Splits the truth about one use case: outcomes that teams learn from, people they foretell, answers kept back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.columns import Column
from privacy.contract import Contract
from synthetic.pack.answers import Answers
from synthetic.pack.hold_out import HoldOut, numbers_of
from synthetic.pack.questions import Question

AGES = (18, 40, 65, 75, 85)  # where bands of age begin
DAYS_A_YEAR = 365.25
# NHS Data Dictionary, ETHNIC CATEGORY: its letters by the heading that each stands under
ETHNIC_GROUPS = {
    letter: group
    for letters, group in (("ABC", "White"), ("DEFG", "Mixed"), ("HJKL", "Asian"), ("MNP", "Black"), ("RS", "Other"))
    for letter in letters
}
_NHS_NUMBER = Column("nhs_number", "direct-identifier", "nhs-number", "pseudonym", description="who is meant")


@dataclass
class Split:
    """The truth of one use case, as it streams by: what is given to teams, and what is kept of those held back."""

    held: HoldOut
    kept: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]] = field(default_factory=list)

    def told(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give the outcomes of those who are asked about and not held back; keep those of the others."""
        for batch in batches:
            numbers = numbers_of(batch)
            held = self.held.has(numbers)
            happened = np.asarray(batch.column("happened").to_numpy(zero_copy_only=False), bool)
            probability = np.asarray(batch.column("probability").to_numpy(zero_copy_only=False), float)
            self.kept.append((numbers[held], probability[held], happened[held]))
            yield pa.record_batch(
                [pa.array(numbers[~held]).cast(pa.string()), pa.array(happened[~held].astype(np.int8))],
                schema=OUTCOMES,
            )

    def to_predict(self) -> pa.RecordBatch:
        """Return the people who are asked about and held back, by NHS number."""
        numbers = np.sort(self._column(0))
        return pa.record_batch([pa.array(numbers).cast(pa.string())], schema=TO_PREDICT)

    def answers(self, groups: Mapping[str, NDArray[np.str_]]) -> Answers:
        """Return what is kept of them; ``groups`` are of all people held back, in the order of their NHS numbers."""
        numbers = self._column(0)
        order = np.argsort(numbers)
        numbers = numbers[order]
        places = np.searchsorted(self.held.numbers, numbers)
        chosen = {of: labels[places] for of, labels in groups.items()}
        return Answers(numbers, self._column(2).astype(bool)[order], self._column(1)[order].astype(float), chosen)

    def _column(self, which: int) -> NDArray[np.int64]:
        parts = [part[which] for part in self.kept]
        return np.concatenate(parts) if parts else np.array([], np.int64)


@dataclass
class Groups:
    """Which groups the people held back are of, kept as the people stream by."""

    held: HoldOut
    index_day: int
    kept: list[tuple[NDArray[np.int64], dict[str, NDArray[np.str_]]]] = field(default_factory=list)

    def seen(self, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give people as they come, and keep what is known of those held back."""
        for batch in rows:
            self._see(batch)
            yield batch

    def by_number(self) -> dict[str, NDArray[np.str_]]:
        """Return the groups of everybody held back, in the order of their NHS numbers."""
        if not self.kept:
            return {}
        order = np.argsort(np.concatenate([numbers for numbers, _ in self.kept]))
        return {of: np.concatenate([labels[of] for _, labels in self.kept])[order] for of in self.kept[0][1]}

    def _see(self, batch: pa.RecordBatch) -> None:
        numbers = numbers_of(batch)
        held = self.held.has(numbers)
        rows = batch.filter(pa.array(held))
        born = np.asarray(pc.cast(rows.column("birth_date"), pa.int32()))
        ages = ((self.index_day - born) / DAYS_A_YEAR).astype(int)
        broad = np.array([ETHNIC_GROUPS.get(letter, "not known") for letter in _texts(rows, "ethnicity")], np.str_)
        labels = {"sex": _texts(rows, "sex"), "age": _bands(ages), "ethnic group": broad}
        labels["deprivation"] = _fifths(rows)
        self.kept.append((numbers[held], labels))


def contracts(question: Question) -> dict[str, Contract]:
    """Return the contracts of a use case's two tables: outcomes to learn from, and people to foretell."""
    happened = Column(
        "happened", "sensitive", "code", codes=("0", "1"), description=f"1 where it did: {question.question}"
    )
    return {
        f"{question.name}-outcomes": _contract(f"{question.title}: what happened", (_NHS_NUMBER, happened)),
        f"{question.name}-to-predict": _contract(f"{question.title}: whom to foretell", (_NHS_NUMBER,)),
    }


def _contract(title: str, columns: tuple[Column, ...]) -> Contract:
    return Contract(
        name="challenge",
        version=1,
        title=title,
        owner="whoever made the pack",
        legal_basis="none is needed: nobody in it is real",
        source="hedgerow-synthetic",
        table="person",
        key=("nhs_number",),
        columns=columns,
    )


OUTCOMES = pa.schema([("nhs_number", pa.string()), ("happened", pa.int8())])
TO_PREDICT = pa.schema([("nhs_number", pa.string())])


def _bands(ages: NDArray[np.int64]) -> NDArray[np.str_]:
    names = [f"{low} to {high - 1}" for low, high in pairwise((0, *AGES))] + [f"{AGES[-1]} and over"]
    return np.array(names)[np.searchsorted(AGES, ages, side="right")]


def _fifths(rows: pa.RecordBatch) -> NDArray[np.str_]:
    decile = rows.column("imd_decile")
    known = np.asarray(pc.fill_null(pc.cast(pc.cast(decile, pa.string()), pa.int64()), 0))
    names = np.array(["unknown", "1 (most deprived)", "2", "3", "4", "5 (least deprived)"])
    return np.asarray(names[(known + 1) // 2])


def _texts(rows: pa.RecordBatch, name: str) -> NDArray[np.str_]:
    column = pc.fill_null(pc.cast(rows.column(name), pa.string()), "unknown")
    return np.asarray(column.to_pylist(), dtype=np.str_)


__all__ = ["AGES", "ETHNIC_GROUPS", "OUTCOMES", "TO_PREDICT", "Groups", "Split", "contracts"]
