"""Ask the same again and again, or before and after somebody leaves: an attacker learns what was paid for, and no more.

The attacker knows everything but whether one person is there, and uses the best guess there is: the average of all that
was answered, against the middle. Gaussian noise of cost rho lets it be right with chance Phi(sqrt(2 rho) / 2) at most.
"""

import math

import numpy as np
import pytest

from privacy import accountant
from privacy.accountant import UNITS_A_RHO
from privacy.errors import Refusal
from privacy.noise import discrete_gaussian
from privacy.private_sum import PrivateSum
from tests.builders import NOW, a_place, books

TRIALS = 2_000
EPSILON, DELTA = 2.0, 1e-5
AFFORDED = 10  # answers that the lifetime budget holds
BUDGET = accountant.units_for(EPSILON, DELTA)
CLIP_UNITS = 1_024
PLACE = a_place(
    width=1, clip_units=CLIP_UNITS, sigma_squared=accountant.sigma_squared_for(CLIP_UNITS, BUDGET // AFFORDED)
)


def answers_until_refused(path, *, ceiling):
    """Ask the same in one study after another, each approved and charged; return how many were answered, at most 99."""
    kept = books(path, ceiling=ceiling)
    for n in range(99):
        try:
            kept.ledger.charge(f"sha256:{n:064x}", PLACE, f"request-{n}", at=NOW)
        except Refusal:
            return n
    return 99


def accuracy(mechanism, answers, *, noise=discrete_gaussian):
    """Return how often the attacker is right about one person, by the average of so many answers."""
    drawn = noise(mechanism.sigma_squared, TRIALS * answers).reshape(TRIALS, answers)
    there = np.arange(TRIALS) % 2
    seen = (drawn + there[:, None] * mechanism.clip_units).mean(axis=1)
    return float(np.mean((seen > mechanism.clip_units / 2) == there))


def allowed(units):
    """Return the best chance that so many units of 10^-12 rho allow, with five standard deviations of the trials."""
    best = 0.5 * math.erfc(-math.sqrt(2 * units / UNITS_A_RHO) / 2 / math.sqrt(2))
    return best, 5 * math.sqrt(best * (1 - best) / TRIALS)


def test_the_same_question_in_study_after_study_is_refused_when_the_budget_is_spent(tmp_path):
    """False alarms: one in 10^6."""
    answers = answers_until_refused(tmp_path, ceiling=BUDGET)
    assert answers == AFFORDED
    best, slack = allowed(BUDGET)
    assert best - slack < accuracy(PLACE.mechanism, answers) < best + slack  # the price is neither too low nor too high


def test_control_without_a_ceiling_the_average_tells_who_is_there(tmp_path):
    answers = answers_until_refused(tmp_path, ceiling=BUDGET * 1_000)
    best, slack = allowed(BUDGET)
    assert answers == 99
    assert accuracy(PLACE.mechanism, answers) > best + slack


@pytest.mark.parametrize("sigmas", [1.0, 3.0])
def test_before_and_after_somebody_opts_out_costs_two_answers_and_tells_as_much(sigmas):
    """The difference of two answers has the noise of both: worse than the average of two that have the person."""
    mechanism = a_place(width=1, clip_units=1_024, sigma_squared=int((sigmas * 1_024) ** 2)).mechanism
    there = np.arange(TRIALS) % 2
    differences = []
    for present in there:
        sums = []
        for here in (present, 0):  # with the person, if they ever were here, then without
            private = PrivateSum(mechanism)
            private.add(np.full((1, 1), here * mechanism.clip), people=1)
            sums.append(int(private.noised().view(np.int64)[0]))
        differences.append(sums[0] - sums[1])
    right = float(np.mean((np.array(differences) > mechanism.clip_units / 2) == there))
    best, slack = allowed(2 * mechanism.cost)
    assert right < best + slack
    quiet = [int(p) * mechanism.clip_units for p in there]  # the control: without noise, it tells all of them
    assert np.mean((np.array(quiet) > mechanism.clip_units / 2) == there) == 1.0
