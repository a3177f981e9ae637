"""The histogram's AUC, its stated error, and that no weights a coordinator may send can break or bend it."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.computations.evaluation import COMPUTATION, HISTOGRAM
from models.risk import log_odds
from models.variables import batch as variables_of
from privacy.auc import discrimination
from privacy.computation import Ask, Result, Total
from privacy.errors import Invalid
from privacy.private_sum import bound
from privacy.programme import Mechanism
from tests.builders import FINDER, RISK, batch_of, demo_study, rand_sites
from tests.neighbours import touched_by_absence, touched_by_order
from tests.rehearsal import no_noise, rehearse

PARAMETERS = {"of": RISK, "bins": 10}
BAD_WEIGHTS = [
    [np.nan] * 3,
    [np.inf, -np.inf, 0],
    [1e308, 1e308, 1e308],
    [-1e308, 1e308, 5e-324],
    [1e17, -1e17, 3.0],
    [0, 0, 0],
]


def people(count, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, 6, count)
    n = rows.sum()
    age = rng.random(n)
    return batch_of(rows, {"age": age, "visits": age, "admitted": rng.random(n) < 0.3})


@pytest.mark.parametrize("weights", BAD_WEIGHTS)
def test_whatever_the_weights_each_person_adds_one(weights):
    batch = people(50)
    counts = COMPUTATION.contributions(PARAMETERS, Ask(HISTOGRAM, {"weights": np.array(weights, float)}), batch)
    assert counts.shape == (50, 20)
    np.testing.assert_allclose(counts.sum(axis=1), 1)
    units = bound(counts, Mechanism(20, 1.0, 512, 10_000))
    assert max(sum(int(u) ** 2 for u in row) for row in units) <= 512**2


@pytest.mark.parametrize("weights", BAD_WEIGHTS)
def test_nobody_s_cell_depends_on_anybody_else(weights):
    ask = Ask(HISTOGRAM, {"weights": np.array(weights, float)})
    batch = people(120)
    assert touched_by_absence(COMPUTATION, PARAMETERS, ask, batch, gone=range(0, 120, 5)) == []
    assert not touched_by_order(COMPUTATION, PARAMETERS, ask, batch, np.random.default_rng(1))


def test_control_a_matrix_product_lets_one_person_move_another_s_score():
    rng = np.random.default_rng(0)
    x, weights = rng.random((1000, 20)), rng.normal(size=20)
    assert any((np.delete(x @ weights, gone) != np.delete(x, gone, 0) @ weights).any() for gone in range(20))
    names = [f"f{i}" for i in range(19)]

    def scores(rows):
        batch = batch_of([1] * len(rows), dict(zip(names, rows.T, strict=False)))
        return log_odds(batch, names, {"weights": weights})

    assert all((np.delete(scores(x), gone) == scores(np.delete(x, gone, 0))).all() for gone in range(20))


def test_nobody_is_no_rows():
    nobody = batch_of([], {"age": [], "visits": [], "admitted": []})
    assert COMPUTATION.contributions(PARAMETERS, Ask(HISTOGRAM, {"weights": np.zeros(3)}), nobody).shape == (0, 20)


def exact_auc_of_bins(without, having):
    """Return the AUC by looking at every pair of cells; ties count a half."""
    pairs = won = 0.0
    for i, negatives in enumerate(without):
        for j, positives in enumerate(having):
            pairs += negatives * positives
            won += negatives * positives * (1.0 if j > i else 0.5 if j == i else 0.0)
    return won / pairs


def test_auc_of_a_histogram_counts_pairs():
    rng = np.random.default_rng(3)
    for _ in range(20):
        without, having = rng.poisson(30, 10) + 0.0, rng.poisson(5, 10) + 1.0
        assert discrimination(without, having, 1.0)["auc"] == pytest.approx(exact_auc_of_bins(without, having))


def test_stated_error_is_what_noise_makes_of_it():
    """Of 4000 simulated totals the standard deviation is within 6 %: false alarms about one in 10^6 (4.9 sigma)."""
    rng = np.random.default_rng(4)
    without, having = rng.poisson(300, 10) + 0.0, np.sort(rng.poisson(60, 10)) + 0.0
    sd = 4.0
    stated = discrimination(without, having, sd)["auc_noise_sd"]
    drawn = [
        discrimination(without + rng.normal(0, sd, 10), having + rng.normal(0, sd, 10), sd)["auc"] for _ in range(4000)
    ]
    assert np.std(drawn) == pytest.approx(stated, rel=0.06)
    assert np.std(drawn) != pytest.approx(stated / 2, rel=0.06)  # control: half the noise is not what is stated


def test_without_noise_the_histogram_s_auc_is_the_exact_one_within_binning():
    study = demo_study()
    sites, pooled = rand_sites()
    results = rehearse(study, FINDER, sites, no_noise)
    held_back = variables_of(pooled["held-back"], study.variables)
    scores = log_odds(held_back, results["risk"].facts["features"], results["risk"].arrays)
    exact = roc_auc_score(held_back.variables["admitted_next_year"], scores, sample_weight=held_back.weights)
    evaluation = results["evaluation"]
    assert evaluation.facts["auc"] == pytest.approx(exact, abs=0.015)
    assert evaluation.arrays["without"].sum() + evaluation.arrays["having"].sum() == pytest.approx(
        held_back.people, rel=0.005
    )
    assert 0.7 < evaluation.facts["observed_to_expected"] < 1.4


@pytest.mark.parametrize("values", [np.zeros(20), np.full(20, -3.0), np.r_[np.full(10, 5.0), np.full(10, -1.0)]])
def test_totals_that_noise_made_senseless_give_no_figure(values):
    state = COMPUTATION.absorb(PARAMETERS, {}, Ask(HISTOGRAM), Total(values, 2.0))
    result = COMPUTATION.result(PARAMETERS, state)
    assert result.facts["auc"] is None
    assert result.facts["auc_noise_sd"] is None


def test_an_evaluation_of_nothing_is_refused():
    with pytest.raises(Invalid):
        COMPUTATION.start({"bins": 10}, None)
    earlier = Result("linear-risk", {"weights": np.zeros(3)}, {})
    assert COMPUTATION.next_request(PARAMETERS, COMPUTATION.start(PARAMETERS, earlier)).sum == HISTOGRAM


@pytest.mark.parametrize("bad", [{"bins": 1}, {"low": 1.0, "high": 0.0}, {"low": float("nan")}, {"binz": 5}])
def test_wrong_parameters_are_refused(bad):
    with pytest.raises(Invalid) as caught:
        COMPUTATION.plan(PARAMETERS | bad)
    assert caught.value.code == "parameters-wrong"
