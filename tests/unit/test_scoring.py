"""Predictions are scored exactly: against what happened, against the truth, and by group."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from synthetic.judged.scoring import auc, calibration, expected_auc, score

PEOPLE = 2000


def people(seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.beta(1, 6, PEOPLE)
    return rng, truth, rng.random(PEOPLE) < truth


def test_auc_and_brier_are_scikit_learns_ties_included():
    rng, truth, happened = people()
    coarse = np.round(truth + rng.normal(0, 0.1, PEOPLE), 1).clip(0, 1)
    scored = score(coarse, happened, truth, {})
    assert scored.auc == pytest.approx(roc_auc_score(happened, coarse), abs=1e-12)
    assert scored.brier == pytest.approx(brier_score_loss(happened, coarse), abs=1e-12)


def test_the_expected_auc_is_the_mean_of_what_can_happen():
    rng, truth, _ = people()
    predicted = np.sqrt(truth) + rng.normal(0, 0.2, PEOPLE)
    drawn = np.array([auc(predicted, rng.random(PEOPLE) < truth) for _ in range(400)])
    # 400 draws: their mean lies within 4 of its standard errors but for one time in 15,000
    assert abs(drawn.mean() - expected_auc(predicted, truth)) < 4 * drawn.std() / math.sqrt(400)


def test_nothing_beats_the_true_probabilities():
    rng, truth, happened = people()
    best = expected_auc(truth, truth)
    for noise in (0.01, 0.1, 1.0):
        scored = score(np.clip(truth + rng.normal(0, noise, PEOPLE), 0, 1), happened, truth, {})
        assert scored.auc_attainable == best
        assert scored.auc_expected < best
        assert scored.distance == best - scored.auc_expected


def test_calibration_is_that_of_a_logistic_regression_on_the_logit():
    _, truth, happened = people()
    logits = 2 * np.log(truth / (1 - truth)) + 0.5
    found = calibration(1 / (1 + np.exp(-logits)), happened)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], happened)
    assert found.slope == pytest.approx(oracle.coef_[0, 0], abs=1e-4)
    honest = calibration(truth, happened)
    # standard errors at 2,000 people and about 290 outcomes: 0.06 each
    assert honest.slope == pytest.approx(1, abs=0.25)
    assert honest.intercept == pytest.approx(0, abs=0.25)
    assert honest.observed_over_expected == pytest.approx(1, abs=0.25)


def test_predictions_that_say_nothing_have_no_slope():
    _, _, happened = people()
    flat = score(np.full(PEOPLE, 0.1), happened, None, {})
    assert flat.auc == 0.5
    assert flat.calibration.slope is None
    assert (flat.auc_expected, flat.auc_attainable, flat.distance) == (None, None, None)
    assert [tenth.group for tenth in flat.tenths] == ["01"]


def test_nobody_with_the_outcome_has_no_auc_and_zeros_have_no_ratio():
    nobody = np.zeros(20, dtype=bool)
    scored = score(np.zeros(20), nobody, None, {"sex": np.repeat(["1", "2"], 10)})
    assert scored.auc is None
    assert scored.calibration.observed_over_expected is None
    assert [group.auc for group in scored.groups] == [None, None]


def test_each_group_is_scored_on_its_own_people():
    rng, truth, happened = people()
    sex = np.where(rng.random(PEOPLE) < 0.5, "1", "2")
    scored = score(truth, happened, truth, {"sex": sex})
    for group in scored.groups:
        own = sex == group.group
        assert (group.people, group.outcomes) == (own.sum(), happened[own].sum())
        assert group.auc == pytest.approx(roc_auc_score(happened[own], truth[own]))
    assert sum(tenth.people for tenth in scored.tenths) == PEOPLE
    assert [tenth.predicted for tenth in scored.tenths] == sorted(tenth.predicted for tenth in scored.tenths)
