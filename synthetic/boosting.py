"""A small learner of our own for judging data: gradient-boosted trees over public keys, in plain numpy.

Friedman 2001, with the second-order gains of Chen and Guestrin 2016 and histograms instead of sorting. It is no model
for anybody's use: it asks whether what is learned from synthetic rows holds for real ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from synthetic.keyed import Keyed

TREES, DEPTH, RATE, RIDGE, LEAST = 60, 3, 0.2, 1.0, 1.0
PRIOR = 10.0  # rows with the outcome's mean, added to each key before unordered keys are put in order


Nodes = NDArray[np.intp]


class Tree(NamedTuple):
    """One tree of a fixed depth: node i's children are 2i + 1 and 2i + 2; who is above ``above`` goes to the second."""

    attribute: Nodes
    above: Nodes
    value: Floats


@dataclass(frozen=True)
class Learned:
    """Trees, and for each attribute the order that its keys were put in."""

    ranks: tuple[NDArray[np.int32], ...]
    start: float
    trees: tuple[Tree, ...]

    def log_odds(self, rows: Keyed) -> Floats:
        """Return each row's log odds of the outcome; the outcome's own column is not looked at."""
        ranked, found = _ranked(rows, self.ranks), np.full(len(rows), self.start)
        for tree in self.trees:
            found += tree.value[_leaves(tree, ranked)]
        return found


def learn(rows: Keyed, outcome: NDArray[np.bool_], *, without: int) -> Learned:
    """Learn an outcome from every attribute but ``without``, from which it was made."""
    y, w = outcome.astype(np.float64), rows.weights
    mean = float(np.clip(np.average(y, weights=w), 1e-6, 1 - 1e-6)) if len(y) else 0.5
    ranks = tuple(
        np.zeros(len(a.keys), np.int32)
        if j == without
        else _order(rows.places[:, j], len(a.keys), y, w, mean=mean, ordered=a.ordered)
        for j, a in enumerate(rows.attributes)
    )
    ranked = _ranked(rows, ranks)
    sizes = [len(a.keys) for a in rows.attributes]
    start = float(np.log(mean / (1 - mean)))
    score, trees = np.full(len(rows), start), []
    for _ in range(TREES if len(rows) else 0):
        p = 1 / (1 + np.exp(-score))
        tree = _grown(ranked, sizes, w * (p - y), w * p * (1 - p))
        score += tree.value[_leaves(tree, ranked)]
        trees.append(tree)
    return Learned(ranks, start, tuple(trees))


def auc(outcome: NDArray[np.bool_], score: Floats, weights: Floats) -> float | None:
    """Return how often one with the outcome scores higher than one without, ties as half; None where there is no pair.

    Each row counts with its weight (Mann and Whitney 1947).
    """
    _, at = np.unique(score, return_inverse=True)
    ones = np.bincount(at, weights * outcome, at.max(initial=-1) + 1)
    zeros = np.bincount(at, weights * ~outcome, at.max(initial=-1) + 1)
    pairs = float(ones.sum() * zeros.sum())
    below = np.cumsum(zeros) - zeros / 2
    return float((ones * below).sum() / pairs) if pairs > 0 else None


def _order(
    place: NDArray[np.int32], keys: int, y: Floats, w: Floats, *, mean: float, ordered: bool
) -> NDArray[np.int32]:
    """Return each key's rank: its place where keys rise, otherwise by how often its rows have the outcome."""
    if ordered:
        return np.arange(keys, dtype=np.int32)
    rate = (np.bincount(place, w * y, keys) + PRIOR * mean) / (np.bincount(place, w, keys) + PRIOR)
    return np.argsort(np.argsort(rate, kind="stable"), kind="stable").astype(np.int32)


def _ranked(rows: Keyed, ranks: tuple[NDArray[np.int32], ...]) -> NDArray[np.int32]:
    return np.column_stack([rank[rows.places[:, j]] for j, rank in enumerate(ranks)]).astype(np.int32)


def _grown(ranked: NDArray[np.int32], sizes: list[int], g: Floats, h: Floats) -> Tree:
    inner = 2**DEPTH - 1
    attribute, above = np.zeros(inner, np.intp), np.full(inner, np.iinfo(np.int32).max, np.intp)
    node = np.zeros(len(ranked), np.intp)
    for depth in range(DEPTH):
        first, nodes = 2**depth - 1, 2**depth
        best = np.full(nodes, 1e-9)
        for j, size in enumerate(sizes):
            cell = (node - first) * size + ranked[:, j]
            left_g, left_h = (np.bincount(cell, v, nodes * size).reshape(nodes, size).cumsum(axis=1) for v in (g, h))
            gain = _gain(left_g, left_h)
            at = gain.argmax(axis=1)
            better = gain[np.arange(nodes), at] > best
            best = np.where(better, gain[np.arange(nodes), at], best)
            here = first + np.flatnonzero(better)
            attribute[here], above[here] = j, at[better]
        node = _child(node, attribute, above, ranked)
    leaf = node - inner
    total_g, total_h = (np.bincount(leaf, v, inner + 1) for v in (g, h))
    return Tree(attribute, above, -RATE * total_g / (total_h + RIDGE))


def _gain(g: Floats, h: Floats) -> Floats:
    """Return what a split after each key gains; none where a side has next to nobody."""
    all_g, all_h = g[:, -1:], h[:, -1:]
    found = g**2 / (h + RIDGE) + (all_g - g) ** 2 / (all_h - h + RIDGE) - all_g**2 / (all_h + RIDGE)
    return np.where((h < LEAST) | (all_h - h < LEAST), 0.0, found)


def _leaves(tree: Tree, ranked: NDArray[np.int32]) -> Nodes:
    node = np.zeros(len(ranked), np.intp)
    for _ in range(DEPTH):
        node = _child(node, tree.attribute, tree.above, ranked)
    return np.asarray(node - (2**DEPTH - 1), np.intp)


def _child(node: Nodes, attribute: Nodes, above: Nodes, ranked: NDArray[np.int32]) -> Nodes:
    """Return which child of its node each row goes to."""
    right = ranked[np.arange(len(ranked)), attribute[node]] > above[node]
    return np.asarray(2 * node + 1 + right, np.intp)


__all__ = ["DEPTH", "LEAST", "PRIOR", "RATE", "RIDGE", "TREES", "Learned", "Nodes", "Tree", "auc", "learn"]
