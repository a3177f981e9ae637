"""How like real people the data are: marginals, what can be learned, and both for each group.

Everything is held against people who were held back. Beside each figure stands what other real people reach, the
sampling floor, and what data reach whose columns know nothing of each other, so that a figure can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from synthetic.judged.boosting import learn
from synthetic.judged.keyed import Keyed
from synthetic.judged.scoring import auc

ORDERS = (1, 2, 3)
MOST_SUBSETS = 300  # of one order; more are drawn at random, and the number said
MOST_CELLS = 200_000  # of a marginal
MOST_ROWS = 20_000  # that a learner reads
FEWEST = 50  # people held back with and without an outcome, or in a group: fewer say nothing


@dataclass(frozen=True)
class Distance:
    """Total variation of one marginal, from 0 (the same) to 1, from that of people held back."""

    attributes: tuple[str, ...]
    data: float
    floor: float
    independent: float


@dataclass(frozen=True)
class Task:
    """How well an outcome is told of people held back (AUC) by what was learned from the data, and from people used.

    Unrelated columns teach nothing: 0.5.
    """

    outcome: str
    data: float
    real: float


@dataclass(frozen=True)
class Group:
    """One group's share of people held back and of the data, and the mean distance of its pairs of attributes."""

    attribute: str
    key: str
    people: float
    share: float
    share_in_data: float
    data: float
    floor: float


@dataclass(frozen=True)
class Fidelity:
    """What was found; ``left_out`` counts the marginals that were not looked at, for their number or their cells."""

    distances: tuple[Distance, ...]
    tasks: tuple[Task, ...]
    groups: tuple[Group, ...]
    left_out: int

    def mean(self, order: int) -> Mapping[str, float]:
        """Return the mean distance over all marginals of so many attributes; empty where there are none."""
        those = [d for d in self.distances if len(d.attributes) == order]
        kinds = ("data", "floor", "independent")
        return {kind: float(np.mean([getattr(d, kind) for d in those])) for kind in kinds} if those else {}


def fidelity(data: Keyed, used: Keyed, held_back: Keyed, *, groups: tuple[str, ...] = ()) -> Fidelity:
    """Hold the data against people held back, beside a new draw of the people used, and their shuffled columns.

    ``groups`` name the attributes by whose keys it is done once more. Rows count with their weights, so each person as
    one. The same rows give the same figures.
    """
    rng = np.random.default_rng([0, 7])
    floor, independent = drawn(used, len(data), rng), shuffled(used, len(data), rng)
    chosen, left_out = subsets(held_back, rng)
    distances = tuple(_distance(each, data, floor, independent, held_back) for each in chosen)
    tasks = tuple(_tasks(data, used, held_back, rng))
    named = [j for j, a in enumerate(held_back.attributes) if a.name in groups]
    return Fidelity(distances, tasks, tuple(g for j in named for g in _groups(j, data, floor, held_back)), left_out)


def subsets(rows: Keyed, rng: np.random.Generator) -> tuple[list[tuple[int, ...]], int]:
    """Return the marginals to look at, and how many more there are."""
    chosen, every = [], 0
    for order in ORDERS:
        all_of_them = rows.subsets(order)
        every += len(all_of_them)
        fit = [each for each in all_of_them if rows.cells(each) <= MOST_CELLS]
        chosen += [fit[i] for i in np.sort(rng.permutation(len(fit))[:MOST_SUBSETS])]
    return chosen, every - len(chosen)


def total_variation(one: Floats, other: Floats) -> float:
    """Return half of the sum of absolute differences of two sets of shares."""
    return float(np.abs(one - other).sum() / 2)


def drawn(rows: Keyed, count: int, rng: np.random.Generator) -> Keyed:
    """Return rows drawn anew, with replacement, each weighing one; heavier ones more often."""
    chosen = rng.choice(len(rows), count, p=rows.weights / rows.weights.sum())
    return Keyed.of(rows.attributes, rows.places[chosen])


