"""Attacks on synthetic data by somebody who has nothing else: what do they tell of the people they were made from?

Each counts how often it succeeds on people who were used, and on as many others who were held back. Both are drawn from
one population, so data that keep to the population do as well on either. As Anonymeter (Giomi and others, PETS 2023)
asks singling out, linkage and inference; nearest neighbours as van Breugel and others (2023); rates of those called
members at a low rate of false calls as Carlini and others (2022). Only people whose record nobody of a third group
shares are asked about: to know a record that many share tells of nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from synthetic.judged.fidelity import drawn
from synthetic.judged.keyed import Keyed
from synthetic.judged.nearest import SAME, Distances, blocks, nearest, nearest_of
from synthetic.judged.odds import Finding, compared, paired, ranked

ASKED = 1_500  # people of each group whom a slow attack asks about
RECORDS = 10_000  # of the data, each of which is held against everybody in both groups
ROWS = 100_000  # of the data, for attacks by distance; copies are sought in all
CROWD = 20_000  # people of the third group, to whom distances are measured
OUTLYING = 0.8  # of the third group are nearer to each other than an outlier is to them
FALSE_CALLS = 0.05  # of people who were not used, called members
SUBSETS, GUESSES = 80, 40  # choices of attributes, and guesses on each, of singling out

Generator = np.random.Generator


@dataclass(frozen=True)
class Scene:
    """Who is attacked, and with what: as many people ``used`` as ``others``, and a third group, ``reference``.

    Of each of them there is one row. ``made_from`` are all rows of all people used, ``held_back`` of all held back.
    """

    data: Keyed
    used: Keyed
    others: Keyed
    reference: Keyed
    made_from: Keyed
    held_back: Keyed

    @property
    def covered(self) -> float:
        """Return the part of all rows of people used that are among ``used``."""
        return len(self.used) / max(len(self.made_from), 1)

    def rare(self, people: Keyed) -> Keyed:
        """Return those whose record is nobody's in the third group."""
        return people.take(~np.isin(people.names(), self.reference.names()))

    def asked(self, rng: Generator) -> tuple[Keyed, Keyed]:
        """Return some rare people used, and some rare others."""
        return some(self.rare(self.used), ASKED, rng), some(self.rare(self.others), ASKED, rng)

    def rows(self, rng: Generator) -> Keyed:
        """Return the rows of the data to measure distances to."""
        return some(self.data, ROWS, rng)


def scene(data: Keyed, used: Keyed, held_back: Keyed, *, rows: tuple[Keyed, Keyed], seed: int) -> Scene:
    """Return the people of both groups, one row each, parted for the attacks: a third of those held back is apart.

    ``rows`` are all of theirs.
    """
    rng = np.random.default_rng([seed, 0])
    shuffled = held_back.take(rng.permutation(len(held_back)))
    third = len(shuffled) // 3
    reference, others = shuffled.take(np.arange(third)), shuffled.take(np.arange(third, len(shuffled)))
    least = min(len(others), len(used))
    chosen = used.take(rng.permutation(len(used))[:least])
    return Scene(data, chosen, others.take(np.arange(least)), reference, *rows)


def copies(at: Scene, _: Generator) -> Finding:
    """Is a record of the data, letter by letter, that of one who was used? Among records that few share."""
    records = np.unique(at.data.names())
    records = records[~np.isin(records, at.reference.names())]
    used, others = np.isin(records, at.used.names()), np.isin(records, at.others.names())
    return paired(int((used & ~others).sum()), int((others & ~used).sum()), len(records), covered=at.covered)


def closeness(at: Scene, rng: Generator) -> Finding:
    """Do records of the data lie nearer to people who were used than to others?

    Compared is of how many records each person is the nearest: where keys are few, one person decides for many.
    """
    records = some(at.data, RECORDS, rng)
    groups = [some(people, ROWS, rng) for people in (at.used, at.others)]
    (to_used, which), (to_others, other) = (nearest_of(records, people) for people in groups)
    deciding = which[to_used < to_others - SAME], other[to_others < to_used - SAME]
    used, others = (_times(people, who) for people, who in zip(groups, deciding, strict=True))
    return ranked(*(each[~np.isin(names, same)] for (names, each), (same, _) in ((used, others), (others, used))))


def membership(at: Scene, rng: Generator) -> Finding:
    """Can those who are unlike others be told to have been used, by how near the data come to them?

    Called a member is an outlier whom the data come nearer to, beside how far off the third group is, than they come to
    all but one in twenty of that group's own outliers.
    """
    crowd, rows = some(at.reference, CROWD, rng), at.rows(rng)
    if len(crowd) < 2:
        return compared(0, 0, 0, 0)
    away = nearest(crowd, crowd, but_itself=True)
    edge = float(np.quantile(away, OUTLYING))
    bar = float(np.quantile(_nearness(crowd, away, rows, edge), FALSE_CALLS))
    calls = [
        _nearness(people, nearest(people, crowd), rows, edge) <= bar
        for people in (some(each, ASKED * 5, rng) for each in (at.used, at.others))
    ]
    return compared(int(calls[0].sum()), len(calls[0]), int(calls[1].sum()), len(calls[1]))


