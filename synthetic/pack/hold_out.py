"""Who is held back, so that predictions can be scored: what teams see of them ends on the day before the index date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.arrays import Flags
from privacy.errors import Refusal
from synthetic.draws import draws

LEAST_SECRET_SEED = 10**17  # eighteen digits; whoever guesses the seed makes the data again, answers and all


@dataclass(frozen=True)
class HoldOut:
    """The NHS numbers of the people held back, sorted, and the first day of the year that teams do not see of them."""

    numbers: NDArray[np.int64]
    index_date: str

    @property
    def index_day(self) -> pa.Scalar:
        """Return the index date as a day of a table."""
        return pa.scalar(self.index_date).cast(pa.date32())

    def has(self, numbers: NDArray[np.int64]) -> Flags:
        """Return which NHS numbers are held back."""
        if not len(self.numbers):
            return np.zeros(len(numbers), bool)
        places = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return np.asarray(self.numbers[places] == numbers)

    def people(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return people as of the index date: a death behind it is not there yet."""
        return self._cut_off(batch, "died_on")

    def events(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return events as of the index date: later ones are gone, and a stay that goes on has no end yet."""
        later = pc.greater_equal(batch.column("date"), self.index_day)
        kept = pc.invert(pc.and_(later, self._held(batch)))
        return self._cut_off(batch.filter(kept), "until")

    def _held(self, batch: pa.RecordBatch) -> pa.Array:
        return pa.array(self.has(numbers_of(batch)))

    def _cut_off(self, batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
        place = batch.schema.get_field_index(name)
        column = batch.column(place)
        later = pc.fill_null(pc.greater_equal(column, self.index_day), fill_value=False)
        hidden = pc.and_(later, self._held(batch))
        return batch.set_column(
            place, batch.schema.field(place), pc.if_else(hidden, pa.scalar(None, column.type), column)
        )


def hold_out(people: Iterable[pa.RecordBatch], *, share: float, seed: int, index_date: str) -> HoldOut:
    """Choose a share of all people, each alone, by random numbers that only the seed tells.

    ``seed-guessable`` when the seed is so small that a team can try them all.
    """
    if share and seed < LEAST_SECRET_SEED:
        raise Refusal("seed-guessable", f"a seed of at least {LEAST_SECRET_SEED}")
    rng = draws(seed, "hold-out", 0)
    held = [numbers[rng.random(len(numbers)) < share] for numbers in map(numbers_of, people)]
    return HoldOut(np.sort(np.concatenate([np.empty(0, np.int64), *held])), index_date)


def numbers_of(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Return a table's NHS numbers as whole numbers, however they are written."""
    return np.asarray(pc.cast(pc.cast(batch.column("nhs_number"), pa.string()), pa.int64()))


def renumbered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give rows with new record ids, 1 and on: gaps in the old ones would tell how much of whom was taken away."""
    first = 1
    for batch in batches:
        place = batch.schema.get_field_index("record_id")
        field = batch.schema.field(place)
        ids = pa.array(np.arange(first, first + batch.num_rows))
        first += batch.num_rows
        yield batch.set_column(place, field, ids.cast(field.type))


__all__ = ["LEAST_SECRET_SEED", "HoldOut", "hold_out", "numbers_of", "renumbered"]
