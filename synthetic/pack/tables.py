"""Writes the tables of a pack, each as one file, batch by batch: what is held back is never written for teams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa

from privacy.columns import days_of
from privacy.contract import Contract
from privacy.errors import Invalid
from synthetic.formats import format_of
from synthetic.judged.scoring import LEAST_OUTCOMES
from synthetic.manifest import Written
from synthetic.pack.about import PEOPLE, Packed
from synthetic.pack.answers import Answers
from synthetic.pack.hold_out import HoldOut, renumbered
from synthetic.pack.outcomes import OUTCOMES, TO_PREDICT, Groups, Split
from synthetic.pack.outcomes import contracts as challenge_contracts
from synthetic.pack.questions import Question
from synthetic.tables import TRUTH
from synthetic.written.reading import DataSet


class Writer:
    """Writes tables as files of a pack, and keeps what has to be said of each."""

    def __init__(self, home: Path, format: str) -> None:  # noqa: A002 - the option's name
        self._home, self._format = home, format_of(format)
        self.tables: dict[str, Packed] = {}

    def write(
        self, folder: str, name: str, contract: Contract, schema: pa.Schema, rows: Iterable[pa.RecordBatch]
    ) -> None:
        """Write one table into a folder of the pack; its file's name says that nobody in it is real."""
        path, count = f"{folder}/synthetic-{name}{self._format.suffix}", 0
        (self._home / folder).mkdir(parents=True, exist_ok=True)
        with (self._home / path).open("wb") as file, self._format.opened(file, schema) as sink:
            for batch in rows:
                sink.write(batch)
                count += batch.num_rows
        written = Written.of(self._home, path)
        self.tables[name] = Packed(name, contract, path, count, written.bytes, written.sha256)


def pack_tables(
    data: DataSet, contracts: Mapping[str, Contract], asked: Sequence[Question], held: HoldOut, writer: Writer
) -> dict[str, Answers]:
    """Write all tables but the truth, and outcomes and people to foretell of each use case; return the answers.

    Of those held back nothing from the index date on is written, and record ids are given anew. ``hold-out-small``
    when too few of those to be foretold have a use case's outcome, or are without it.
    """
    groups = Groups(held, int(days_of(date.fromisoformat(held.index_date))))
    for table in data.tables():
        writer.write("data", table, contracts[table], data.schema(table), _seen(table, data.batches(table), groups))
    return {each.name: _challenge(data, each, groups, writer) for each in asked}


def _seen(table: str, rows: Iterator[pa.RecordBatch], groups: Groups) -> Iterator[pa.RecordBatch]:
    """Give what teams see of a table's rows."""
    held = groups.held
    if not len(held.numbers):
        return rows
    if table == PEOPLE:
        return (held.people(batch) for batch in groups.seen(rows))
    return renumbered(held.events(batch) for batch in rows)


def _challenge(data: DataSet, asked: Question, groups: Groups, writer: Writer) -> Answers:
    folder, split = f"challenge/{asked.name}", Split(groups.held)
    told, foretold = challenge_contracts(asked).items()
    writer.write(folder, *told, OUTCOMES, split.told(data.batches(TRUTH + asked.name)))
    writer.write(folder, *foretold, TO_PREDICT, [split.to_predict()])
    answers = split.answers(groups.by_number())
    having = int(answers.happened.sum())
    if min(having, len(answers.happened) - having) < LEAST_OUTCOMES:
        detail = f"{asked.name}: {having} with it, {len(answers.happened) - having} without, {LEAST_OUTCOMES} at least"
        raise Invalid("hold-out-small", detail)
    return answers


__all__ = ["Writer", "pack_tables"]
