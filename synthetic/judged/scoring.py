"""How good predictions are on people whose outcomes were held back: against what happened, and against the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Flags, Floats
from privacy.canonical import Document

LEAST_OUTCOMES = 10  # of each kind, for an AUC of a group: with fewer, one person moves it by more than 0.05
EDGE = 1e-6  # predictions are kept this far from 0 and 1 before their logit is taken
TENTHS = 10
STEPS = 50  # of Newton, after which a fit has no finite answer


@dataclass(frozen=True)
class Calibration:
    """Whether risks are as high as they say: 1, 0 and 1 for a perfect prediction (Van Calster and others, 2019).

    ``slope`` below 1: the predictions are too extreme. ``intercept`` below 0: they are too high. None where the fit
    has no finite answer.
    """

    observed_over_expected: float | None
    intercept: float | None
    slope: float | None


@dataclass(frozen=True)
class Group:
    """Some of the people: how many, how many had the outcome, and how well they were told apart (None: too few)."""

    of: str
    group: str
    people: int
    outcomes: int
    predicted: float
    auc: float | None


@dataclass(frozen=True)
class Score:
    """What one set of predictions is worth.

    ``auc`` is against what happened. ``auc_expected`` is its mean over everything that could have happened to these
    people, which their true probabilities say: luck is taken out of it. ``auc_attainable`` is that of the true
    probabilities themselves: no prediction has a higher one. Where there is no known truth, both are None.
    """

    people: int
    outcomes: int
    auc: float | None
    auc_expected: float | None
    auc_attainable: float | None
    brier: float
    calibration: Calibration
    tenths: tuple[Group, ...]
    groups: tuple[Group, ...]

    @property
    def distance(self) -> float | None:
        """Return how far the expected AUC is from the best that there can be."""
        if self.auc_expected is None or self.auc_attainable is None:
            return None
        return self.auc_attainable - self.auc_expected

    def document(self) -> Document:
        """Return it as plain data."""
        return {**asdict(self), "distance": self.distance}


def score(
    predicted: Floats, happened: Flags, probability: Floats | None, groups: Mapping[str, NDArray[np.str_]]
) -> Score:
    """Score predictions of n people, all arrays of length n; ``groups`` gives each person's group, by what it is of."""
    tenths = np.array([f"{i + 1:02d}" for i in _tenth(predicted)])
    return Score(
        people=len(predicted),
        outcomes=int(happened.sum()),
        auc=auc(predicted, happened),
        auc_expected=None if probability is None else expected_auc(predicted, probability),
        auc_attainable=None if probability is None else expected_auc(probability, probability),
        brier=float(np.mean((predicted - happened) ** 2)),
        calibration=calibration(predicted, happened),
        tenths=_by_group("tenth of predicted risk", tenths, predicted, happened),
        groups=tuple(each for of, labels in groups.items() for each in _by_group(of, labels, predicted, happened)),
    )


def auc(predicted: Floats, happened: Flags, weights: Floats | None = None) -> float | None:
    """Return the chance that somebody with the outcome is put above somebody without; ties count half.

    Each counts with their weight, one by default (Mann and Whitney 1947). None unless there are people of both kinds.
    """
    weighing = np.ones(len(predicted)) if weights is None else weights
    with_it, without = weighing * happened, weighing * ~happened
    pairs = with_it.sum() * without.sum()
    return float(_above(predicted, with_it, without) / pairs) if pairs > 0 else None


def expected_auc(predicted: Floats, probability: Floats) -> float | None:
    """Return the AUC to expect when each person's outcome is drawn anew with their true probability.

    It is the expected number of pairs in the right order over the expected number of pairs: nobody is their own pair.
    """
    own = float(np.sum(probability * (1 - probability)))
    pairs = float(probability.sum() * (1 - probability).sum()) - own
    return float((_above(predicted, probability, 1 - probability) - own / 2) / pairs) if pairs > 0 else None


def calibration(predicted: Floats, happened: Flags) -> Calibration:
    """Return observed over expected, and the intercept and slope of a logistic recalibration, by Newton's steps."""
    total = float(predicted.sum())
    logits = np.clip(predicted, EDGE, 1 - EDGE)
    logits = np.log(logits / (1 - logits))
    one = np.ones((len(logits), 1))
    in_the_large = _newton(one, happened, offset=logits)
    both = _newton(np.column_stack([one, logits]), happened, offset=np.zeros(len(logits)))
    return Calibration(
        observed_over_expected=float(happened.sum()) / total if total > 0 else None,
        intercept=None if in_the_large is None else float(in_the_large[0]),
        slope=None if both is None else float(both[1]),
    )


def _above(predicted: Floats, with_it: Floats, without: Floats) -> float:
    """Return the weight of pairs in which the one with the outcome is put above, and half of that of ties."""
    _, place = np.unique(predicted, return_inverse=True)
    ups, downs = np.bincount(place, weights=with_it), np.bincount(place, weights=without)
    below = np.cumsum(downs) - downs
    return float(np.sum(ups * (below + downs / 2)))


def _newton(design: Floats, happened: Flags, *, offset: Floats) -> Floats | None:
    """Fit a logistic regression of one or two columns; None where it does not settle: all alike, or set apart."""
    beta = np.zeros(design.shape[1])
    for _ in range(STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(offset + design @ beta, -30, 30)))
        hessian = (design * (fitted * (1 - fitted))[:, None]).T @ design
        if not np.isfinite(hessian).all() or np.linalg.cond(hessian) > 1e12:
            return None
        step = np.linalg.solve(hessian, design.T @ (happened - fitted))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            return np.asarray(beta)
    return None


def _tenth(predicted: Floats) -> NDArray[np.int64]:
    """Return each person's tenth of predicted risk, 0 ... 9; equal predictions are in one tenth."""
    _, place, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    below = (np.cumsum(counts) - counts)[place]
    return np.asarray(below * TENTHS // max(len(predicted), 1))


def _by_group(of: str, labels: NDArray[np.str_], predicted: Floats, happened: Flags) -> tuple[Group, ...]:
    return tuple(_group(of, str(label), predicted[chosen], happened[chosen]) for label, chosen in _chosen(labels))


def _chosen(labels: NDArray[np.str_]) -> list[tuple[str, Flags]]:
    return [(label, labels == label) for label in np.unique(labels)]


def _group(of: str, group: str, predicted: Floats, happened: Flags) -> Group:
    outcomes = int(happened.sum())
    enough = min(outcomes, len(happened) - outcomes) >= LEAST_OUTCOMES
    return Group(
        of, group, len(happened), outcomes, float(predicted.mean()), auc(predicted, happened) if enough else None
    )


__all__ = [
    "EDGE",
    "LEAST_OUTCOMES",
    "STEPS",
    "TENTHS",
    "Calibration",
    "Group",
    "Score",
    "auc",
    "calibration",
    "expected_auc",
    "score",
]