def shuffled(rows: Keyed, count: int, rng: np.random.Generator) -> Keyed:
    """Return rows whose columns are each drawn as they are in the rows, and know nothing of each other."""
    share = rows.weights / rows.weights.sum()
    columns = [rng.choice(rows.places[:, j], count, p=share) for j in range(len(rows.attributes))]
    return Keyed.of(rows.attributes, np.column_stack(columns))


def split(rows: Keyed, attribute: int) -> tuple[str, NDArray[np.bool_]]:
    """Return an outcome made of an attribute, its name and whether each key has it, as near to half as its keys allow.

    An ordered one is cut between two keys; of others one key is set against the rest. What is missing has it not.
    """
    share = rows.marginal([attribute])
    a, last = rows.attributes[attribute], len(share) - 1
    if a.ordered:
        over = 1 - np.cumsum(share)[:-1] - share[last] if last else np.zeros(1)
        cut = int(np.abs(over[: max(last - 1, 1)] - 0.5).argmin())
        return f"{a.name}: {a.keys[min(cut + 1, last)]} and above", (np.arange(last + 1) > cut) & (
            np.arange(last + 1) < last
        )
    key = int(np.abs(share - 0.5).argmin())
    return f"{a.name}: {a.keys[key]}", np.arange(last + 1) == key


def _distance(chosen: tuple[int, ...], data: Keyed, floor: Keyed, independent: Keyed, held_back: Keyed) -> Distance:
    truth = held_back.marginal(chosen)
    away = (total_variation(each.marginal(chosen), truth) for each in (data, floor, independent))
    return Distance(tuple(held_back.attributes[j].name for j in chosen), *away)


def _tasks(data: Keyed, used: Keyed, held_back: Keyed, rng: np.random.Generator) -> Iterator[Task]:
    """Yield each attribute as an outcome in turn, learned from the data and from people used."""
    sources = [_some(each, rng) for each in (data, used)]
    for j in range(len(held_back.attributes)):
        name, has = split(used, j)
        truth = has[held_back.places[:, j]]
        if min(held_back.weights[truth].sum(), held_back.weights[~truth].sum()) < FEWEST:
            continue
        scores = (learn(each, has[each.places[:, j]], without=j).log_odds(held_back) for each in sources)
        found = [auc(score, truth, held_back.weights) for score in scores]
        if len(known := [each for each in found if each is not None]) == len(sources):
            yield Task(name, *known)


def _groups(attribute: int, data: Keyed, floor: Keyed, held_back: Keyed) -> Iterator[Group]:
    """Yield the attribute's keys of enough people, each with how far its pairs of the other attributes are."""
    pairs = [each for each in held_back.subsets(2) if attribute not in each and held_back.cells(each) <= MOST_CELLS]
    shares = held_back.marginal([attribute]), data.marginal([attribute])
    for place, key in enumerate(held_back.attributes[attribute].keys):
        parts = [each.take(each.places[:, attribute] == place) for each in (data, floor, held_back)]
        people = float(parts[2].weights.sum())
        if people < FEWEST or not pairs:
            continue
        truth = [parts[2].marginal(pair) for pair in pairs]
        away = [
            np.mean([total_variation(p.marginal(c), t) for c, t in zip(pairs, truth, strict=True)]) for p in parts[:2]
        ]
        name = held_back.attributes[attribute].name
        yield Group(name, key, people, float(shares[0][place]), float(shares[1][place]), *map(float, away))


def _some(rows: Keyed, rng: np.random.Generator) -> Keyed:
    return rows if len(rows) <= MOST_ROWS else rows.take(rng.permutation(len(rows))[:MOST_ROWS])


__all__ = [
    "FEWEST",
    "MOST_CELLS",
    "MOST_ROWS",
    "MOST_SUBSETS",
    "ORDERS",
    "Distance",
    "Fidelity",
    "Group",
    "Task",
    "drawn",
    "fidelity",
    "shuffled",
    "split",
    "subsets",
    "total_variation",
]
