"""The simulator as a source of tables: parts of eight blocks, each block's people and then what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from synthetic.canonical import PEOPLE, numbers_of, people_batch
from synthetic.draws import blocks
from synthetic.people import people
from synthetic.priors import priors
from synthetic.recipe import Recipe
from synthetic.tables import BLOCKS_A_PART


@dataclass(frozen=True)
class Simulated:
    """The tables of a recipe."""

    recipe: Recipe

    def schemas(self) -> Mapping[str, pa.Schema]:
        """Return the tables by name."""
        return {"people": PEOPLE}

    def parts(self) -> int:
        """Return how many parts of eight blocks the people fill."""
        return -(-blocks(self.recipe.people) // BLOCKS_A_PART)

    def part(self, number: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of one part, block by block."""
        first = number * BLOCKS_A_PART
        for index in range(first, min(first + BLOCKS_A_PART, blocks(self.recipe.people))):
            yield from self.block(index)

    def block(self, index: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of one block."""
        known = priors(self.recipe.place)
        who = people(self.recipe, known, index)
        yield "people", people_batch(who, known, numbers_of(who))


__all__ = ["Simulated"]
