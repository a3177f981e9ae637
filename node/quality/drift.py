"""How much a data set changed from one version to the next: column by column, against stated thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from privacy.arrays import Floats
from privacy.canonical import Document

PSI_SOME, PSI_MUCH = 0.1, 0.25  # Siddiqi 2006, Credit Risk Scorecards: below .1 little change, above .25 a large one
TV_MUCH = 0.1  # our choice: a tenth of the rows would have to move to another bin
LESS_COMPLETE = 0.05  # our choice: five rows in a hundred lost their value
ROWS_CHANGED = 0.2  # our choice: a fifth more rows, or fewer
HALF = 0.5  # added to each bin, so that an empty one has a logarithm (Jeffreys)
NORMAL_95 = 1.645  # of a normal distribution 95 % lies below
MOVES_ON = "months"  # days move on from load to load, so that their months are no drift


@dataclass(frozen=True)
class Drift:
    """What changed in one column: distances of its spread, None where it has none to compare, and what to look at."""

    column: str
    stability_index: float | None
    total_variation: float | None
    complete_before: float | None
    complete_after: float | None
    new_codes: tuple[str, ...]
    gone_codes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Distance:
    """Two distances between two spreads, and how large each may well be by chance where nothing changed.

    Without change the stability index times harmonic rows is about chi-squared (Yurdakul and Naranjo 2020).
    """

    index: float
    variation: float
    index_by_chance: float
    variation_by_chance: float


def drift(before: Document, after: Document) -> list[Drift]:
    """Compare two profiles of one data set, by the columns of both; a column of one alone is warned of.

    ``stability_index`` is the population stability index, Σ (q - p) ln (q / p); ``total_variation`` Σ |q - p| / 2.
    """
    old, new = ({c["name"]: c for c in profile["columns"]} for profile in (before, after))
    found = [_column(name, old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
    rows = (after["rows"] - before["rows"]) / max(before["rows"], 1)
    if abs(rows) > ROWS_CHANGED:
        found.insert(0, Drift("(rows)", None, None, None, None, (), (), (f"{rows:+.0%} rows",)))
    return found


def _column(name: str, old: Document | None, new: Document | None) -> Drift:
    if old is None or new is None:
        return Drift(
            name, None, None, None, None, (), (), ("only in the later" if old is None else "only in the earlier",)
        )
    a, b = old["summary"] or {}, new["summary"] or {}
    codes = a.get("of") == b.get("of") == "codes"
    new_codes, gone_codes = (_codes_only_in(b, a), _codes_only_in(a, b)) if codes else ((), ())
    distance = _distance(a, b) if a and a.get("of") == b.get("of") != MOVES_ON else None
    index, variation = (distance.index, distance.variation) if distance else (None, None)
    said = (*(_said(distance) if distance else ()), *_said_of_complete(old, new))
    said += (f"new codes: {len(new_codes)}",) if new_codes else ()
    said += (f"codes gone: {len(gone_codes)}",) if gone_codes else ()
    return Drift(name, index, variation, old["complete"], new["complete"], new_codes, gone_codes, said)


def _said(distance: _Distance) -> Iterator[str]:
    if distance.index > PSI_SOME + distance.index_by_chance:
        yield "spread changed much" if distance.index > PSI_MUCH + distance.index_by_chance else "spread changed"
    elif distance.variation > TV_MUCH + distance.variation_by_chance:
        yield "spread changed"


def _said_of_complete(old: Document, new: Document) -> Iterator[str]:
    before, after = old["complete"], new["complete"]
    if before is not None and after is not None and before - after > LESS_COMPLETE:
        yield "less complete"


def _distance(a: Document, b: Document) -> _Distance | None:
    """Return how far apart two spreads are over the labels of both; None where a side has no rows."""
    labels = list(dict.fromkeys([*a["labels"], *b["labels"]]))
    if a["of"] == b["of"] == "codes":  # one that is named on one side only is among the other side's others
        labels = [label for label in labels if label in a["labels"] and label in b["labels"]]
    p, q = (_counts(each, labels) for each in (a, b))
    n, m, bins = p.sum(), q.sum(), len(p)
    if not n or not m:
        return None
    smooth_p, smooth_q = ((each + HALF) / (each + HALF).sum() for each in (p, q))
    chance = 1 / n + 1 / m
    return _Distance(
        index=float(np.sum((smooth_q - smooth_p) * np.log(smooth_q / smooth_p))),
        variation=float(np.abs(q / m - p / n).sum() / 2),
        index_by_chance=float(chance * (bins + NORMAL_95 * math.sqrt(2 * bins))),
        variation_by_chance=float(math.sqrt(chance * bins) / 2),
    )


def _counts(summary: Document, labels: Sequence[str]) -> Floats:
    counted = dict(zip(summary["labels"], summary["counts"], strict=True))
    named = [counted.pop(label, 0) for label in labels]
    return np.array([*named, summary.get("others", 0) + sum(counted.values())], np.float64)


def _codes_only_in(a: Document, b: Document) -> tuple[str, ...]:
    """Return the codes that occur in one and not in the other, where neither left any unnamed."""
    if a["others"] or b["others"]:
        return ()
    here, there = ({label for label, n in zip(s["labels"], s["counts"], strict=True) if n} for s in (a, b))
    return tuple(sorted(here - there))


__all__ = ["HALF", "LESS_COMPLETE", "PSI_MUCH", "PSI_SOME", "ROWS_CHANGED", "TV_MUCH", "Drift", "drift"]
