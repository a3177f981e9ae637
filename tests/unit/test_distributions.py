"""Histograms and quantiles: what a person adds, that intervals hold what they say, and that pooling changes nothing."""

import numpy as np
import pytest

from models.computations.distributions import COMPUTATION, HISTOGRAMS, quantile
from models.variables import batch as batch_of_table
from privacy.computation import Ask, Total
from privacy.defaulted import defaulted
from privacy.errors import Invalid
from privacy.figures import figures_of
from privacy.private_sum import bound
from privacy.programme import Mechanism
from tests.builders import FINDER, batch_of
from tests.neighbours import touched_by_absence, touched_by_order
from tests.rehearsal import no_noise, rehearse
from tests.tabled import exact, rows, site, table_study

STUDY = table_study()
PARAMETERS = STUDY.parameters(STUDY.step("spread"))
ASK = Ask(HISTOGRAMS)
WIDTH = 51 + 5
EDGES = np.linspace(0, 100, 51)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -1.0, 7.0])
def test_whatever_a_row_holds_it_falls_into_one_band_of_each_histogram(bad):
    good = batch_of_table(rows(40, seed=1), STUDY.variables)
    values = {name: np.where(np.arange(len(each)) % 3, each, bad) for name, each in good.variables.items()}
    cells = COMPUTATION.contributions(PARAMETERS, ASK, batch_of(np.bincount(good.person), values))
    assert cells.shape == (40, WIDTH)
    np.testing.assert_allclose(cells.sum(axis=1), 2 * 181 / 256)
    units = bound(cells, Mechanism(WIDTH, 1.0, 1024, 10_000))
    assert max(sum(int(u) ** 2 for u in row) for row in units) <= 1024**2


def test_nobody_s_row_depends_on_anybody_else():
    batch = batch_of_table(rows(90, seed=2), STUDY.variables)
    assert touched_by_absence(COMPUTATION, PARAMETERS, ASK, batch, gone=range(0, 90, 5)) == []
    assert not touched_by_order(COMPUTATION, PARAMETERS, ASK, batch, np.random.default_rng(1))


def test_federated_without_noise_is_the_pooled_histogram_and_its_quantiles():
    sites = [site(400, seed=s) for s in range(3)]
    result = rehearse(STUDY, FINDER, sites, no_noise)["spread"]
    bands = figures_of(result)[1]
    truth = {}
    for each in sites:
        for key, people in exact(each["everyone"], ["age_band"]).items():
            truth[key] = truth.get(key, 0.0) + people
    told = dict(zip([(k,) for k in bands.keys[0]], bands.people.value.tolist(), strict=True))
    assert told == pytest.approx({k: truth.get(k, 0.0) for k in told}, abs=0.1)
    ages, weights = [], []
    for each in (s["everyone"] for s in sites):
        known = ~np.isnan(each.columns["age"])
        ages.append(each.columns["age"][known])
        weights.append((1 / np.bincount(each.person)[each.person])[known])
    order = np.argsort(ages := np.concatenate(ages))
    share = np.cumsum(np.concatenate(weights)[order]) / np.concatenate(weights).sum()
    for found in result.facts["quantiles"]["age_fine"]:
        exactly = ages[order][np.searchsorted(share, found["at"])]
        assert found["value"] == pytest.approx(exactly, abs=2)  # a band's width
        assert found["low"] <= exactly <= found["high"]


@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("people", [400, 20_000])
def test_a_quantile_s_interval_holds_it_at_least_as_often_as_it_says(part, people):
    rng, draws, sd = np.random.default_rng(3), 2000, 8.0
    values = np.clip(rng.normal(45, 20, people), 0, 99.9)
    truth = np.sort(values)[int(np.ceil(part * people)) - 1]
    counts = np.histogram(values, EDGES)[0]
    found = [quantile(counts + rng.normal(0, sd, 50), EDGES, part, sd, 0.95) for _ in range(draws)]
    assert np.mean([each["low"] <= truth <= each["high"] for each in found]) > 0.945
    if people > 400:
        width = np.mean([each["high"] - each["low"] for each in found])
        assert width < 10  # five bands of fifty
        assert np.mean([each["value"] for each in found]) == pytest.approx(truth, abs=2)
        assert all(each["low"] <= each["value"] <= each["high"] for each in found)


def test_control_half_the_noise_is_not_covered():
    rng = np.random.default_rng(3)
    counts = np.full(50, 40.0)
    found = [quantile(counts + rng.normal(0, 16.0, 50), EDGES, 0.499, 4.0, 0.95) for _ in range(500)]
    assert np.mean([each["low"] <= 49.9 <= each["high"] for each in found]) < 0.93


@pytest.mark.parametrize("counts", [np.zeros(50), np.full(50, -3.0), np.r_[np.full(25, 9.0), np.full(25, -9.0)]])
def test_noise_alone_has_no_quantiles(counts):
    found = quantile(counts, EDGES, 0.5, 5.0, 0.95)
    assert found == {"at": 0.5, "value": None, "low": 0.0, "high": 100.0}


def test_quantiles_that_nobody_names_are_the_quartiles_and_in_what_people_sign():
    bare = table_study(
        steps=[{"name": "s", "use": "distributions", "people": "everyone", "parameters": {"by": ["age_band"]}}]
    )
    full = defaulted(bare, FINDER).step("s").parameters
    assert (list(full["quantiles"]), full["confidence"]) == ([0.25, 0.5, 0.75], 0.95)
    assert "variables" not in full
    found = rehearse(defaulted(bare, FINDER), FINDER, [site(300, seed=1)], no_noise)["s"].facts["quantiles"]
    assert [each["at"] for each in found["age_band"]] == [0.25, 0.5, 0.75]


def test_nobody_is_no_rows():
    nobody = batch_of([], {v.name: [] for v in STUDY.variables})
    assert COMPUTATION.contributions(PARAMETERS, ASK, nobody).shape == (0, WIDTH)
    state = COMPUTATION.absorb(PARAMETERS, {}, ASK, Total(np.zeros(WIDTH), 1.0))
    assert COMPUTATION.next_request(PARAMETERS, state) is None
    COMPUTATION.result(PARAMETERS, state)


@pytest.mark.parametrize(
    "wrong", [{"by": ["sex"]}, {"by": ["visits"]}, {"quantiles": [1.0]}, {"confidence": 1.0}, {"x": 1}]
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(Invalid) as caught:
        COMPUTATION.plan({**PARAMETERS, **wrong})
    assert caught.value.code == "parameters-wrong"
