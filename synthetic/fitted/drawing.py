"""Draws people from a fitted model, block by block, and the rows that belong to each of them, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from privacy.arrays import Flags, Floats, Integers
from privacy.checks import Check
from privacy.errors import Invalid
from synthetic.draws import PEOPLE_A_BLOCK, draws
from synthetic.fitted.constraints import MOST_EXCLUDED, broken, made_equal
from synthetic.fitted.graphical import Model
from synthetic.fitted.values import Field, table_of
from synthetic.identifiers import nhs_numbers
from synthetic.tables import NUMBER, blocks_of, parts_of

PEOPLE, ROW = "people", "row"
TRIES = 100  # of values within the keys that were drawn; then other keys are drawn, as often

Values = dict[str, Floats]


@dataclass(frozen=True)
class Sequenced:
    """What makes rows of people: where among the columns how many there are, what is in each, and what came before.

    ``bands`` begin the numbers of rows, the last is the most. ``own`` columns are the person's. ``rises`` names a
    column of which a person's rows have no two alike, each higher than the one before.
    """

    rows: int
    bands: tuple[int, ...]
    own: tuple[int, ...]
    sequence: int | None = None
    before: int | None = None
    rises: str = ""


@dataclass(frozen=True)
class Drawn:
    """The tables of a fitted model: one row a person, or people and their rows.

    ``fields`` go by the model's columns; None is one that is not written, such as how many rows there are.
    """

    model: Model
    fields: tuple[Field | None, ...]
    checks: tuple[Check, ...]
    table: str
    people: int
    seed: int
    sequenced: Sequenced | None = None

    def schemas(self) -> Mapping[str, pa.Schema]:
        """Return the tables by name."""
        written = pa.schema([NUMBER, *(field.arrow for field in self._written)])
        if self.sequenced is None:
            return {self.table: written}
        own = [NUMBER, *(field.arrow for field in self._own)]
        return {PEOPLE: pa.schema(own), self.table: written.insert(1, pa.field(ROW, pa.int32(), nullable=False))}

    def parts(self) -> int:
        """Return how many parts of eight blocks the people fill."""
        return parts_of(self.people)

    def part(self, number: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of one part, block by block."""
        for index in blocks_of(number, self.people):
            yield from self.block(index)

    def block(self, index: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of one block: the same for the same model, seed and block, whoever draws it."""
        first = index * PEOPLE_A_BLOCK
        count = min(PEOPLE_A_BLOCK, self.people - first)
        numbers = pa.array(nhs_numbers(self.seed, first, count)).cast(pa.string())
        rng, schemas = draws(self.seed, "fitted", index), self.schemas()
        if self.sequenced is None:
            columns = table_of(self._written, self._rows(count, rng))
            yield self.table, pa.record_batch([numbers, *columns], schema=schemas[self.table])
            return
        own, person, row, values = _Sequences(self, self.sequenced, rng).of(count)
        yield PEOPLE, pa.record_batch([numbers, *table_of(self._own, own)], schema=schemas[PEOPLE])
        columns = [numbers.take(pa.array(person)), pa.array(row.astype(np.int32)), *table_of(self._written, values)]
        yield self.table, pa.record_batch(columns, schema=schemas[self.table])

    def keep(self, values: Values, places: Integers, rng: np.random.Generator, fixed: tuple[str, ...] = ()) -> Flags:
        """Draw values again, within their keys, of rows that break a check; return which still do.

        ``fixed`` columns keep theirs: they are the person's, and there in other rows too.
        """
        made_equal(self.checks, self.by_name, values)
        bad = broken(self.checks, self.by_name, values)
        for _ in range(TRIES):
            if not bad.any():
                break
            at = np.flatnonzero(bad)
            for name, value in self.values(places[at], rng).items():
                if name not in fixed:
                    values[name][at] = value
            made_equal(self.checks, self.by_name, values)
            bad = broken(self.checks, self.by_name, values)
        return bad

    def values(self, places: Integers, rng: np.random.Generator) -> Values:
        """Return a value for each written column of each row."""
        return {field.name: field.drawn(places[:, i], rng) for i, field in enumerate(self.fields) if field}

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Return the written columns by name."""
        return {field.name: field for field in self.fields if field}

    @property
    def _written(self) -> list[Field]:
        return [field for field in self.fields if field]

    @property
    def _own(self) -> list[Field]:
        return [field for i in (self.sequenced.own if self.sequenced else ()) if (field := self.fields[i])]

    def _rows(self, count: int, rng: np.random.Generator) -> Values:
        """Return rows that satisfy every check; ``fit-contradiction`` when few are found, or none for somebody."""
        places = self.model.draw(count, rng)
        values = self.values(places, rng)
        bad = self.keep(values, places, rng)
        _check_possible(bad)
        for _ in range(TRIES):
            if not bad.any():
                return values
            at = np.flatnonzero(bad)
            places[at] = self.model.draw(len(at), rng)
            others = self.values(places[at], rng)
            bad[at] = self.keep(others, places[at], rng)
            for name, value in others.items():
                values[name][at] = value
        raise Invalid("fit-contradiction")


def _check_possible(bad: Flags) -> None:
    """Refuse checks that leave only what is left out of them, such as what is missing: ``fit-contradiction``."""
    if bad.mean() > MOST_EXCLUDED:
        raise Invalid("fit-contradiction", "most rows")


@dataclass(frozen=True)
class _Sequences:
    """One block's people and their rows, a row of everybody at a time."""

    drawn: Drawn
    by: Sequenced
    rng: np.random.Generator

    def of(self, count: int) -> tuple[Values, Integers, Integers, Values]:
        """Return people's own values; and of all rows, by person, whose they are, which one, and their values."""
        model, by = self.drawn.model, self.by
        first = (*by.own, by.rows)
        people = model.draw(count, self.rng, only=first)
        own = {n: v for n, v in self.drawn.values(people, self.rng).items() if n in self._own_names}
        wanted = self._how_many(people[:, by.rows])
        known = {i: people[:, i] for i in first}
        if by.before is not None:
            none = len(list(model.columns.values())[by.before]) - 1
            known[by.before] = np.full(count, none, np.int64)
        highest = np.full(count, -np.inf)
        found: list[tuple[Integers, Integers, Values]] = []
        for number in range(by.bands[-1]):
            who = np.flatnonzero(wanted > number)
            places = model.draw(len(who), self.rng, {i: each[who] for i, each in known.items()})
            values = self.drawn.values(np.maximum(places, 0), self.rng)
            values |= {name: value[who] for name, value in own.items()}
            bad = self.drawn.keep(values, np.maximum(places, 0), self.rng, self._own_names) | (places[:, 0] < 0)
            if not number:
                _check_possible(bad)
            if by.rises:
                bad |= ~(values[by.rises] > highest[who])
                highest[who] = np.where(bad, highest[who], values[by.rises])
            wanted[who[bad]] = number  # nothing can follow, so nothing does
            kept = ~bad
            found.append((who[kept], np.full(kept.sum(), number + 1), {n: v[kept] for n, v in values.items()}))
            if by.before is not None and by.sequence is not None:
                known[by.before][who] = np.maximum(places[:, by.sequence], 0)
        person, row = (np.concatenate([each[i] for each in found]) for i in (0, 1))
        order = np.lexsort((row, person))
        values = {name: np.concatenate([each[2][name] for each in found])[order] for name in found[0][2]}
        return own, person[order], row[order], values

    @property
    def _own_names(self) -> tuple[str, ...]:
        return tuple(field.name for i in self.by.own if (field := self.drawn.fields[i]))

    def _how_many(self, bands: Integers) -> Integers:
        """Return a number of rows within each person's band."""
        low = np.array(self.by.bands[:-1])
        high = np.array([*self.by.bands[1:-1], self.by.bands[-1] + 1])
        return np.asarray(low[bands] + np.floor(self.rng.random(len(bands)) * (high - low)[bands]), np.int64)


__all__ = ["PEOPLE", "ROW", "TRIES", "Drawn", "Sequenced"]
