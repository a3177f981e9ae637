"""A scorecard of made-up rows, tried on people: its AUC is that of counting pairs, and half of a shuffled table."""

import numpy as np
import pytest

from models.variables import Table
from privacy.errors import Invalid
from privacy.noise import discrete_gaussian
from privacy.study import from_document
from privacy.toml_file import table_of
from synthetic.computations.discrimination import read_card
from synthetic.judged.fidelity import shuffled
from synthetic.judged.keyed import Keyed
from synthetic.judged.scoring import auc
from synthetic.report.rows import attributes_of
from synthetic.report.scorecard import as_toml, auc_of, by_column, trained
from tests.builders import DOCUMENT, FINDER, plan_of, small_study
from tests.rehearsal import no_noise, rehearse
from tests.tabled import DISCRIMINATION, VARIABLES, table_study

NAMES = ("sex", "age_band", "area")
KEYED = [v for v in VARIABLES if v["name"] in NAMES]
EVENT = ("S", "W")


def population(people, *, seed):
    """Return rows of people whose area hangs on age and sex: of one to three rows each, some values missing."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), rng.integers(1, 4, people))
    age, sex = rng.uniform(0, 99, people)[person], rng.integers(0, 2, people)[person] * 1.0
    has = rng.random(len(person)) < 1 / (1 + np.exp(3.0 - age / 22 - sex))
    area = np.where(has, 1 + rng.integers(0, 2, len(person)), 0) * 1.0
    area[rng.random(len(person)) < 0.1] = np.nan
    age = np.where(rng.random(len(person)) < 0.05, np.nan, age)
    columns = {"age": age, "code.sex": sex, "code.area": area, "visits": np.zeros(len(person))}
    return Table(person, np.zeros(len(person), np.int64), columns)


def keyed(table):
    """Return a table's rows as keys, by hand."""
    age, sex, area = (table.columns[c] for c in ("age", "code.sex", "code.area"))
    band = np.where(np.isnan(age), 4, np.searchsorted([18, 40, 65], age, side="right"))
    weights = 1.0 / np.bincount(table.person)[table.person]
    places = np.column_stack([sex, band, np.where(np.isnan(area), 3, area)]).astype(int)
    return Keyed.of(attributes_of([table_study().variable(name) for name in NAMES]), places, weights)


@pytest.fixture(scope="module")
def made_up():
    return keyed(population(4000, seed=1))


def study_of(card):
    """Return a study of just what the scorecard's file says, read as TOML."""
    variables = [table_study().variable(name) for name in NAMES]
    return small_study(**table_of(as_toml(card, variables)))


def tried(card, table, noise=no_noise):
    study = study_of(card)
    return rehearse(study, FINDER, [{"held-back": table}], noise)["discrimination"]


def direct(card, rows):
    """Return the AUC by comparing each row's band of scores, a row at a time."""
    found, known = by_column(rows), rows.places[:, 2] < 3
    score = np.array([sum(card.points[n][found[n][i]] for n in card.points) for i in range(len(rows))])
    band = np.array([sum(s >= c for c in card.cuts) for s in score])
    return auc(band[known].astype(float), np.isin(rows.places[:, 2], [1, 2])[known], rows.weights[known])


def test_without_noise_the_released_auc_is_that_of_comparing_rows_and_with_much_budget_nearly(made_up):
    card, people = trained(made_up, "area", EVENT, trained_on="sha256:1"), population(1500, seed=2)
    exact = direct(card, keyed(people))
    assert exact > 0.75
    assert tried(card, people).facts["auc"] == pytest.approx(exact, abs=1e-3)
    noisy = tried(card, people, discrete_gaussian).facts
    assert abs(noisy["auc"] - exact) < 4 * noisy["auc_noise_sd"]  # one in 15,000 seeds; noise is the system's own
    assert auc_of(card, keyed(people)) == pytest.approx(exact)


