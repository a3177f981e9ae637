"""A maximum spanning tree of noisy pairs (MST), on mbi 2.0: what our fitted data are held against.

    PYTHON_WITH_MBI deploy/bench/spanning_tree.py TABLE.npz ROWS.npz

After McKenna, Miklau and Sheldon (2021), written for mbi 2.0, which ships estimation alone. A third of the budget each
goes to single columns, to choosing a tree of pairs by exponential mechanisms, and to its pairs. A person's rows weigh
one in all, so its bound is to a person, as ours is. The table has ``places`` of keys, ``weights`` of rows, ``shape``,
``rho``, ``seed`` and ``rows`` to draw; the draws come back as ``places``, with how many ``seconds`` the fit took.
"""

from __future__ import annotations

import itertools
import resource
import sys
import time
from typing import Any

import mbi
import numpy as np

LEAST = 3.0  # deviations of noise: rarer keys are put together, as the authors do
STEPS = 1000


def main() -> None:
    """Read a table, fit, draw, write."""
    table: dict[str, Any] = dict(np.load(sys.argv[1]))
    started, cpu = time.perf_counter(), time.process_time()
    drawn = _Tree(table).draw()
    seconds = np.array([time.perf_counter() - started, time.process_time() - cpu])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    np.savez(sys.argv[2], places=drawn, seconds=seconds, peak=peak)


class _Tree:
    def __init__(self, table: dict[str, Any]) -> None:
        self.places, self.weights = table["places"], table["weights"]
        self.shape, self.rows = [int(n) for n in table["shape"]], int(table["rows"])
        self.rho, self.rng = float(table["rho"]), np.random.default_rng(int(table["seed"]))
        self.columns = len(self.shape)

    def draw(self) -> Any:  # noqa: ANN401 - the other environment has no types of ours
        """Return places of keys of as many rows as are wanted."""
        third = self.rho / 3
        sd = np.sqrt(self.columns / (2 * third))
        singles = [(i, self._noisy((i,), sd)) for i in range(self.columns)]
        groups = [_groups(counts, sd) for _, counts in singles]
        kept, sizes = self.places, [int(each.max()) + 1 for each in groups]
        self.places = np.column_stack([group[kept[:, i]] for i, group in enumerate(groups)])
        self.shape, full = sizes, self.shape
        domain = mbi.Domain([str(i) for i in range(self.columns)], sizes)
        found = []
        for i, counts in singles:
            merged = np.bincount(groups[i], weights=counts, minlength=sizes[i])
            members = np.bincount(groups[i], minlength=sizes[i])
            # the sum of several figures is noisier: scaled, so that all have one deviation
            found.append(_measured((i,), merged / np.sqrt(members), sd, 1 / np.sqrt(members)))
        estimator = mbi.estimation.MirrorDescent()
        start = estimator.estimate(domain, found, iters=STEPS)
        tree = self._choose(start, third)
        sd = np.sqrt(len(tree) / (2 * third))
        found += [_measured(pair, self._noisy(pair, sd), sd, None) for pair in tree]
        model = estimator.estimate(domain, found, iters=STEPS)
        data = model.synthetic_data(self.rows).to_dict()
        return np.column_stack([self._apart(data[str(i)], groups[i], full[i]) for i in range(self.columns)])

    def _choose(self, model: Any, rho: float) -> list[tuple[int, int]]:  # noqa: ANN401
        """Return a spanning tree, each pair by an exponential mechanism on how far the model misses it."""
        epsilon = np.sqrt(8 * rho / (self.columns - 1))
        total = float(model.total)
        far = {}
        for pair in itertools.combinations(range(self.columns), 2):
            one, other = (np.asarray(model.project([str(i)]).values) for i in pair)
            far[pair] = np.abs(self._counts(pair) - np.outer(one, other).ravel() / total).sum()
        part, tree = list(range(self.columns)), []
        while len(tree) < self.columns - 1:
            open_ = [pair for pair in far if part[pair[0]] != part[pair[1]]]
            # a person moves the score by at most one
            scores = np.array([far[pair] for pair in open_]) * epsilon / 2 + self.rng.gumbel(size=len(open_))
            chosen = open_[int(np.argmax(scores))]
            tree.append(chosen)
            part = [part[chosen[0]] if each == part[chosen[1]] else each for each in part]
        return tree

    def _counts(self, clique: tuple[int, ...]) -> Any:  # noqa: ANN401
        size = [self.shape[i] for i in clique]
        cell = np.ravel_multi_index(tuple(self.places[:, i] for i in clique), size)
        return np.bincount(cell, weights=self.weights, minlength=int(np.prod(size)))

    def _noisy(self, clique: tuple[int, ...], sd: float) -> Any:  # noqa: ANN401
        counts = self._counts(clique)
        return counts + self.rng.normal(0, sd, len(counts))

    def _apart(self, drawn: Any, group: Any, keys: int) -> Any:  # noqa: ANN401
        """Return one of the keys that were put together for each drawn group, each as likely."""
        score = self.rng.random((len(drawn), keys))
        score[group[None, :] != np.asarray(drawn)[:, None]] = -1
        return np.argmax(score, axis=1)


def _groups(counts: Any, sd: float) -> Any:  # noqa: ANN401
    """Return for each key its group: frequent ones alone, the others together."""
    frequent = counts >= LEAST * sd
    if frequent.all():
        return np.arange(len(counts))
    return np.where(frequent, np.cumsum(frequent) - 1, frequent.sum())


def _measured(clique: tuple[int, ...], figures: Any, sd: float, scale: Any) -> Any:  # noqa: ANN401
    names = tuple(str(i) for i in clique)
    if scale is None or np.allclose(scale, 1):
        return mbi.LinearMeasurement(figures, names, sd)
    return mbi.LinearMeasurement(figures, names, sd, query=mbi.WeightedQuery(scale))


if __name__ == "__main__":
    main()
