"""Read one person's record from the bytes that leave: weights that single them out, and two gradients to subtract.

A coordinator may send any weights of the planned shape. It sends some at which the model is sure of a "no" for
everybody, then some at which it is sure of a "yes" for the one person beyond a value that is rare. All other rows'
gradients are alike in both, whatever their outcomes. The difference is that person's row: no optimiser is needed.
"""

import numpy as np
import pytest

from models.computations.linear_risk import GRADIENT
from node import sums as node_sums
from privacy.noise import discrete_gaussian
from privacy.release import Release
from tests.approved import approved, rows
from tests.rehearsal import no_noise

TARGET = 117  # years: nobody else here is near
RECORD = np.array([TARGET / 120, np.log1p(TARGET) / np.log1p(120), 1.0])
NOBODY, TARGET_ALONE = np.array([0.0, 0.0, 0.0, -80.0]), np.array([2000.0, 0.0, 0.0, -1900.0])
FOUND = 0.1  # a record counts as read within so much, as in the literature on gradient inversion
VARIABLES = [
    {"name": "age", "column": "age", "transform": "unit", "low": 0, "high": 120},
    {"name": "log_age", "column": "age", "transform": "log", "low": 0, "high": 120},
    {"name": "over_sixty", "column": "age", "transform": "at-least", "low": 0, "high": 120, "threshold": 60},
    {"name": "outcome", "column": "sex", "transform": "at-least", "low": 0, "high": 1, "threshold": 1},
]
RISK = {"features": ["age", "log_age", "over_sixty"], "outcome": "outcome", "base_rate": 0.5, "typical_norm": 1.0}
STEPS = [{"name": "risk", "use": "linear-risk", "people": "everyone", "parameters": RISK}]


@pytest.fixture
def here(tmp_path):
    """Return a node at which one person is older than all others, and an approved study of a risk."""
    records = rows().replace(",L7,1,37,", f",L7,1,{TARGET},").replace(",L7,2,37,", f",L7,2,{TARGET},")
    assert records.count(f",{TARGET},") == 2
    return approved(tmp_path, records=records, use="linear-risk", variables=VARIABLES, steps=STEPS)


def quiet(monkeypatch):
    noised = node_sums.PrivateSum.noised
    monkeypatch.setattr(node_sums.PrivateSum, "noised", lambda self: noised(self, no_noise))


def difference(here):
    """Return what the two answers differ by, in grid units, and the mechanism they were paid for."""
    places = here.plan.of("risk", GRADIENT)[:2]
    answers = [
        here.ask(place.index, {"weights": weights})
        for place, weights in zip(places, (NOBODY, TARGET_ALONE), strict=True)
    ]
    assert all(isinstance(answer, Release) for answer in answers)
    first, second = (answer.vector().view(np.int64) for answer in answers)
    return (second - first).astype(float), places[0].mechanism


def read(differing):
    """Return the record that a difference tells of: the last number is the intercept's, the same for everybody."""
    return differing[:-1] / (differing[-1] or 1.0)


def error(record):
    return float(np.linalg.norm(record - RECORD))


def guessed():
    """Return how far off somebody is who has seen nothing and guesses the middle of the cohort."""
    ages = 30 + np.arange(150) % 50
    columns = [ages / 120, np.log1p(ages) / np.log1p(120), ages >= 60]
    return error(np.array([np.mean(column) for column in columns]))


def test_the_record_cannot_be_read_from_the_wire(here):
    """Read by chance within the margin: about once in 10^4 runs."""
    found, _ = difference(here)
    assert error(read(found)) > FOUND


def test_control_without_noise_the_same_two_answers_are_the_record(here, monkeypatch):
    quiet(monkeypatch)
    found, _ = difference(here)
    assert error(read(found)) < 0.001


def test_a_thousand_draws_of_the_noise_do_worse_than_a_guess(here, monkeypatch):
    """The same attack again and again, which no node allows: the share of draws that read the record."""
    quiet(monkeypatch)
    exact, mechanism = difference(here)
    errors = []
    for _ in range(1_000):
        drawn = [discrete_gaussian(mechanism.sigma_squared, len(exact)) for _ in range(2)]
        errors.append(error(read(exact + drawn[1] - drawn[0])))
    assert np.mean(np.array(errors) < FOUND) < 0.01
    assert np.median(errors) > guessed()
    assert guessed() > FOUND  # a guess alone does not read it either
