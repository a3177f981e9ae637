"""Tables: what a person adds, margins that agree, intervals that hold what they say, pooling that changes nothing."""

import math

import numpy as np
import pytest

from models.computations.tables import COMPUTATION, PEOPLE, SUM_OF
from models.margins import Workload
from models.variables import Table, batches
from models.variables import batch as batch_of_table
from privacy.computation import Ask, Total
from privacy.errors import Invalid
from privacy.figures import averaged, counted, figures_of
from privacy.private_sum import bound
from privacy.programme import Mechanism
from tests.builders import FINDER, batch_of, plan_of
from tests.neighbours import touched_by_absence, touched_by_order
from tests.rehearsal import no_noise, rehearse
from tests.tabled import exact, rows, site, table_study

STUDY = table_study()
PARAMETERS = STUDY.parameters(STUDY.step("groups"))
SHAPE = (3, 5, 4)
ASKS = [Ask(PEOPLE), Ask(SUM_OF + "visits")]
ONE_STEP = {"name": "t", "use": "tables", "people": "everyone"}
BAD = [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1 + 1e-15, -1.0, 7.0]


def dense(workload):
    """Return the matrix that makes all measured figures of the table, without their weight."""
    cells = np.indices(workload.shape).reshape(len(workload.shape), -1)
    matrix = np.zeros((workload.width, cells.shape[1]))
    for columns in workload.columns(list(cells)):
        matrix[columns, np.arange(cells.shape[1])] = 1
    return matrix, cells


@pytest.mark.parametrize("shape", [(4,), (2, 2), (3, 5), (1, 4), (2, 3, 4), SHAPE])
def test_the_fit_and_its_deviations_are_those_of_least_squares(shape):
    workload, rng = Workload(shape), np.random.default_rng(1)
    matrix, cells = dense(workload)
    noisy = matrix @ rng.poisson(20, matrix.shape[1]) + rng.normal(0, 3, workload.width)
    fit = np.linalg.lstsq(matrix, noisy, rcond=None)[0]
    covariance = np.linalg.inv(matrix.T @ matrix)
    found = workload.consistent(workload.parted(noisy * workload.weight))
    for margin in ((), *workload.margins):
        size = workload.cells(margin)
        which = np.ravel_multi_index([cells[i] for i in margin], size) if margin else np.zeros(cells.shape[1], int)
        summed = np.zeros((math.prod(size), cells.shape[1]))
        summed[which, np.arange(cells.shape[1])] = 1
        np.testing.assert_allclose(found[margin].ravel(), summed @ fit, atol=1e-9)
        deviations = np.sqrt(np.diag(summed @ covariance @ summed.T)) / workload.weight
        np.testing.assert_allclose(deviations, workload.deviation(margin), rtol=1e-9)


def test_the_whole_workload_costs_one_person_at_most_one_and_lands_on_the_grid():
    for shape in ((4,), (3, 4), SHAPE):
        workload = Workload(shape)
        matrix, _ = dense(workload)
        norms = np.linalg.norm(matrix * workload.weight, axis=0)
        assert 0.97 < norms.max() <= 1
        assert workload.weight * 1024 == int(workload.weight * 1024)


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.sum)
@pytest.mark.parametrize("bad", BAD)
def test_whatever_a_row_holds_it_falls_into_one_cell_of_each_margin(ask, bad):
    good = batch_of_table(rows(40, seed=1), STUDY.variables)
    values = {name: each.copy() for name, each in good.variables.items()}
    for each in values.values():
        each[::3] = bad
    batch = batch_of(np.bincount(good.person), values)
    cells = COMPUTATION.contributions(PARAMETERS, ask, batch)
    assert cells.shape == (40, 60 + 15 + 12 + 20 + 12)
    if ask.sum == PEOPLE:
        np.testing.assert_allclose(cells.sum(axis=1), 7 * 0.375)
    units = bound(cells, Mechanism(cells.shape[1], 1.0, 1024, 10_000))
    assert max(sum(int(u) ** 2 for u in row) for row in units) <= 1024**2
    assert (np.abs(units).sum(axis=1) > 0).all() or ask.sum != PEOPLE


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.sum)
def test_nobody_s_row_depends_on_anybody_else(ask):
    batch = batch_of_table(rows(90, seed=2), STUDY.variables)
    assert touched_by_absence(COMPUTATION, PARAMETERS, ask, batch, gone=range(0, 90, 5)) == []
    assert not touched_by_order(COMPUTATION, PARAMETERS, ask, batch, np.random.default_rng(1))


def test_federated_without_noise_is_the_pooled_table_person_by_person():
    sites = [site(80, seed=s) for s in range(3)]
    found = figures_of(rehearse(STUDY, FINDER, sites, no_noise)["groups"])
    assert [f.by for f in found][:2] == [(), ("sex",)]
    assert len(found) == 8
    for figures in found:
        truth = {}
        for each in sites:
            for key, people in exact(each["everyone"], figures.by).items():
                truth[key] = truth.get(key, 0.0) + people
        for at in np.ndindex(figures.people.value.shape):
            key = tuple(keys[i] for keys, i in zip(figures.keys, at, strict=True))
            assert figures.people.value[at] == pytest.approx(truth.get(key, 0.0), abs=0.05)


def test_means_are_on_the_scale_of_their_column():
    table = rows(4000, seed=3)
    found = figures_of(rehearse(STUDY, FINDER, [{"everyone": table}], no_noise)["groups"])
    weight = 1 / np.bincount(table.person)[table.person]
    visits = np.clip(table.columns["visits"], 0, 20)
    assert float(found[0].means["visits"].value) == pytest.approx((visits * weight).sum() / weight.sum(), abs=0.01)
    women = table.columns["code.sex"] == 0
    expected = (visits * weight)[women].sum() / weight[women].sum()
    assert found[1].means["visits"].value[0] == pytest.approx(expected, abs=0.02)