def singling_out(at: Scene, rng: Generator) -> Finding:
    """Do some keys that one record of the data alone has, and nobody of the third group, pick out one person alone?"""
    records = at.data.take(np.unique(at.data.names(), return_index=True)[1])  # one that was drawn twice is no crowd
    picked: list[set[int]] = [set(), set()]
    tried = 0
    for _ in range(SUBSETS):
        size = int(rng.integers(min(2, len(at.data.attributes)), len(at.data.attributes) + 1))
        chosen = rng.choice(len(at.data.attributes), size, replace=False).tolist()
        names, times = np.unique(records.names(chosen), return_counts=True)
        alone = names[(times == 1) & ~np.isin(names, at.reference.names(chosen))]
        guesses = alone[rng.permutation(len(alone))[:GUESSES]]
        tried += len(guesses)
        for people, found in zip((at.used, at.others), picked, strict=True):
            theirs, who, times = np.unique(people.names(chosen), return_index=True, return_counts=True)
            found |= set(who[np.isin(theirs, guesses) & (times == 1)].tolist())
    return paired(len(picked[0]), len(picked[1]), tried, covered=at.covered)


def linkage(at: Scene, rng: Generator) -> Finding:
    """Do the data join two halves of somebody's record, which two others hold apart: one row the nearest to both?"""
    order = rng.permutation(len(at.data.attributes)).tolist()
    halves, rows = (order[::2], order[1::2]), at.rows(rng)
    hits = []
    for people in at.asked(rng):
        joined = np.zeros(len(people), bool)
        for some_of_them, away in blocks(people, rows, halves):
            near = [each <= each.min(axis=1, keepdims=True) + SAME for each in away]
            joined[some_of_them] = (near[0] & near[1]).any(axis=1)
        hits += [int(joined.sum()), len(joined)]
    return compared(*hits)


def inference(at: Scene, rng: Generator) -> Finding:
    """Do the data tell the one key that is not known of somebody, where it is not the key that most people have?"""
    rows, hits = at.rows(rng), []
    usual = np.array([np.bincount(column).argmax() for column in at.reference.places.T])
    for people in at.asked(rng):
        unusual = np.where(people.places != usual, rng.random(people.places.shape), 0.0)
        secret = np.where(unusual.any(axis=1), unusual.argmax(axis=1), -1)
        found = np.zeros(len(people), bool)
        for j in range(len(usual)):
            asked = np.flatnonzero(secret == j)
            found[asked] = _guessed(people.take(asked), rows, j) == people.places[asked, j]
        hits += [int(found.sum()), int((secret >= 0).sum())]
    return compared(*hits)


def strangers(at: Scene, rng: Generator) -> Finding:
    """Are records of the data those of people held back, more often than records of people used are?

    Nobody's record was copied if they are not: not even if those used and those held back were all copied alike.
    """
    known = at.held_back.names()
    hits = [
        (int(np.isin(each.names(), known).sum()), len(each))
        for each in (_of_each(at.data, rng), _of_each(at.made_from, rng))
    ]
    return compared(*hits[0], *hits[1])


def some(people: Keyed, most: int, rng: Generator) -> Keyed:
    """Return at most so many rows, drawn at random."""
    return people if len(people) <= most else people.take(np.sort(rng.permutation(len(people))[:most]))


def _of_each(rows: Keyed, rng: Generator) -> Keyed:
    """Return as many rows as there are people, each person's as likely: all of them where nobody has several."""
    if (rows.weights == 1).all():
        return some(rows, ROWS, rng)
    return drawn(rows, min(round(float(rows.weights.sum())), ROWS), rng)


def _nearness(people: Keyed, away: Distances, rows: Keyed, edge: float) -> Distances:
    """Return for the outliers, who are more than ``edge`` from the crowd, how much nearer the data are than it is."""
    outlying = away > edge
    if not outlying.any():  # in a crowd of few keys the edge is zero, or all that there is
        outlying = away >= edge
    return np.divide(nearest(people.take(outlying), rows), np.maximum(away[outlying], SAME), dtype=np.float32)


def _times(people: Keyed, chosen: NDArray[np.intp]) -> tuple[NDArray[np.uint64], Floats]:
    """Return the names of people, each once, and how often somebody of that name was chosen."""
    names, whose = np.unique(people.names(), return_inverse=True)
    return names, np.bincount(whose[chosen], minlength=len(names)).astype(np.float64)


def _guessed(people: Keyed, rows: Keyed, secret: int) -> NDArray[np.intp]:
    """Return for each person the key of ``secret`` that is most usual among the rows nearest to all else of theirs."""
    known = [j for j in range(len(rows.attributes)) if j != secret]
    keys = np.eye(len(rows.attributes[secret].keys), dtype=np.float32)[rows.places[:, secret]]
    guess = np.zeros(len(people), np.intp)
    for some_of_them, (away,) in blocks(people, rows, [known]):
        near = (away <= away.min(axis=1, keepdims=True) + SAME).astype(np.float32)
        guess[some_of_them] = (near @ keys).argmax(axis=1)
    return guess


Attack = Callable[[Scene, Generator], Finding]
ATTACKS: Mapping[str, Attack] = {
    "copies": copies,
    "closeness": closeness,
    "membership": membership,
    "singling-out": singling_out,
    "linkage": linkage,
    "inference": inference,
    "strangers": strangers,
}

__all__ = [
    "ASKED",
    "ATTACKS",
    "CROWD",
    "FALSE_CALLS",
    "GUESSES",
    "OUTLYING",
    "RECORDS",
    "ROWS",
    "SUBSETS",
    "Attack",
    "Generator",
    "Scene",
    "closeness",
    "copies",
    "inference",
    "linkage",
    "membership",
    "scene",
    "singling_out",
    "some",
    "strangers",
]
