"""Fitted data group by group, beside margins that nodes released: small groups are said to be past telling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from privacy.arrays import Floats
from privacy.canonical import Document
from synthetic.fitted.measured import Clique, Measured
from synthetic.judged.fidelity import total_variation
from synthetic.judged.keyed import Keyed
from synthetic.report.chance import SIGMAS, Perfect

COARSE = 0.2  # a mean distance that even perfect data would show: what is nearer than that cannot be told
WITHIN = (1, 2)  # how many other columns at a time: of pairs that were counted, and of threes


@dataclass(frozen=True)
class Margins:
    """Released margins of the columns that the data have too: ``by`` names them, as in the rows."""

    measured: Measured
    by: Sequence[str]
    people: float

    def cliques(self) -> Iterator[tuple[Clique, Floats, float]]:
        """Give each margin by the places of its columns among ``by``, with its noise."""
        names = list(self.measured.columns)
        for clique, counts, sd in zip(self.measured.cliques, self.measured.counts, self.measured.sd, strict=True):
            if all(names[place] in self.by for place in clique):
                yield tuple(self.by.index(names[place]) for place in clique), counts, sd

    def within(self, column: int, key: int, others: int) -> Iterator[tuple[Clique, Floats, float]]:
        """Give the margins of so many other columns within one key of a column."""
        for clique, counts, sd in self.cliques():
            if column in clique and len(clique) == others + 1:
                yield tuple(j for j in clique if j != column), np.take(counts, key, axis=clique.index(column)), sd


def groups_in(margins: Margins, rows: Keyed, groups: Sequence[str]) -> Iterator[Document]:
    """Yield each key of the columns named: its share, and how far others are from what was released, within it.

    ``told`` is false where noise and chance would move even perfect data as far as ``COARSE``, or where noise may be
    all there is of the group: then nothing is said of what is within. Distances are None of a group that the data lack.
    """
    for name in groups:
        column, sizes = margins.by.index(name), {len(clique) for clique, *_ in margins.cliques()}
        counts, sd = next((counts, sd) for clique, counts, sd in margins.cliques() if clique == (column,))
        ours = rows.marginal([column])
        for key, label in enumerate(rows.attributes[column].keys):
            share = _share(float(counts[key]), sd, margins.people, float(ours[key]), float(rows.weights.sum()))
            within = [_within(margins, rows, (column, key), others) for others in WITHIN if others + 1 in sizes]
            told = within[:1] != [None]
            yield {"column": name, "key": label, **share, "told": told, "within": [each for each in within if each]}


def _share(count: float, sd: float, people: float, ours: float, drawn: float) -> Document:
    """Return the share of a key in both, and the deviation of their difference by noise and chance."""
    theirs = count / people
    sure = sqrt((sd / people) ** 2 + ours * (1 - ours) * (1 / people + 1 / max(drawn, 1.0)))
    off = abs(ours - theirs) > SIGMAS * sure
    return {"people": round(count), "share": theirs, "share_in_data": ours, "share_sd": sure, "share_off": off}


def _within(margins: Margins, rows: Keyed, group: tuple[int, int], others: int) -> Document | None:
    """Return the mean distances of all margins of so many other columns within a key; None if they cannot be told."""
    mine = rows.take(rows.places[:, group[0]] == group[1])
    found: list[tuple[float, float, float]] = []
    off: list[list[str]] = []
    for clique, counts, sd in margins.within(*group, others):
        people = float(counts.sum())
        if people <= SIGMAS * sd * sqrt(counts.size):
            return None
        share = counts.ravel() / people
        perfect = _perfect(share, sd / people, people, float(mine.weights.sum()))
        data, everybody = (total_variation(each.marginal(clique), share) for each in (mine, rows))
        off += [[margins.by[j] for j in clique]] if len(mine) and perfect.beyond(data) else []
        found.append((data, perfect.mean, everybody))
    if not found:
        return None
    means = dict(zip(("data", "perfect", "everybody"), np.mean(found, axis=0).tolist(), strict=True))
    if means["perfect"] > COARSE:
        return None
    return {"columns": others, **means, "data": means["data"] if len(mine) else None, "off": off}


def _perfect(share: Floats, noise: float, people: float, drawn: float) -> Perfect:
    """Return what perfect data would show; of a noisy share the noise of the sum that it is a share of takes a part."""
    likely = np.clip(share, 0.0, 1.0)
    noisy = noise**2 * (1 - 2 * likely + len(likely) * likely**2)
    return Perfect.of(np.sqrt(np.maximum(noisy, 0.0) + likely * (1 - likely) * (1 / people + 1 / max(drawn, 1.0))))


__all__ = ["COARSE", "WITHIN", "Margins", "groups_in"]
