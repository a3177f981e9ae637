"""A graphical model of noisy margins: a table of all columns, as even as they allow, that people are drawn from.

A few pairs of columns are joined, the strongest first, while exact sums stay cheap. Of all tables with about these
pairs, the one of greatest entropy is taken: it has no three-way pattern that nobody measured. It is regularised by the
size of the noise (the dual of maximum entropy with quadratic misfit: Dudik, Phillips and Schapire 2007).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats, Integers
from privacy.errors import Invalid, Refusal
from synthetic.fitted.descent import least
from synthetic.fitted.junction import NEVER, Elimination, JunctionTree, cells_in, eliminated
from synthetic.fitted.measured import Clique, Columns, Measured, interaction
from synthetic.fitted.mixture import LEAST_OF_NOISE, Mixture, mixture, people_in

# Chosen on other tables than those of the benchmark: docs/fitted.md, section 5.
MOST_CELLS = 30_000  # of all cliques together
LOOSE, LOOSE_SINGLE = 0.005, 0.001  # misfit that an odds of e costs, in variances of the noise per person
STEPS = 150
RAKES = 20  # times that a pair is scaled to its columns
LEAST_SHARE = 1e-9  # of people, of a key that noise took below
OF_EACH = 2  # strongest pairs of each column that come before all others
MOST_NOISE = 0.5  # of a column's distribution, on average, in total variation: beyond it nothing can be told
GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Allowed:
    """Which keys of some columns may go together: where ``cells`` is false, no row ever is."""

    clique: Clique
    cells: NDArray[np.bool_]


@dataclass(frozen=True)
class Conditional:
    """Probabilities of a column's keys, one row for each combination of the keys of columns drawn before."""

    column: int
    given: Clique
    shape: tuple[int, ...]
    table: Floats

    @cached_property
    def _ladder(self) -> tuple[Floats, Integers, NDArray[np.bool_]]:
        """Return cumulative probabilities, each row's one higher than the last's; last possible keys; what can be."""
        total = self.table.sum(axis=1, keepdims=True)
        rising = np.cumsum(self.table, axis=1) / np.where(total > 0, total, 1.0)
        last = self.table.shape[1] - 1 - np.argmax(self.table[:, ::-1] > 0, axis=1)
        ladder = np.asarray((np.minimum(rising, 1.0) + np.arange(len(rising))[:, None]).ravel(), np.float64)
        return ladder, last.astype(np.int64), np.asarray(total[:, 0] > 0)

    def draw(self, places: Integers, rng: np.random.Generator) -> Integers:
        """Return a key's place for each row of ``places``; -1 where nothing can go with what was drawn before.

        Rows that have the same keys before are spread evenly over the next column's, and so are those of them that are
        alike in other columns, so that shares are as near to the model's as so many rows can be; each row by itself is
        drawn by the model all the same. A key of probability zero is never drawn: between equal rungs nothing falls,
        and rounding ends at the last.
        """
        ladder, last, possible = self._ladder
        row = np.zeros(len(places), np.int64)
        if self.given:
            row = np.ravel_multi_index(tuple(places[:, i] for i in self.given), self.shape).astype(np.int64)
        rung = np.searchsorted(ladder, row + _even(row, places, rng), side="right") - row * self.table.shape[1]
        return np.where(possible[row], np.minimum(rung, last[row]), -1)


def _even(of: Integers, places: Integers, rng: np.random.Generator) -> Floats:
    """Return numbers between 0 and 1, in each group of rows one from each of as many equal parts as it has rows.

    Rows that follow each other by ``places`` get parts as far apart as steps of the golden ratio: so they are even in
    any run of rows. Where a group begins is chance, each part as likely for each row.
    """
    order = np.lexsort((rng.random(len(of)), *places.T[::-1], of))
    begins = np.flatnonzero(np.diff(of[order], prepend=-1))
    sizes = np.diff(begins, append=len(of))
    count, number = np.repeat(sizes, sizes), np.arange(len(of)) - np.repeat(begins, sizes)
    part = np.empty(len(of), np.int64)
    part[np.lexsort((number * GOLDEN % 1, of[order]))] = number
    part += np.repeat(np.floor(rng.random(len(sizes)) * sizes).astype(np.int64), sizes)
    found = np.empty(len(of))
    found[order] = (part % count + rng.random(len(of))) / count
    return np.minimum(found, np.nextafter(1.0, 0.0))


