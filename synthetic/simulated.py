"""The simulator as a source of tables: parts of eight blocks, each block's people, their events, and the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from synthetic.canonical import CONDITION, EVENTS, OUTCOME, PEOPLE, batches
from synthetic.draws import blocks
from synthetic.priors import priors
from synthetic.recipe import Recipe
from synthetic.simulator import block
from synthetic.tables import BLOCKS_A_PART, TRUTH
from synthetic.truth import known_of


@dataclass(frozen=True)
class Simulated:
    """The tables of a recipe."""

    recipe: Recipe

    def schemas(self) -> Mapping[str, pa.Schema]:
        """Return the tables by name."""
        outcomes = {TRUTH + name: OUTCOME for name in known_of(self.recipe)}
        return {"people": PEOPLE, "events": EVENTS, **outcomes, TRUTH + "conditions": CONDITION}

    def parts(self) -> int:
        """Return how many parts of eight blocks the people fill."""
        return -(-blocks(self.recipe.people) // BLOCKS_A_PART)

    def part(self, number: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give the rows of one part, block by block."""
        known, first = priors(self.recipe.place), number * BLOCKS_A_PART
        for index in range(first, min(first + BLOCKS_A_PART, blocks(self.recipe.people))):
            yield from batches(block(self.recipe, known, index), known, self.recipe.seed, index)


__all__ = ["Simulated"]
