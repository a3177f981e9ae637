"""What people are shown of figures about groups: small ones withheld, others rounded; besides noise, never instead.

The noise protects each person, whatever is shown. These are the customs of those who publish health statistics, so that
no table shows, or lets a reader work out, a group of a few. Whatever is withheld says by which of four reasons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from privacy.canonical import Document
from privacy.figures import Figures, Interval
from privacy.working_out import By, beside, worked_out

Reason = Literal["", "zero", "suppressed", "refused", "invalid"]
REASONS: Mapping[Reason, str] = {
    "": "shown",
    "zero": "nobody, as far as the noise lets us see",
    "suppressed": "a small group, or one that would tell a small group",
    "refused": "with what was shown before, it would tell a small group",
    "invalid": "the noise leaves nothing to say",
}
INVALID_BELOW = 6  # standard deviations below zero: no true count gives that, so the total is broken
Masks = Mapping[By, NDArray[np.bool_]]
Codes = NDArray[np.str_]


@dataclass(frozen=True)
class Profile:
    """Rules of one custom, applied to counts before they are rounded.

    A count of ``largest_withheld`` people or fewer is withheld; with ``zeros``, one of nobody is not. Counts are
    rounded to whole multiples of ``round_to``. Means and quantiles are of as many people as a count that is shown.
    """

    title: str
    largest_withheld: int
    round_to: int
    zeros: bool


PROFILES: Mapping[str, Profile] = {
    # docs.opensafely.org, "Applying statistical disclosure control": counts of 7 or fewer redacted, others rounded
    "opensafely-like": Profile("0 to 7 withheld, others rounded to 5", 7, 5, zeros=False),
    # NHS England, "HES analysis guide": sub-national counts of 1 to 7 suppressed, zeros shown, others rounded to 5
    "hes-like": Profile("1 to 7 withheld, zeros shown, others rounded to 5", 7, 5, zeros=True),
    # the threshold of 10 that most trusted research environments have (SACRO's default)
    "tre": Profile("1 to 9 withheld, zeros shown, others rounded to 1", 9, 1, zeros=True),
}


@dataclass(frozen=True)
class Before:
    """What earlier releases mean for these figures: which are ``known`` to readers, and which must be ``refused``."""

    known: Masks = field(default_factory=dict)
    refused: Masks = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """One figure as people see it; no numbers where ``reason`` withholds it, and 0 where that is ``zero``."""

    value: float | None
    low: float | None
    high: float | None
    reason: Reason

    def document(self) -> Document:
        """Return it as plain data."""
        return {"value": self.value, "low": self.low, "high": self.high, "reason": self.reason}


def reasons(figures: Sequence[Figures], profile: Profile, before: Before | None = None) -> dict[By, Codes]:
    """Return why each figure is withheld, by margin, as arrays of texts; empty where it is shown.

    Besides small groups others are withheld, until no line of a margin with its sum tells a small group, and no sums
    and differences of whatever is shown tell a figure that is withheld. A figure that readers know from before can
    hide nothing.
    """
    before = before or Before()
    people = {each.by: each.people.value for each in figures}
    found = {each.by: _own(each, profile) for each in figures}
    for by, mask in before.refused.items():
        found[by] = np.where(mask & (found[by] != "invalid"), "refused", found[by])
    free = {by: ~before.known.get(by, np.zeros(each.shape, bool)) for by, each in people.items()}
    while _hide_lines(people, found, free, profile) or _hide_worked_out(people, found, free):
        pass
    return found


def _hide_lines(people: Mapping[By, Floats], found: dict[By, Codes], free: Masks, profile: Profile) -> bool:
    """Withhold more, once along each line that tells too much; False when nothing was left to do, or could be."""
    lines = list(_telling(people, found, profile))
    return sum(_hide_one(people, found, free, line) for line in lines if _tells(people, found, line, profile)) > 0


def _hide_worked_out(people: Mapping[By, Floats], found: dict[By, Codes], free: Masks) -> bool:
    """Withhold one figure more if several lines together tell one that is withheld; False when nothing could be."""
    masks = {by: hidden(codes) for by, codes in found.items()}
    for place in worked_out(masks):
        can = [(by, at) for by, at in beside(masks, place) if found[by][at] == "" and free[by][at]]
        if can:
            by, at = min(can, key=lambda each: (-len(each[0]), float(people[each[0]][each[1]])))
            found[by][at] = "suppressed"
            return True
    return False


def shown(figures: Figures, codes: Codes, profile: Profile) -> list[tuple[tuple[str, ...], Shown, dict[str, Shown]]]:
    """Return for each combination of keys its people and its means, as they may be shown."""
    rows = []
    for at in np.ndindex(codes.shape):
        keys = tuple(keys[i] for keys, i in zip(figures.keys, at, strict=True))
        reason = cast("Reason", str(codes[at]))
        means = {name: mean_shown(mean, at, reason) for name, mean in figures.means.items()}
        rows.append((keys, _count_shown(figures.people, at, reason, profile.round_to), means))
    return rows


def mean_shown(mean: Interval, at: tuple[int, ...], reason: Reason) -> Shown:
    """Return a mean: with the people that it is of it is withheld, and it is invalid where the noise left none."""
    value, low, high = (float(each[at]) for each in (mean.value, mean.low, mean.high))
    reason = reason or ("" if math.isfinite(value) else "invalid")
    return Shown(None, None, None, reason) if reason else Shown(value, low, high, "")


def _count_shown(people: Interval, at: tuple[int, ...], reason: Reason, step: int) -> Shown:
    if reason not in ("", "zero"):
        return Shown(None, None, None, reason)
    value = 0.0 if reason == "zero" else float(np.rint(people.value[at] / step) * step)
    low, high = np.floor(people.low[at] / step) * step, np.ceil(people.high[at] / step) * step
    return Shown(value, float(low), float(high), reason)


def _own(figures: Figures, profile: Profile) -> Codes:
    people = figures.people.value
    nobody, few = np.rint(people) < 1, np.rint(people) <= profile.largest_withheld
    codes = np.where(nobody & profile.zeros, "zero", np.where(few, "suppressed", ""))
    broken = ~np.isfinite(people) | (people < -INVALID_BELOW * figures.sd)
    return np.where(broken, "invalid", codes).astype("U10")


@dataclass(frozen=True)
class _Line:
    """A line of a margin's cells, and the one cell of the margin without ``axis`` that is their sum."""

    by: By
    axis: int
    at: tuple[int, ...]

    @property
    def cells(self) -> tuple[int | slice, ...]:
        return (*self.at[: self.axis], slice(None), *self.at[self.axis :])

    @property
    def parent(self) -> By:
        return (*self.by[: self.axis], *self.by[self.axis + 1 :])