@dataclass(frozen=True)
class Model:
    """Columns, and how to draw each from those before it."""

    columns: Columns
    drawn: tuple[Conditional, ...]

    def draw(
        self,
        rows: int,
        rng: np.random.Generator,
        given: Mapping[int, Integers] | None = None,
        only: Collection[int] | None = None,
    ) -> Integers:
        """Return places of keys, shape (rows, columns), of rows that ``given`` columns have; -1 where none can be.

        ``only`` some columns: those of the first stages, since what is drawn later does not change them.
        """
        known, places = given or {}, np.zeros((rows, len(self.columns)), np.int64)
        for column, each in known.items():
            places[:, column] = each
        impossible = np.zeros(rows, np.bool_)
        for step in self.drawn:
            if step.column not in known and (only is None or step.column in only):
                found = step.draw(places, rng)
                impossible |= found < 0
                places[:, step.column] = np.maximum(found, 0)
        places[impossible] = -1
        return places


def fitted(
    measured: Measured,
    *,
    allowed: Sequence[Allowed] = (),
    stages: Sequence[Sequence[int]] | None = None,
) -> Model:
    """Return the model of noisy margins in which nothing is that is not ``allowed``.

    ``stages`` part the columns into those drawn first, next and so on. ``fit-too-noisy`` when the noise is most of what
    was measured, ``fit-too-large`` when what constraints join has too many cells, ``fit-contradiction`` when they leave
    nothing.
    """
    require_told(measured)
    kinds, shape = mixture(measured), measured.shape
    order = stages or [range(len(shape))]
    forced: set[Clique] = {pair for each in allowed for pair in combinations(each.clique, 2)}
    if cells_in(shape, eliminated(shape, forced, order).cliques) > max(MOST_CELLS, sum(shape)):
        raise Invalid("fit-too-large")
    joined = _joined(shape, forced, strongest(kinds), order)
    elimination = eliminated(shape, joined, order)
    tree = JunctionTree(shape, elimination.cliques)
    problem = _Problem.of(measured, kinds, tree, joined, allowed)
    _, beliefs = tree.calibrated(problem.potentials(least(problem.loss, problem.start, steps=STEPS)))
    return Model(measured.columns, tuple(_conditionals(tree, elimination, beliefs)))


def require_told(measured: Measured) -> None:
    """Return if the noise leaves something to be told of single columns; otherwise ``fit-too-noisy``."""
    people = people_in(measured)
    single = zip(measured.cliques, measured.counts, measured.sd, strict=True)
    noise = [sd * counts.size / people / np.sqrt(2 * np.pi) for clique, counts, sd in single if len(clique) == 1]
    if np.mean(noise) > MOST_NOISE:
        raise Refusal("fit-too-noisy")


def strongest(kinds: Mixture) -> list[Clique]:
    """Return all pairs of columns: each column's strongest first, then each one's second, then the others by strength.

    Strength is how far a pair is from independent, in total variation. So no column is left without what tells most of
    it, however weak that is beside others: whoever predicts it needs just that.
    """
    far: dict[Clique, float] = {}
    for pair in combinations(range(len(kinds.shape)), 2):
        table = kinds.margin(pair)
        far[pair] = float(np.abs(table - np.outer(table.sum(axis=1), table.sum(axis=0))).sum())
    ordered = sorted(far, key=lambda pair: (-far[pair], pair))
    of_column = {column: [pair for pair in ordered if column in pair] for column in range(len(kinds.shape))}
    rank = {pair: min(OF_EACH, *(of_column[column].index(pair) for column in pair)) for pair in ordered}
    return sorted(ordered, key=lambda pair: rank[pair])


def _joined(
    shape: Sequence[int], forced: set[Clique], pairs: Sequence[Clique], order: Sequence[Sequence[int]]
) -> list[Clique]:
    """Return the pairs that are joined: one after the other, each if the cliques stay small enough with it."""
    joined = sorted(forced)
    for pair in pairs:
        if pair not in forced and cells_in(shape, eliminated(shape, [*joined, pair], order).cliques) <= MOST_CELLS:
            joined.append(pair)
    return joined