def test_margins_agree_whatever_the_noise():
    found = {f.by: f.people.value for f in figures_of(rehearse(STUDY, FINDER, [site(300, seed=4)])["groups"])}
    whole = found["sex", "age_band", "area"]
    for by, axes in ((("sex",), (1, 2)), (("age_band",), (0, 2)), (("sex", "area"), (1,)), ((), (0, 1, 2))):
        np.testing.assert_allclose(whole.sum(axis=axes), found[by], atol=1e-6)


def test_every_count_s_interval_holds_it_as_often_as_it_says():
    """95 % of 300 draws times 120 figures: with seed, and outside 93.5 to 96.5 once in more than 10^6."""
    rng, workload = np.random.default_rng(5), Workload(SHAPE)
    matrix, _ = dense(workload)
    table = rng.poisson(rng.choice([0, 3, 40, 900], SHAPE)).astype(float)
    measured, sd = matrix @ table.ravel() * workload.weight, 4.0
    held = {margin: [] for margin in ((), *workload.margins)}
    for _ in range(300):
        noisy = measured + rng.normal(0, sd, workload.width)
        for margin, figures in workload.consistent(workload.parted(noisy)).items():
            truth = table.sum(axis=tuple(i for i in range(3) if i not in margin))
            around = counted(figures, workload.deviation(margin) * sd, 0.95)
            held[margin].append(((around.low <= truth) & (truth <= around.high)).mean())
    every = np.concatenate([held[m] for m in workload.margins])
    assert every.mean() == pytest.approx(0.95, abs=0.015)
    assert all(0.91 < np.mean(each) < 0.985 for each in held.values())


@pytest.mark.parametrize(("people", "mean"), [(3, 0.4), (25, -0.9), (60, 1.0), (5000, -0.2), (0, 0.0)])
def test_every_mean_s_interval_holds_it_at_least_as_often_as_it_says(people, mean):
    rng, draws = np.random.default_rng(6), 20_000
    counts = people + rng.normal(0, 8.0, draws)
    sums = people * mean + rng.normal(0, 5.0, draws)
    found = averaged(sums, 5.0, counts, 8.0, 0.95)
    assert ((found.low <= mean) & (mean <= found.high)).mean() > 0.945
    known = ~np.isnan(found.value)
    assert (np.abs(found.value[known]) <= 1).all()
    assert ((found.low <= found.value) & (found.value <= found.high))[known].all()
    if people == 5000:
        assert ((found.low <= mean) & (mean <= found.high)).mean() == pytest.approx(0.95, abs=0.01)
        assert known.all()


def test_control_half_the_noise_is_not_covered():
    rng = np.random.default_rng(7)
    noisy = 50 + rng.normal(0, 8.0, 20_000)
    told = counted(noisy, 4.0, 0.95)
    assert ((told.low <= 50) & (told.high >= 50)).mean() < 0.8


def test_nobody_is_no_rows_and_totals_of_zero_have_no_means():
    nobody = batch_of([], {v.name: [] for v in STUDY.variables})
    assert COMPUTATION.contributions(PARAMETERS, ASKS[0], nobody).shape == (0, 119)
    state = {}
    while (ask := COMPUTATION.next_request(PARAMETERS, state)) is not None:
        state = COMPUTATION.absorb(PARAMETERS, state, ask, Total(np.zeros(119), 1.0))
    found = figures_of(COMPUTATION.result(PARAMETERS, state))
    assert np.isnan(found[0].means["visits"].value)
    assert (found[0].means["visits"].low, found[0].means["visits"].high) == (0.0, 20.0)


def test_the_plan_is_one_sum_for_counts_and_one_for_each_mean():
    named = [(p.sum, p.mechanism.width) for p in plan_of(STUDY).places if p.step == "groups" and p.occurrence == 0]
    assert named == [("people", 119), ("sum-of-visits", 119)]


def test_many_rows_stream_in_batches_alike():
    table = rows(500, seed=8)
    whole = COMPUTATION.contributions(PARAMETERS, ASKS[0], batch_of_table(table, STUDY.variables)).sum(axis=0)
    parts = batches(Table(table.person, table.period, table.columns), STUDY.variables, rows=50)
    np.testing.assert_allclose(sum(COMPUTATION.contributions(PARAMETERS, ASKS[0], b).sum(axis=0) for b in parts), whole)


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": []},
        {"by": ["visits"]},
        {"by": ["nowhere"]},
        {"by": ["sex", "sex"]},
        {"by": ["sex", "age_band", "area", "age_fine"]},
        {"means": ["sex"]},
        {"means": ["nowhere"]},
        {"confidence": 1.0},
        {"means_share": 1.5},
        {"colour": 1},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    step = {**ONE_STEP, "parameters": {"by": ["sex"], **wrong}}
    with pytest.raises(Invalid) as caught:
        _plan(table_study, steps=[step])
    assert caught.value.code in ("parameters-wrong", "study-malformed")


def _plan(make, **changes):
    study = make(**changes)
    return COMPUTATION.plan(study.parameters(study.step("t")))


def test_a_table_that_nobody_could_read_is_refused():
    fine = [
        {"name": f"f{i}", "column": "age", "transform": "band", "low": 0, "high": 100, "bands": 60} for i in (1, 2, 3)
    ]
    with pytest.raises(Invalid) as caught:
        _plan(table_study, variables=fine, steps=[{**ONE_STEP, "parameters": {"by": ["f1", "f2", "f3"]}}])
    assert "figures; at most 10,000" in caught.value.faults[0]
