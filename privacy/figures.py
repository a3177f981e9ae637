"""Figures about groups of people: counts and means by public keys, each with an interval, as tables find them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from privacy.arrays import Arrays, Floats
from privacy.canonical import JSON
from privacy.computation import Result


@dataclass(frozen=True)
class Interval:
    """Values with an interval around each, all of one shape; NaN where the noise leaves no value."""

    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Figures:
    """Counts, and means of other variables, by all keys of some variables.

    ``people`` has a figure for each combination of ``keys``, in its shape; ``sd`` is the standard deviation that the
    privacy noise gives each. ``by`` is empty for all people together.
    """

    by: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    people: Interval
    sd: float
    means: Mapping[str, Interval]


def deviations(confidence: float) -> float:
    """Return how many standard deviations to either side hold a normal figure with this confidence."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def counted(people: Floats, sd: float, confidence: float) -> Interval:
    """Return counts with their intervals; no true count is below zero, so no interval goes below."""
    reach = deviations(confidence) * sd
    return Interval(people, np.maximum(people - reach, 0.0), np.maximum(people + reach, 0.0))


def averaged(sums: Floats, sums_sd: float, people: Floats, people_sd: float, confidence: float) -> Interval:
    """Return means between -1 and 1 from noisy sums and noisy counts, with the interval of Fieller (1954).

    It holds the true mean with at least this confidence also where there are few people. Where the noise may have made
    all of a count, the mean is NaN and its interval is everything.
    """
    z = deviations(confidence)
    a = people**2 - (z * people_sd) ** 2
    known = (people > 0) & (a > 0)
    a, n = np.where(known, a, 1.0), np.where(known, people, 1.0)
    under = (n * sums_sd) ** 2 + (sums * people_sd) ** 2 - (z * people_sd * sums_sd) ** 2
    half = z * np.sqrt(np.maximum(under, 0.0)) / a
    middle = n * sums / a
    low, high = np.clip(middle - half, -1, 1), np.clip(middle + half, -1, 1)
    known &= (middle - half <= 1) & (middle + half >= -1)  # else there is no such mean
    return Interval(
        np.where(known, np.clip(sums / n, -1, 1), np.nan), np.where(known, low, -1.0), np.where(known, high, 1.0)
    )


def packed(figures: list[Figures], confidence: float) -> tuple[Arrays, dict[str, JSON]]:
    """Return figures as a result's arrays and facts; ``figures_of`` reads them back."""
    keys = {name: list(keys) for each in figures for name, keys in zip(each.by, each.keys, strict=True)}
    facts: dict[str, JSON] = {
        "confidence": confidence,
        "keys": dict(keys),
        "margins": [list(each.by) for each in figures],
        "people_sd": [each.sd for each in figures],
        "means": sorted(figures[0].means),
    }
    arrays = {"people": _flat([each.people.value for each in figures])}
    for name in figures[0].means:
        for part in ("value", "low", "high"):
            arrays[f"{name}.{part}"] = _flat([getattr(each.means[name], part) for each in figures])
    return arrays, facts


def figures_of(result: Result) -> list[Figures]:
    """Return the figures of a result that has any; of another kind of result none."""
    return list(_figures(result.arrays, result.facts)) if "margins" in result.facts else []


def _figures(arrays: Arrays, facts: Mapping[str, Any]) -> Iterator[Figures]:
    start = 0
    for by, sd in zip(facts["margins"], facts["people_sd"], strict=True):
        keys = tuple(tuple(facts["keys"][name]) for name in by)
        shape = tuple(map(len, keys))
        here = slice(start, start := start + math.prod(shape))
        means = {
            name: Interval(*(arrays[f"{name}.{part}"][here].reshape(shape) for part in ("value", "low", "high")))
            for name in facts["means"]
        }
        people = counted(arrays["people"][here].reshape(shape), sd, facts["confidence"])
        yield Figures(tuple(by), keys, people, sd, means)


def _flat(parts: list[Floats]) -> Floats:
    return np.concatenate([part.ravel() for part in parts])


__all__ = ["Figures", "Interval", "averaged", "counted", "deviations", "figures_of", "packed"]