def _telling(people: Mapping[By, Floats], found: Mapping[By, Codes], profile: Profile) -> Iterator[_Line]:
    """Yield the lines that with their sums tell a figure that is withheld, or a small group of them."""
    for by, counts in people.items():
        for axis in range(len(by)):
            parent = (*by[:axis], *by[axis + 1 :])
            if parent in people:
                telling = _tell(np.moveaxis(counts, axis, -1), np.moveaxis(found[by], axis, -1), found[parent], profile)
                yield from (_Line(by, axis, tuple(map(int, at))) for at in np.argwhere(telling))


def _tells(people: Mapping[By, Floats], found: Mapping[By, Codes], line: _Line, profile: Profile) -> bool:
    counts, codes = people[line.by][line.cells], found[line.by][line.cells]
    return bool(_tell(counts, codes, found[line.parent][line.at], profile))


def _tell(counts: Floats, codes: Codes, sums: Codes, profile: Profile) -> NDArray[np.bool_]:
    """Say of lines along the last axis whether just one figure is unknown, or few people are in those unknown."""
    cells, total = hidden(codes), hidden(sums)
    unknown = cells.sum(axis=-1) + total
    together = np.rint(np.where(cells, np.maximum(counts, 0), 0).sum(axis=-1))
    return np.asarray((unknown == 1) | ((unknown > 1) & ~total & (together <= profile.largest_withheld)))


def hidden(codes: Codes) -> NDArray[np.bool_]:
    """Say which figures readers do not see; that somewhere there is nobody, they do."""
    return np.asarray((codes != "") & (codes != "zero"))


def _hide_one(people: Mapping[By, Floats], found: dict[By, Codes], free: Masks, line: _Line) -> bool:
    """Withhold the smallest figure of a line that can hide the others, else its sum; False when neither can."""
    codes = found[line.by][line.cells]
    can = np.flatnonzero((codes == "") & free[line.by][line.cells])
    if len(can):
        codes[can[np.argmin(people[line.by][line.cells][can])]] = "suppressed"
    elif found[line.parent][line.at] == "" and free[line.parent][line.at]:
        found[line.parent][line.at] = "suppressed"
    else:
        return False
    return True


__all__ = [
    "INVALID_BELOW",
    "PROFILES",
    "REASONS",
    "Before",
    "Codes",
    "Masks",
    "Profile",
    "Reason",
    "Shown",
    "hidden",
    "mean_shown",
    "reasons",
    "shown",
]
