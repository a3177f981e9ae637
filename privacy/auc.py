"""How well scores tell two kinds of people apart, from a histogram: with the error of its noise, and that of chance."""

from __future__ import annotations

import math

import numpy as np

from privacy.arrays import Floats


def discrimination(without: Floats, having: Floats, noise_sd: float) -> dict[str, float | None]:
    """Return the AUC of a histogram of scores, and the standard deviation that noise in each cell gives it.

    Ties within a bin count a half. The deviation is first order: each cell's noise times the AUC's slope in it. Both
    are None where there is nobody of a kind.
    """
    negatives, positives = without.sum(), having.sum()
    if negatives <= 0 or positives <= 0:
        return {"auc": None, "auc_noise_sd": None}
    below = (np.cumsum(without) - without / 2) / negatives
    above = 1 - (np.cumsum(having) - having / 2) / positives
    auc = float(below @ having / positives)
    slopes = np.concatenate([(below - auc) / positives, (above - auc) / negatives])
    return {"auc": auc, "auc_noise_sd": float(noise_sd * np.linalg.norm(slopes))}


def chance_sd(auc: object, negatives: float, positives: float) -> float | None:
    """Return the standard deviation that a sample of this size gives the AUC (Hanley and McNeil 1982, formula 2)."""
    if not isinstance(auc, float) or min(negatives, positives) <= 1:
        return None
    a = min(max(auc, 0.0), 1.0)
    one, two = a / (2 - a), 2 * a**2 / (1 + a)
    spread = a * (1 - a) + (positives - 1) * (one - a**2) + (negatives - 1) * (two - a**2)
    return math.sqrt(max(spread, 0.0) / (negatives * positives))


__all__ = ["chance_sd", "discrimination"]
