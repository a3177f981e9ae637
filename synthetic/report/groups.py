"""Fitted data group by group, beside margins that nodes released: small groups are said to be past telling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod, sqrt

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

    def free(self, clique: Clique) -> int:
        """Return in how many directions a margin can be off that the margins of fewer columns do not see."""
        return prod(len(self.measured.columns[self.by[j]]) - 1 for j in clique)

    def within(self, group: Group, others: int) -> Iterator[tuple[Clique, Floats, float]]:
        """Give the margins of so many other columns within a group."""
        for clique, counts, sd in self.cliques():
            if group.column in clique and len(clique) == others + 1:
                cells = np.take(counts, group.key, axis=clique.index(group.column))
                yield tuple(j for j in clique if j != group.column), cells.ravel(), sd


@dataclass(frozen=True)
class Group:
    """One key of a column: by their places, with how many people have it, and the deviation of that figure's noise."""

    column: int
    key: int
    people: float
    sd: float


def groups_in(margins: Margins, rows: Keyed, groups: Sequence[str]) -> Iterator[Document]:
    """Yield each key of the columns named: its share, and how far others are from what was released, within it.

    ``told`` is false where noise and chance would move even perfect data as far as ``COARSE``, or where noise may be
    all there is of the group: then nothing is said of what is within. Distances are None of a group that the data lack.
    """
    sizes = {len(clique) for clique, *_ in margins.cliques()}
    for name in groups:
        column = margins.by.index(name)
        counts, sd = next((counts, sd) for clique, counts, sd in margins.cliques() if clique == (column,))
        ours = rows.marginal([column])
        for key, label in enumerate(rows.attributes[column].keys):
            group = Group(column, key, float(counts[key]), sd)
            share = _share(group, margins.people, float(ours[key]), float(rows.weights.sum()))
            within = [_within(margins, rows, group, others) for others in WITHIN if others + 1 in sizes]
            told = within[:1] != [None]
            yield {"column": name, "key": label, **share, "told": told, "within": [each for each in within if each]}


def _share(group: Group, people: float, ours: float, drawn: float) -> Document:
    """Return the share of a group in both, and the deviation of their difference by noise and chance."""
    theirs = group.people / people
    sure = sqrt((group.sd / people) ** 2 + ours * (1 - ours) * (1 / people + 1 / max(drawn, 1.0)))
    off = abs(ours - theirs) > SIGMAS * sure
    return {"people": round(group.people), "share": theirs, "share_in_data": ours, "share_sd": sure, "share_off": off}


def _within(margins: Margins, rows: Keyed, group: Group, others: int) -> Document | None:
    """Return the mean distances of all margins of so many other columns in a group; None if they cannot be told."""
    if group.people <= SIGMAS * group.sd:
        return None
    mine = rows.take(rows.places[:, group.column] == group.key)
    found: list[tuple[float, float, float]] = []
    off: list[list[str]] = []
    for clique, counts, sd in margins.within(group, others):
        share = counts / group.people
        perfect = Perfect.of(
            _off_by(group, share, sd, mine.marginal(clique) * mine.weights.sum()), margins.free(clique)
        )
        data, everybody = (total_variation(each.marginal(clique), share) for each in (mine, rows))
        off += [[margins.by[j] for j in clique]] if len(mine) and perfect.beyond(data) else []
        found.append((data, perfect.mean, everybody))
    means = dict(zip(("data", "perfect", "everybody"), np.mean(found, axis=0).tolist(), strict=True)) if found else {}
    if not means or means["perfect"] > COARSE:
        return None
    return {"columns": others, **means, "data": means["data"] if len(mine) else None, "off": off}


def _off_by(group: Group, share: Floats, sd: float, drawn: Floats) -> Floats:
    """Return by how much noise and chance put each share of a group off: one standard deviation.

    ``drawn`` are the data's rows by cell: what is likely is told best by both together. The noise of how many there are
    is in each cell, an even part of it, and goes again where cells become shares of it.
    """
    likely = np.clip((share * group.people + drawn) / (group.people + drawn.sum()), 0.0, 1.0)
    noisy = sd**2 + group.sd**2 * (likely**2 - 2 * likely / len(likely))
    chance = likely * (1 - likely) * (1 / group.people + 1 / max(float(drawn.sum()), 1.0))
    return np.asarray(np.sqrt(np.maximum(noisy, 0.0) / group.people**2 + chance), np.float64)


__all__ = ["COARSE", "WITHIN", "Group", "Margins", "groups_in"]
