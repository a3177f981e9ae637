"""Margins of some columns at a time: what each row adds, with which weight, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
STEPS = 1024  # weights are whole 1024ths: what that takes from the bound is more than rounding to the grid can add
SINGLE = 0.15  # of a sum's bound, squared, that single columns have. Chosen as docs/fitted.md, section 5, says

Clique = tuple[int, ...]  # places of columns, rising
Columns = Mapping[str, tuple[str, ...]]  # each column's public keys, by its name


@dataclass(frozen=True)
class Workload:
    """Margins of a table of ``shape``, side by side in one sum, each with a weight.

    A person adds 1 to the table, shared out over its cells. Of one column the sum has counts. Of more it has what the
    margins of fewer columns leave open, their interaction: of a person a vector of squared norm (1 - 1/a)(1 - 1/b) for
    columns of a and b keys. So it bears more weight than counts would, and nothing is paid for twice (Xiao, He, Zhang
    and Kifer 2023). It is free in (a - 1)(b - 1) directions. Of all weights with one bound these make the absolute
    error least: each interaction's part of the squared bound goes with the cube root of that number's square.
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
        single = np.array([len(clique) == 1 for clique in self.cliques])
        norm = np.array([1.0 if len(c) == 1 else math.prod(1 - 1 / n for n in self.cells(c)) for c in self.cliques])
        part = np.array([math.prod(n - 1 for n in self.cells(clique)) for clique in self.cliques]) ** (2 / 3)
        for those, share in ((single, SINGLE), (~single, 1 - SINGLE)) if not single.all() else ((single, 1.0),):
            part[those] *= share / part[those].sum()
        wanted = np.sqrt(part / norm)
        return tuple(math.floor(each * STEPS) / STEPS for each in wanted)

    @property
    def width(self) -> int:
        """Return how many figures there are in all."""
        return sum(self.sizes)

    def cells(self, clique: Clique) -> tuple[int, ...]:
        """Return a margin's shape."""
        return tuple(self.shape[i] for i in clique)

    def added(
        self, places: Sequence[NDArray[np.int64]], person: NDArray[np.int64], weights: Floats, out: Floats
    ) -> None:
        """Write to ``out``, shape (people, width), what each person adds, whose rows have these places and weights."""
        before = 0
        for clique, size, weight in zip(self.cliques, self.sizes, self.weights, strict=True):
            of = out[:, before : before + size]
            np.add.at(of, (person, np.ravel_multi_index(tuple(places[i] for i in clique), self.cells(clique))), weights)
            if len(clique) > 1:
                of[:] = interaction(of.reshape(-1, *self.cells(clique)), 1).reshape(of.shape)
            of *= weight
            before += size

    def parted(self, figures: Floats) -> list[Floats]:
        """Return the margins that lie side by side in ``figures``, each in its shape; some may be left over."""
        parts = np.split(figures[: self.width], np.cumsum(self.sizes)[:-1])
        return [part.reshape(self.cells(clique)) for part, clique in zip(parts, self.cliques, strict=True)]


@dataclass(frozen=True)
class Measured:
    """People by the keys of some columns at a time: ``counts``, with noise of deviation ``sd`` in each of a margin.

    What the margins of fewer columns leave open of a margin has noise of ``interaction_sd``, in each direction alike,
    and independent of the others'. All three go with ``cliques``; a clique's places are those of ``columns``. Of each
    column the first ``ordered`` keys follow each other, as bands do; codes do not, nor does what is missing.
    """

    columns: Columns
    ordered: tuple[int, ...]
    cliques: tuple[Clique, ...]
    counts: tuple[Floats, ...]
    sd: tuple[float, ...]
    interaction_sd: tuple[float, ...]

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
        return Measured(columns, ordered, self.cliques, counts, self.sd, self.interaction_sd)