@dataclass(frozen=True)
class _Problem:
    """Probabilities to come near to, one margin after the other, and how near."""

    tree: JunctionTree
    cliques: list[Clique]
    homes: list[int]
    ends: list[int]
    wanted: Floats
    loose: Floats
    start: Floats
    possible: list[Floats]

    @classmethod
    def of(
        cls, measured: Measured, kinds: Mixture, tree: JunctionTree, joined: list[Clique], allowed: Sequence[Allowed]
    ) -> _Problem:
        people, used, wanted, loose, start = people_in(measured), [], [], [], []
        near_to: dict[int, Floats] = {}
        for clique, counts, sd in zip(measured.cliques, measured.counts, measured.interaction_sd, strict=True):
            if len(clique) > 1 and clique not in joined:
                continue
            single = len(clique) == 1
            quiet = kinds.margin(clique) if single else _raked(kinds.margin(clique), *(near_to[i] for i in clique))
            near = _shrunk(counts / people, quiet, sd / people)
            if single:
                near = near_to[clique[0]] = np.maximum(near, LEAST_SHARE)
            used.append(clique)
            wanted.append(near.ravel())
            loose.append(np.full(near.size, (LOOSE_SINGLE if single else LOOSE) * sd**2 / people))
            likely = np.log(np.maximum(near, LEAST_OF_NOISE * sd / people)).ravel()
            start.append(likely - likely.mean() if single else np.zeros(near.size))
        possible = [np.zeros([measured.shape[i] for i in clique]) for clique in tree.cliques]
        for each in allowed:
            home = tree.home(each.clique)
            possible[home] = possible[home] + tree.spread(home, each.clique, np.where(each.cells, 0.0, NEVER))
        homes, ends = [tree.home(clique) for clique in used], np.cumsum([len(each) for each in wanted]).tolist()
        aims, how, begin = (np.concatenate(each) for each in (wanted, loose, start))
        return cls(tree, used, homes, ends, aims, how, begin, possible)

    def potentials(self, x: Floats) -> list[Floats]:
        """Return each clique's potential: the log odds of the margins that it is home to."""
        found = [each.copy() for each in self.possible]
        for clique, home, part in zip(self.cliques, self.homes, np.split(x, self.ends[:-1]), strict=True):
            found[home] += self.tree.spread(home, clique, part)
        return found

    def loss(self, x: Floats) -> tuple[float, Floats]:
        """Return the dual of greatest entropy and its gradient: what the model has, less what is wanted."""
        total, beliefs = self.tree.calibrated(self.potentials(x))
        if total < NEVER / 2:
            raise Invalid("fit-contradiction")
        margins = [
            self.tree.summed(home, clique, beliefs[home]).ravel()
            for clique, home in zip(self.cliques, self.homes, strict=True)
        ]
        pull = self.loose * x
        return total - float(self.wanted @ x) + 0.5 * float(pull @ x), np.concatenate(margins) - self.wanted + pull


def _shrunk(noisy: Floats, quiet: Floats, sd: float) -> Floats:
    """Return something between a noisy margin and a quiet guess: nearer to the guess the less it misses beyond noise.

    Of a pair, what its columns leave open is compared. The factor is that of James and Stein (1961), its positive part:
    no loss on average, however wrong the guess.
    """
    missed = interaction(noisy - quiet)
    free = math.prod(keys - 1 for keys in noisy.shape)
    kept = max(0.0, 1 - sd**2 * free / max(float((missed**2).sum()), 1e-300))
    return np.asarray(quiet + kept * missed, np.float64)


def _raked(table: Floats, rows: Floats, columns: Floats) -> Floats:
    """Return a table scaled by rows and by columns until both sum to what is wanted (Deming and Stephan 1940)."""
    for _ in range(RAKES):
        table = table * (rows / table.sum(axis=1))[:, None]
        table = table * (columns / table.sum(axis=0))
    return table


def _conditionals(tree: JunctionTree, elimination: Elimination, beliefs: Sequence[Floats]) -> Iterator[Conditional]:
    for column, given in reversed(elimination.order):
        clique = tuple(sorted({column, *given}))
        home = tree.home(clique)
        table = np.moveaxis(tree.summed(home, clique, beliefs[home]), clique.index(column), -1)
        yield Conditional(column, given, table.shape[:-1], table.reshape(-1, tree.shape[column]))


__all__ = [
    "GOLDEN", "LEAST_SHARE", "LOOSE", "LOOSE_SINGLE", "MOST_CELLS", "MOST_NOISE", "OF_EACH", "RAKES", "STEPS",
    "Allowed", "Conditional", "Model", "fitted", "require_told", "strongest",
]  # fmt: skip
