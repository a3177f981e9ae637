"""How a risk model's plain arrays turn a person's variables into a risk, at training, evaluation and scoring alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from privacy.arrays import Arrays, Floats
from privacy.computation import Batch
from privacy.errors import Invalid


def design(batch: Batch, features: Sequence[str]) -> Floats:
    """Return the features with a last column of ones, shape (rows, features + 1)."""
    return np.column_stack([batch.matrix(features), np.ones(len(batch.person))])


def log_odds(batch: Batch, features: Sequence[str], model: Arrays) -> Floats:
    """Return the log odds of the outcome, a row at a time, under ``model["weights"]`` (features, then intercept).

    Not ``@``: there, the order in which a row is added up, and so its last bits, depend on how many rows there are.
    With weights that cancel, somebody's presence would then change somebody else's score.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # weights may be anything; the log must not tell whose rows mind
        weights = np.asarray(model["weights"], np.float64)
    if weights.shape != (len(features) + 1,):  # any other that fits would make rows depend on how many there are
        raise Invalid("contribution-shape")
    with np.errstate(over="ignore", invalid="ignore"):  # absurd weights give absurd scores, and no warning
        return np.asarray((design(batch, features) * weights).sum(axis=1), np.float64)


def probability(log_odds: Floats) -> Floats:
    """Return probabilities, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(log_odds / 2)), np.float64)


__all__ = ["design", "log_odds", "probability"]
