"""How like real people synthetic data are: each distance and each AUC is what it is said to be."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from synthetic.judged.boosting import learn
from synthetic.judged.fidelity import MOST_SUBSETS, fidelity, shuffled, split, total_variation
from synthetic.judged.keyed import Attribute, Keyed
from synthetic.judged.nearest import nearest
from synthetic.judged.scoring import auc
from tests.keyed_people import bootstrap, chained, parted, rand_people


@pytest.fixture(scope="module")
def people():
    """Eight attributes are enough here, and quicker."""
    everybody = rand_people()
    chosen = [0, 1, 2, 5, 7, 8, 11, 12]
    return parted(Keyed.of([everybody.attributes[j] for j in chosen], everybody.places[:, chosen]))


@pytest.fixture(scope="module")
def found(people):
    used, held_back = people
    return {
        "bootstrap": fidelity(bootstrap(used, len(used), seed=1), used, held_back, groups=("female", "black")),
        "chained": fidelity(chained(used, len(used), seed=1), used, held_back),
        "shuffled": fidelity(shuffled(used, len(used), np.random.default_rng(9)), used, held_back),
    }


def test_data_lie_between_the_floor_and_columns_that_know_nothing_of_each_other(found):
    for order in (2, 3):
        means = {name: each.mean(order) for name, each in found.items()}
        assert means["bootstrap"]["data"] == pytest.approx(means["bootstrap"]["floor"], rel=0.15)
        assert means["shuffled"]["data"] == pytest.approx(means["shuffled"]["independent"], rel=0.05)
        assert means["bootstrap"]["data"] < means["chained"]["data"] < means["shuffled"]["data"]
    assert found["chained"].mean(1)["data"] < 0.03  # each column alone is as it was
    assert found["chained"].mean(4) == {}


def test_a_distance_is_half_of_the_sum_of_differences_counted_one_by_one(people, found):
    used, held_back = people
    data = bootstrap(used, len(used), seed=1)
    for each in found["bootstrap"].distances[::19]:
        at = [[a.name for a in used.attributes].index(name) for name in each.attributes]
        shares = []
        for rows in (data, held_back):
            counted = {}
            for row in rows.places[:, at].tolist():
                counted[tuple(row)] = counted.get(tuple(row), 0) + 1 / len(rows)
            shares.append(counted)
        away = sum(abs(shares[0].get(k, 0) - shares[1].get(k, 0)) for k in shares[0].keys() | shares[1].keys()) / 2
        assert each.data == pytest.approx(away)


def test_every_marginal_is_looked_at_or_counted_as_left_out(people, found):
    attributes = len(people[0].attributes)
    every = attributes + attributes * (attributes - 1) // 2 + attributes * (attributes - 1) * (attributes - 2) // 6
    assert every == 8 + 28 + 56
    assert (len(found["chained"].distances), found["chained"].left_out) == (every, 0)
    assert every - attributes < 2 * MOST_SUBSETS


def test_what_is_learned_from_copies_holds_and_from_shuffled_columns_does_not(found):
    bootstrapped, shuffled_ones = found["bootstrap"].tasks, found["shuffled"].tasks
    assert len(bootstrapped) == 8
    assert all(task.data > task.real - 0.04 for task in bootstrapped)
    assert np.mean([task.data for task in shuffled_ones]) < 0.6 < np.mean([task.real for task in shuffled_ones])
    assert np.mean([task.data for task in found["chained"].tasks]) < np.mean([task.data for task in bootstrapped])


def test_groups_have_their_own_floor(found):
    groups = found["bootstrap"].groups
    assert [(g.attribute, g.key) for g in groups] == [(n, k) for n in ("female", "black") for k in ("no", "yes")]
    assert sum(g.share for g in groups[:2]) == pytest.approx(1)
    small, large = sorted(groups[2:], key=lambda g: g.people)
    assert small.floor > large.floor
    assert all(g.data == pytest.approx(g.floor, rel=0.2) for g in groups)


def test_our_learner_ranks_as_well_as_that_of_a_library(people):
    used, held_back = people
    for j in (2, 5):
        _, has = split(used, j)
        outcome, truth = has[used.places[:, j]], has[held_back.places[:, j]]
        ours = auc(learn(used, outcome, without=j).log_odds(held_back), truth, held_back.weights)
        oracle = HistGradientBoostingClassifier(max_iter=60, max_depth=3, learning_rate=0.2)
        oracle.fit(np.delete(used.places, j, axis=1), outcome)
        theirs = roc_auc_score(truth, oracle.decision_function(np.delete(held_back.places, j, axis=1)))
        assert ours == pytest.approx(theirs, abs=0.02)


def test_auc_counts_ties_as_half_and_rows_by_their_weight():
    rng = np.random.default_rng(1)
    outcome, score, weights = rng.random(500) < 0.3, rng.integers(0, 9, 500) * 1.0, rng.random(500)
    assert auc(score, outcome, weights) == pytest.approx(roc_auc_score(outcome, score, sample_weight=weights))
    assert auc(np.zeros(3), np.ones(3, bool), np.ones(3)) is None


def test_rows_of_one_person_weigh_one_together(people):
    used, _ = people
    thrice = Keyed.of(used.attributes, np.repeat(used.places, 3, axis=0), np.full(3 * len(used), 1 / 3))
    assert total_variation(used.marginal([0, 3]), thrice.marginal([0, 3])) == pytest.approx(0)


def test_the_nearest_is_the_nearest_one_by_one(people):
    used, held_back = (each.take(np.arange(300)) for each in people)
    away = ((held_back.coordinates[:, None, :] - used.coordinates[None]) ** 2).sum(axis=2)
    assert nearest(held_back, used) == pytest.approx(away.min(axis=1), abs=1e-5)
    assert nearest(used, used).max() < 1e-5 < nearest(used, used, but_itself=True).max()
    assert np.isinf(nearest(used, used.take(np.arange(0)))).all()


def test_missing_is_no_nearer_to_one_end_than_to_the_other():
    rows = Keyed.of([Attribute("a", ("low", "middle", "high", "missing"), ordered=True)], np.arange(4)[:, None])
    low, middle, high, missing = rows.coordinates
    away = [float(((missing - each) ** 2).sum()) for each in (low, middle, high)]
    assert away[0] == away[2] > away[1] > 0.5


def test_rows_with_few_or_no_people_are_measured_too(people):
    used, held_back = people
    nobody = used.take(np.arange(0))
    found = fidelity(used.take(np.arange(30)), used, held_back.take(np.arange(10)), groups=("female",))
    assert (found.tasks, found.groups) == ((), ())
    assert fidelity(nobody, used, held_back).mean(1)["data"] == pytest.approx(0.5)
