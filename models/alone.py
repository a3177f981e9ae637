"""What somebody could learn from records in one place, without noise: for their own eyes, and as a yardstick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from privacy.arrays import Arrays, Floats
from privacy.computation import Batch

MOST_ITERATIONS = 3000


def fit_alone(batch: Batch, features: Sequence[str], outcome: str) -> Arrays:
    """Return a plain logistic regression's weights, each person weighing one; shape as ``models.risk`` reads them.

    Where only one outcome occurs there is nothing to tell apart: all weights are zero.
    """
    if len(np.unique(batch.variables[outcome])) < 2:
        return {"weights": np.zeros(len(features) + 1)}
    model = LogisticRegression(max_iter=MOST_ITERATIONS)
    model.fit(batch.matrix(features), batch.variables[outcome], sample_weight=batch.weights)
    return {"weights": np.append(model.coef_[0], model.intercept_[0])}


def auc(batch: Batch, outcome: str, scores: Floats) -> float | None:
    """Return the exact AUC, each person weighing one; None when only one outcome occurs."""
    observed = batch.variables[outcome]
    if len(np.unique(observed)) < 2:
        return None
    return float(roc_auc_score(observed, scores, sample_weight=batch.weights))


__all__ = ["MOST_ITERATIONS", "auc", "fit_alone"]
