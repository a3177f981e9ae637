"""Margins of some columns at a time: where each row counts, with which weight, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from privacy.computation import Result
from privacy.errors import Invalid

KIND = "marginals"
STEPS = 1024  # weights are whole 1024ths: then a whole person falls on the grid exactly, and rounding adds no bias
SINGLE = 2.0  # how much more a column alone weighs: every model needs it. Chosen as docs/fitted.md, section 5, says

Clique = tuple[int, ...]  # places of columns, rising
Columns = Mapping[str, tuple[str, ...]]  # each column's public keys, by its name


@dataclass(frozen=True)
class Workload:
    """Margins of a table of ``shape``, side by side in one sum, each with a weight.

    A person adds 1 to the table, shared out over its cells, so at most 1 to each margin; the squares of the weights add
    up to at most 1, and so does a person's norm. A margin of c cells has a weight that goes with the cube root of c:
    its absolute error is c over the weight, and of all weights whose squares add up to 1 these make the sum least.
    """

    shape: tuple[int, ...]
    cliques: tuple[Clique, ...]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Return how many cells each margin has."""
        return tuple(math.prod(self.cells(clique)) for clique in self.cliques)

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """Return what the figures of each margin are multiplied by before noise is added."""
        more = np.array([SINGLE if len(clique) == 1 else 1.0 for clique in self.cliques])
        wanted = more * np.cbrt(np.array(self.sizes, np.float64))
        wanted /= math.sqrt(float((wanted**2).sum()))
        return tuple(math.floor(each * STEPS) / STEPS for each in wanted)

    @property
    def width(self) -> int:
        """Return how many figures there are in all."""
        return sum(self.sizes)

    def cells(self, clique: Clique) -> tuple[int, ...]:
        """Return a margin's shape."""
        return tuple(self.shape[i] for i in clique)

    def columns(self, places: Sequence[NDArray[np.int64]]) -> Iterator[tuple[NDArray[np.int64], float]]:
        """Give, a margin at a time, where among all figures each row counts, and the margin's weight."""
        before = 0
        for clique, size, weight in zip(self.cliques, self.sizes, self.weights, strict=True):
            yield before + np.ravel_multi_index(tuple(places[i] for i in clique), self.cells(clique)), weight
            before += size

    def parted(self, figures: Floats) -> list[Floats]:
        """Return the margins that lie side by side in ``figures``, each in its shape; some may be left over."""
        parts = np.split(figures[: self.width], np.cumsum(self.sizes)[:-1])
        return [part.reshape(self.cells(clique)) for part, clique in zip(parts, self.cliques, strict=True)]


@dataclass(frozen=True)
class Measured:
    """People by the keys of some columns at a time, with noise of the same deviation ``sd`` in each figure of a margin.

    ``counts`` and ``sd`` go with ``cliques``; a clique's places are those of ``columns``. Of each column the first
    ``ordered`` keys follow each other, as bands do; codes do not, nor does what is missing.
    """

    columns: Columns
    ordered: tuple[int, ...]
    cliques: tuple[Clique, ...]
    counts: tuple[Floats, ...]
    sd: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Return how many keys each column has."""
        return tuple(map(len, self.columns.values()))

    def of_possible(self, possible: Sequence[NDArray[np.bool_]]) -> Measured:
        """Return the same without keys that cannot be, whose figures are noise alone; ``possible`` flags each key."""
        names = zip(self.columns.items(), possible, strict=True)
        columns = {name: tuple(np.array(keys)[kept].tolist()) for (name, keys), kept in names}
        ordered = tuple(int(kept[:keys].sum()) for keys, kept in zip(self.ordered, possible, strict=True))
        counts = tuple(
            each[np.ix_(*(possible[i] for i in clique))] for clique, each in zip(self.cliques, self.counts, strict=True)
        )
        return Measured(columns, ordered, self.cliques, counts, self.sd)

    def with_more(self, workload: Workload, figures: Floats, noise_sd: float) -> Measured:
        """Return the same with some of its margins measured once more, each averaged by how sure each figure is."""
        counts, sds = dict(zip(self.cliques, self.counts, strict=True)), dict(zip(self.cliques, self.sd, strict=True))
        for clique, more, weight in zip(workload.cliques, workload.parted(figures), workload.weights, strict=True):
            sure, surer = sds[clique] ** -2, (weight / noise_sd) ** 2
            counts[clique] = (counts[clique] * sure + more / weight * surer) / (sure + surer)
            sds[clique] = (sure + surer) ** -0.5
        return Measured(self.columns, self.ordered, self.cliques, tuple(counts.values()), tuple(sds.values()))


def measured_once(
    columns: Columns, ordered: tuple[int, ...], workload: Workload, figures: Floats, noise_sd: float
) -> Measured:
    """Return what one noisy sum of a workload says, its weights taken away."""
    weighed = zip(workload.parted(figures), workload.weights, strict=True)
    sd = tuple(noise_sd / weight for weight in workload.weights)
    return Measured(columns, ordered, workload.cliques, tuple(part / weight for part, weight in weighed), sd)


def cliques_of(columns: int, ways: int) -> tuple[Clique, ...]:
    """Return all sets of one to ``ways`` of so many columns: those of one first."""
    return tuple(c for size in range(1, min(ways, columns) + 1) for c in combinations(range(columns), size))


def result_of(measured: Measured, facts: Mapping[str, Any]) -> Result:
    """Return margins as a computation's result, with more facts about their columns; ``measured`` reads it back."""
    arrays = {"counts": np.concatenate([each.ravel() for each in measured.counts]), "sd": np.array(measured.sd)}
    columns = [[name, list(keys)] for name, keys in measured.columns.items()]  # in order, which JSON's objects lose
    cliques = [list(clique) for clique in measured.cliques]
    return Result(KIND, arrays, {"columns": columns, "ordered": list(measured.ordered), "cliques": cliques, **facts})


def measured(result: Result) -> Measured:
    """Return the margins of a result of this kind; ``model-kind-absent`` when it is of another."""
    if result.kind != KIND:
        raise Invalid("model-kind-absent", KIND)
    facts: Mapping[str, Any] = result.facts
    columns = {name: tuple(keys) for name, keys in facts["columns"]}
    workload = Workload(tuple(map(len, columns.values())), tuple(tuple(each) for each in facts["cliques"]))
    counts = tuple(workload.parted(result.arrays["counts"]))
    return Measured(columns, tuple(facts["ordered"]), workload.cliques, counts, tuple(result.arrays["sd"].tolist()))


__all__ = [
    "KIND", "SINGLE", "STEPS", "Clique", "Columns", "Measured", "Workload", "cliques_of", "measured", "measured_once",
    "result_of",
]  # fmt: skip