def test_a_scorecard_of_shuffled_rows_knows_nothing(made_up):
    card = trained(shuffled(made_up, 4000, np.random.default_rng(1)), "area", EVENT, trained_on="sha256:1")
    found = tried(card, population(1500, seed=2)).facts
    good = tried(trained(made_up, "area", EVENT, trained_on="sha256:1"), population(1500, seed=2)).facts
    assert abs(good["auc"] - 0.5) > 10 * good["auc_chance_sd"]
    assert abs(found["auc"] - 0.5) < 6 * found["auc_chance_sd"]  # learned from noise: it may lean either way a little


def test_points_are_log_odds_that_were_put_there(made_up):
    card = trained(made_up, "area", EVENT, trained_on="sha256:1")
    assert card.points["sex"][1] - card.points["sex"][0] == pytest.approx(100, abs=20)
    young, *_, old, _ = card.points["age_band"]
    assert old - young > 250
    assert len(card.cuts) < 10
    assert min(map(min, card.points.values())) == 0


def test_rows_whose_outcome_is_missing_count_nowhere_and_each_person_weighs_at_most_one():
    card, people = read_card(table_study(steps=[DISCRIMINATION]).parameters(of_step())), population(300, seed=4)
    rows = keyed(people)
    known = rows.places[:, 2] < 3
    result = rehearse(table_study(steps=[DISCRIMINATION]), FINDER, [{"everyone": people}], no_noise)["tried"]
    total = result.arrays["without"].sum() + result.arrays["having"].sum()
    assert total == pytest.approx(rows.weights[known].sum(), abs=0.5)  # rounding to the grid
    assert card.bands == len(result.arrays["having"]) == 5


def of_step():
    return table_study(steps=[DISCRIMINATION]).steps[0]


def test_the_plan_says_what_is_counted_and_costs_what_the_study_pays():
    study = table_study(steps=[DISCRIMINATION])
    (planned,) = FINDER.find("discrimination").plan(study.parameters(study.steps[0]))
    assert planned.meaning.endswith("in 5 bands, and of whether its area is S or W")
    assert (planned.width, planned.clip) == (10, 1.0)
    assert plan_of(study).cost_to_a_person > 0


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"predicted": "visits"}, "predicted"),
        ({"by": ["area"], "points": {}}, "predicted"),
        ({"event": []}, "event"),
        ({"event": ["other or missing"]}, "event"),
        ({"points": {"sex": [0, 1, 2]}}, "points"),
        ({"points": {"sex": [0, 1], "age_band": [0] * 5}}, "points"),
        ({"points": {"sex": [0, 1, 0.5], "age_band": [0] * 5}}, "points"),
        ({"points": {"sex": [0, 1, 10**7], "age_band": [0] * 5}}, "points"),
        ({"points": {"sex": [0, 1, 2], "age_band": [0] * 5, "area": [0] * 4}}, "points"),
        ({"cuts": []}, "cuts"),
        ({"cuts": [3, 3]}, "cuts"),
        ({"cuts": [0.5]}, "cuts"),
        ({"also": 1}, "also"),
    ],
)
def test_parameters_that_are_none_are_refused_by_their_place(changes, place):
    step = {**DISCRIMINATION, "parameters": {**DISCRIMINATION["parameters"], **changes}}
    study = from_document({**DOCUMENT, "variables": [*KEYED, DOCUMENT["variables"][0]], "steps": [step]})
    with pytest.raises(Invalid, match="parameters-wrong") as refused:
        read_card(study.parameters(study.steps[0]))
    assert any(fault.startswith(f"parameters.{place}: ") for fault in refused.value.faults)


@pytest.mark.parametrize(
    ("outcome", "event"), [("ward", ["S"]), ("area", []), ("area", ["other or missing"]), ("area", ["N", "S", "W"])]
)
def test_an_outcome_that_is_none_is_refused(made_up, outcome, event):
    with pytest.raises(Invalid, match="report-outcome"):
        trained(made_up, outcome, event, trained_on="sha256:1")