def measured_by(
    columns: Columns, ordered: tuple[int, ...], workload: Workload, figures: Floats, noise_sd: float
) -> Measured:
    """Return what one noisy sum of a workload says: each margin put together from all interactions within it."""
    told = zip(workload.cliques, workload.parted(figures), workload.weights, strict=True)
    parts = {clique: (part / weight, noise_sd / weight) for clique, part, weight in told}
    sums = np.array([counts.sum() for clique, (counts, _) in parts.items() if len(clique) == 1])
    sure = np.array(
        [w**2 / n for c, n, w in zip(workload.cliques, workload.sizes, workload.weights, strict=True) if len(c) == 1]
    )
    parts = {clique: (interaction(part), sd) for clique, (part, sd) in parts.items()}
    parts[()] = np.array(sums @ sure / sure.sum()), noise_sd / math.sqrt(sure.sum())
    counts, sd = zip(*(_whole(workload.shape, clique, parts) for clique in workload.cliques), strict=True)
    return Measured(columns, ordered, workload.cliques, counts, sd, tuple(parts[c][1] for c in workload.cliques))


def _whole(shape: Sequence[int], clique: Clique, parts: Mapping[Clique, tuple[Floats, float]]) -> tuple[Floats, float]:
    """Return a margin's counts, put together from all interactions within it, and the deviation of one figure."""
    counts, variance = np.zeros([shape[i] for i in clique]), 0.0
    for size in range(len(clique) + 1):
        for within in combinations(clique, size):
            part, sd = parts[within]
            others = math.prod(shape[i] for i in clique if i not in within)
            counts = counts + part.reshape([shape[i] if i in within else 1 for i in clique]) / others
            variance += (sd / others) ** 2 * math.prod(1 - 1 / shape[i] for i in within)
    return counts, math.sqrt(variance)


def interaction(counts: Floats, first: int = 0) -> Floats:
    """Return tables without what sums over any of their axes say; those before the ``first`` number the tables."""
    for axis in range(first, counts.ndim):
        counts = counts - counts.mean(axis=axis, keepdims=True)
    return counts


def cliques_of(columns: int, ways: int) -> tuple[Clique, ...]:
    """Return all sets of one to ``ways`` of so many columns: those of one first."""
    return tuple(c for size in range(1, min(ways, columns) + 1) for c in combinations(range(columns), size))


def result_of(measured: Measured, facts: Mapping[str, Any]) -> Result:
    """Return margins as a computation's result, with more facts about their columns; ``measured`` reads it back."""
    arrays = {"counts": np.concatenate([each.ravel() for each in measured.counts])}
    arrays |= {"sd": np.array(measured.sd), "interaction_sd": np.array(measured.interaction_sd)}
    columns = [[name, list(keys)] for name, keys in measured.columns.items()]  # in order, which JSON's objects lose
    cliques = [list(clique) for clique in measured.cliques]
    return Result(KIND, arrays, {"columns": columns, "ordered": list(measured.ordered), "cliques": cliques, **facts})


def measured(result: Result) -> Measured:
    """Return the margins of a result of this kind; ``model-kind-absent`` when it is of another.

    ValueError where a figure is no number, or a deviation is not above zero.
    """
    if result.kind != KIND:
        raise Invalid("model-kind-absent", KIND)
    facts: Mapping[str, Any] = result.facts
    columns = {name: tuple(keys) for name, keys in facts["columns"]}
    workload = Workload(tuple(map(len, columns.values())), tuple(tuple(each) for each in facts["cliques"]))
    counts = tuple(workload.parted(result.arrays["counts"]))
    sd, interaction_sd = (tuple(result.arrays[name].tolist()) for name in ("sd", "interaction_sd"))
    if not np.isfinite(result.arrays["counts"]).all() or not all(0 < each < np.inf for each in (*sd, *interaction_sd)):
        raise ValueError("a margin is of finite numbers, and has noise")
    return Measured(columns, tuple(facts["ordered"]), workload.cliques, counts, sd, interaction_sd)


__all__ = [
    "KIND", "SINGLE", "STEPS", "Clique", "Columns", "Measured", "Workload", "cliques_of", "interaction", "measured",
    "measured_by", "result_of",
]  # fmt: skip
