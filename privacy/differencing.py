"""Would a figure, taken from one that was shown before, leave a group of a few? A guard over a coordinator's releases.

Two tables may each be harmless, and their difference a single person: people under 65, and people under 64. The guard
looks at pairs: the same figure again, the same keys over people of whom one group holds the other, other bands of the
same column, other lists of the same column's codes. Sums over several releases that differ in more are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from privacy.computation import PARTS, People
from privacy.disclosure import Before, Codes, Profile, hidden
from privacy.figures import Figures
from privacy.variables import Variable
from privacy.working_out import By

Key = tuple[str, float, float] | tuple[str, frozenset[str]]
NOBODY_KNOWS: Key = ("missing", frozenset())
SAME = 2  # standard deviations of both figures' noise: nearer ones cannot be told apart


@dataclass(frozen=True)
class Axis:
    """What a variable looks at, and its keys as sets of values: so other studies' variables can be held against it."""

    what: tuple[str, int, str, str]
    keys: tuple[Key, ...]

    @classmethod
    def of(cls, variable: Variable, made_of: str = "") -> Axis:
        """Return the axis of a variable; ``made_of`` tells apart features that are called alike."""
        ends = (-math.inf, *variable.edges, math.inf)
        if variable.codes:
            keys: list[Key] = [("is", frozenset([code])) for code in variable.codes]
            rest: Key = ("not", frozenset(variable.codes))
        else:
            keys, rest = [("from", low, high) for low, high in pairwise(ends)], NOBODY_KNOWS
        return cls((variable.column, variable.periods_ahead, made_of, variable.transform), (*keys, rest))


@dataclass(frozen=True)
class Population:
    """Whose figures they are: which data set, part and nodes, and how many periods ahead a row must have."""

    data_set: str
    people: People
    ahead: frozenset[int]
    nodes: frozenset[str]

    def holds(self, other: Population) -> bool:
        """Say whether everybody of the other is in this one."""
        parts = set(PARTS[other.people]) <= set(PARTS[self.people])
        return parts and self.data_set == other.data_set and self.nodes >= other.nodes and self.ahead <= other.ahead


@dataclass(frozen=True)
class Released:
    """Figures that were released: of whom, by which axes, and which of them were withheld."""

    population: Population
    axes: Mapping[str, Axis]
    figures: tuple[Figures, ...]
    codes: Mapping[By, Codes] = field(default_factory=dict)


def before(new: Released, past: Sequence[Released], profile: Profile) -> Before:
    """Return which of the new figures readers know already, and which must be refused for what was shown before."""
    known = {each.by: np.zeros(each.people.value.shape, bool) for each in new.figures}
    refused = {each.by: np.zeros(each.people.value.shape, bool) for each in new.figures}
    for now, then, earlier in _pairs(new, past):
        pair = _Pair(now, then, new=new, earlier=earlier, few=profile.largest_withheld)
        if new.population == earlier.population:
            known[now.by] |= pair.shown_before()
            refused[now.by] |= pair.withheld_before()
        refused[now.by] |= pair.little_apart(alike=new.population == earlier.population)
    return Before(known, refused)


def _pairs(new: Released, past: Sequence[Released]) -> Iterator[tuple[Figures, Figures, Released]]:
    """Yield margins by the same columns, of populations of which one holds the other."""
    for earlier in past:
        if not (earlier.population.holds(new.population) or new.population.holds(earlier.population)):
            continue
        for now in new.figures:
            wanted = sorted(new.axes[name].what for name in now.by)
            if len(set(wanted)) == len(wanted):
                alike = (f for f in earlier.figures if sorted(earlier.axes[n].what for n in f.by) == wanted)
                yield from ((now, then, earlier) for then in alike)


