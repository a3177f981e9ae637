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
from synthetic.judged.keyed import Keyed

TREES, DEPTH, RATE, RIDGE, LEAST = 60, 3, 0.2, 1.0, 1.0
NO_GAIN = 1e-9
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
    """Grow one tree, level by level: the histograms of all attributes lie side by side, each from its ``start``."""
    inner, width = 2**DEPTH - 1, sum(sizes)
    start = np.cumsum([0, *sizes[:-1]])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    flat, many_g, many_h = ranked + start, np.repeat(g, len(sizes)), np.repeat(h, len(sizes))
    attribute, above = np.zeros(inner, np.intp), np.full(inner, np.iinfo(np.int32).max, np.intp)
    node = np.zeros(len(ranked), np.intp)
    for depth in range(DEPTH):
        first, nodes = 2**depth - 1, 2**depth
        cell = ((node - first)[:, None] * width + flat).ravel()
        upto_g, upto_h = (
            _upto(np.asarray(np.bincount(cell, each, nodes * width), np.float64), nodes) for each in (many_g, many_h)
        )
        gain = _gain(_from_start(upto_g, start, owner), _from_start(upto_h, start, owner), upto_g, upto_h, len(sizes))
        at = gain.argmax(axis=1)
        better = gain[np.arange(nodes), at] > NO_GAIN
        here = first + np.flatnonzero(better)
        attribute[here], above[here] = owner[at[better]], (at - start[owner[at]])[better]
        node = _child(node, attribute, above, ranked)
    leaf = node - inner
    total_g, total_h = (np.bincount(leaf, v, inner + 1) for v in (g, h))
    return Tree(attribute, above, -RATE * total_g / (total_h + RIDGE))


def _upto(sums: Floats, nodes: int) -> Floats:
    return np.asarray(np.cumsum(sums.reshape(nodes, -1), axis=1), np.float64)


def _from_start(upto: Floats, start: Nodes, owner: Nodes) -> Floats:
    """Return running sums that begin anew with each attribute."""
    before = np.concatenate([np.zeros((len(upto), 1)), upto], axis=1)[:, start]
    return np.asarray(upto - before[:, owner], np.float64)


def _gain(g: Floats, h: Floats, upto_g: Floats, upto_h: Floats, attributes: int) -> Floats:
    """Return what a split after each key gains; none where a side has next to nobody."""
    all_g, all_h = upto_g[:, -1:] / attributes, upto_h[:, -1:] / attributes  # each row counts in every attribute
    found = g**2 / (h + RIDGE) + (all_g - g) ** 2 / (np.maximum(all_h - h, 0) + RIDGE) - all_g**2 / (all_h + RIDGE)
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


__all__ = ["DEPTH", "LEAST", "NO_GAIN", "PRIOR", "RATE", "RIDGE", "TREES", "Learned", "Nodes", "Tree", "learn"]
