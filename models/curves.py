"""What a noisy histogram of scores says of a model, point by point, and how far the noise may have moved each point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.computations.evaluation import KIND
from models.risk import probability
from privacy.arrays import Floats
from privacy.auc import chance_sd
from privacy.computation import Result
from privacy.errors import Invalid


@dataclass(frozen=True)
class RocPoint:
    """How many are called at risk when all from ``risk`` on are, of those without and with the outcome.

    ``…_sd`` is the standard deviation that the privacy noise gives the rate, to first order. Rates may lie a little
    outside 0 … 1, and steps may go backwards: the counts are noisy.
    """

    risk: float
    false_positive: float
    false_positive_sd: float
    true_positive: float
    true_positive_sd: float


@dataclass(frozen=True)
class Bin:
    """People whose predicted risk lies from ``low`` to ``high``; ``observed`` is None where noise drowns them.

    ``people`` is a noisy count, and so may be negative. ``noise_sd`` is what the privacy noise does to ``observed``,
    ``chance_sd`` what a sample of that size does at most (people with several rows weigh one, which only lowers it).
    """

    low: float
    high: float
    predicted: float
    people: float
    observed: float | None
    noise_sd: float | None
    chance_sd: float | None


def roc(result: Result) -> tuple[RocPoint, ...]:
    """Return the ROC curve from "nobody" to "everybody"; none when the noise leaves nobody on one side."""
    without, having, edges, sd = _histogram(result)
    if without.sum() <= 0 or having.sum() <= 0:
        return ()
    false, false_sd = _from_the_top(without, sd)
    true, true_sd = _from_the_top(having, sd)
    risk = probability(edges[::-1])
    return tuple(RocPoint(*map(float, each)) for each in zip(risk, false, false_sd, true, true_sd, strict=True))


def calibration(result: Result) -> tuple[Bin, ...]:
    """Return observed beside predicted rates, from the lowest predicted risk on."""
    without, having, edges, sd = _histogram(result)
    risk, observed = probability(edges), result.facts.get("observed")
    if not isinstance(observed, list):
        raise Invalid("model-kind-absent", KIND)
    return tuple(
        _bin((float(risk[i]), float(risk[i + 1])), edges[i : i + 2], (w, h), rate, sd)
        for i, (w, h, rate) in enumerate(zip(without.tolist(), having.tolist(), observed, strict=True))
    )


def auc_chance_sd(result: Result) -> float | None:
    """Return the standard deviation that a sample of this size gives the AUC."""
    without, having, _, _ = _histogram(result)
    return chance_sd(result.facts.get("auc"), float(without.sum()), float(having.sum()))


def _histogram(result: Result) -> tuple[Floats, Floats, Floats, float]:
    sd = result.facts.get("noise_sd")
    if result.kind != KIND or not isinstance(sd, float):
        raise Invalid("model-kind-absent", KIND)
    return result.arrays["without"], result.arrays["having"], result.arrays["edges"], sd


def _from_the_top(counts: Floats, sd: float) -> tuple[Floats, Floats]:
    """Return which part of a count lies above each edge, highest edge first, and what noise does to that part."""
    total, cells = counts.sum(), len(counts)
    above = np.concatenate([[0.0], np.cumsum(counts[::-1])])
    inside = np.arange(cells + 1)
    part = above / total
    # d(part)/d(cell) is (1 - part)/total for a cell above the edge and -part/total for one below
    slope = np.sqrt(inside * (1 - part) ** 2 + (cells - inside) * part**2) / total
    return part, sd * slope


def _bin(
    risk: tuple[float, float], edges: Floats, counts: tuple[float, float], observed: float | None, sd: float
) -> Bin:
    without, having = counts
    people = without + having
    if observed is None:
        return Bin(*risk, float(probability(edges.mean())), people, None, None, None)
    noise = sd * math.hypot(without, having) / people**2
    chance = math.sqrt(observed * (1 - observed) / people)
    return Bin(*risk, float(probability(edges.mean())), people, observed, noise, chance)


__all__ = ["Bin", "RocPoint", "auc_chance_sd", "calibration", "roc"]