class _Pair:
    """A new margin and an earlier one by the same columns, the earlier one's axes in the new one's order."""

    def __init__(self, now: Figures, then: Figures, *, new: Released, earlier: Released, few: int) -> None:
        self.few, self.now, self.shape = few, now.people.value, now.people.value.shape
        self.axes = [new.axes[name] for name in now.by]
        places = {earlier.axes[name].what: i for i, name in enumerate(then.by)}
        order = [places[axis.what] for axis in self.axes]
        self.earlier = [earlier.axes[then.by[i]] for i in order]
        self.then = then.people.value.transpose(order)
        self.hid = np.asarray(hidden(earlier.codes[then.by]).transpose(order), np.float64)
        self.near = few + SAME * math.hypot(now.sd, then.sd)
        self.places = [_places(a, b) for a, b in zip(self.axes, self.earlier, strict=True)]

    def shown_before(self) -> NDArray[np.bool_]:
        """Say which were shown, and cannot be told from what they were: withholding them now would hide nothing."""
        return np.asarray(self._unchanged() & (self._taken(self.hid) == 0))

    def withheld_before(self) -> NDArray[np.bool_]:
        """Say which were withheld, and cannot be told from what they were: showing them now would show them then."""
        return np.asarray(self._unchanged() & (self._taken(self.hid) > 0))

    def _unchanged(self) -> NDArray[np.bool_]:
        return np.asarray(self._same() & (np.abs(self.now - self._taken(self.then)) <= self.near))

    def little_apart(self, *, alike: bool) -> NDArray[np.bool_]:
        """Say which, with an earlier figure, leave a group of a few; of ``alike`` people only those by other keys."""
        other = [i for i, (a, b) in enumerate(zip(self.axes, self.earlier, strict=True)) if a.keys != b.keys]
        if not other and not alike:
            return np.asarray(self._same() & self._few(self.now - self._taken(self.then)))
        if len(other) != 1:
            return np.zeros(self.shape, bool)
        (axis,) = other
        same = self._same(but=axis)
        now, then = np.moveaxis(self.now, axis, -1), np.moveaxis(self._taken(self.then, but=axis), axis, -1)
        keys = self.axes[axis].keys, self.earlier[axis].keys
        found = self._bands(now, then, *keys, alike=alike) if keys[0][0][0] == "from" else self._rests(now, then, *keys)
        return np.moveaxis(found, -1, axis) & same

    def _bands(
        self, now: Floats, then: Floats, keys: tuple[Key, ...], earlier: tuple[Key, ...], *, alike: bool
    ) -> NDArray[np.bool_]:
        """Say which bands end where few people lie between their edge and an earlier one."""
        under, under_then = np.cumsum(now[..., :-1], axis=-1), np.cumsum(then[..., :-1], axis=-1)
        edges, edges_then = (np.array([key[-1] for key in each[:-1]], np.float64) for each in (keys, earlier))
        few = self._few(under[..., :, None] - under_then[..., None, :])
        few &= (edges[:, None] != edges_then) | (not alike)
        at_edge = np.asarray(few.any(axis=-1))
        found = np.zeros(now.shape, bool)
        found[..., :-1] |= at_edge
        found[..., 1:-1] |= at_edge[..., :-1]
        return found

    def _rests(self, now: Floats, then: Floats, keys: tuple[Key, ...], earlier: tuple[Key, ...]) -> NDArray[np.bool_]:
        """Say where "other or missing" and an earlier one differ by codes of which some have few people together."""
        found = np.zeros(now.shape, bool)
        for counts, own, others in ((now, keys, earlier), (then, earlier, keys)):
            extra = [i for i, key in enumerate(own[:-1]) if key not in others]
            small = np.where(np.rint(counts[..., extra]) <= self.few, np.maximum(counts[..., extra], 0), 0)
            found[..., -1] |= self._few(small.sum(axis=-1))
        return found

    def _few(self, difference: Floats) -> NDArray[np.bool_]:
        people = np.abs(np.rint(difference))
        return np.asarray((people > 0) & (people <= self.few), np.bool_)

    def _same(self, but: int = -1) -> NDArray[np.bool_]:
        """Say which of the new figures have an earlier one by the same keys."""
        there = np.ones(self.shape, bool)
        for i, place in enumerate(self.places):
            if i != but:
                there &= (place >= 0).reshape([-1 if j == i else 1 for j in range(len(self.shape))])
        return there

    def _taken(self, values: Floats, but: int = -1) -> Floats:
        """Return the earlier figures at the new ones' keys; where there is none, any."""
        for i, place in enumerate(self.places):
            if i != but:
                values = values.take(np.maximum(place, 0), axis=i)
        return values


def _places(axis: Axis, earlier: Axis) -> NDArray[np.int64]:
    found = {key: i for i, key in enumerate(earlier.keys)}
    return np.array([found.get(key, -1) for key in axis.keys], np.int64)


__all__ = ["SAME", "Axis", "Population", "Released", "before"]
