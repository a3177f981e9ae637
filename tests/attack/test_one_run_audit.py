"""Guess in one run which of a thousand planted people were there: is epsilon what the plan says?

Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run" (NeurIPS 2023): each canary is in with the
toss of a coin; the attacker guesses the surest, may abstain, and too many right guesses disprove an epsilon. It finds
gross faults, such as a tenth of the noise. Half of the noise it misses; what finds that is the noise of canaries who
are never there, measured in ``tests/statistical/test_noise.py``. Neither replaces the other.
"""

import numpy as np
import pytest
from scipy import stats

from privacy import accountant
from privacy.computation import Ask
from privacy.noise import discrete_gaussian
from privacy.private_sum import PrivateSum
from tests.builders import DOCUMENT, FINDER, batch_of, plan_of, small_study

CANARIES, GUESSES, DELTA = 1_000, 300, 1e-5
BINS = CANARIES // 2
DISPROVED = 0.01  # a proof of nothing less; a right node is at least 4.5 standard deviations from it: 1 in 10^5
WEIGHTS = {"weights": np.array([4.0, 0.0, -4.0])}  # a canary of age a scores 4a - 4: each in a cell of its own


def planted(epsilon, **masking):
    """Return the one sum that sees the canaries, of a study of this epsilon."""
    steps = [DOCUMENT["steps"][0], DOCUMENT["steps"][1] | {"parameters": {"bins": BINS}}]
    study = small_study(steps=steps, privacy={"epsilon": epsilon, "delta": DELTA, "spares": 1, "quorum": 3} | masking)
    return study, plan_of(study).of("evaluation", "scores-by-outcome")[0]


def right_guesses(study, place, *, noise, seed):
    """Toss for each canary, take one release, and say of how many of the surest guesses the attacker is right."""
    there = np.random.default_rng(seed).random(CANARIES) < 0.5
    ages, outcomes = np.tile((np.arange(BINS) + 0.5) / BINS, 2), np.repeat([0.0, 1.0], BINS)
    mine = {"age": ages[there], "visits": np.zeros(there.sum()), "admitted": outcomes[there]}
    batch = batch_of([1] * int(there.sum()), mine)
    step = study.step("evaluation")
    rows = FINDER.find(step.use).contributions(study.parameters(step), Ask(place.sum, WEIGHTS), batch)
    private = PrivateSum(place.mechanism)
    private.add(rows, people=batch.people)
    seen = private.noised(noise).view(np.int64) * place.mechanism.unit
    surest = np.argsort(seen)
    out, within = surest[: GUESSES // 2], surest[-GUESSES // 2 :]
    return int(np.count_nonzero(~there[out]) + np.count_nonzero(there[within]))


def chance(right, epsilon, delta=DELTA):
    """Return the most likely that ``right`` of ``GUESSES`` guesses are right under (epsilon, delta); their theorem 5.2.

    Right guesses are at most binomial with e^epsilon / (1 + e^epsilon), save for delta: with it, the tail may be
    pushed up by so many guesses that i of them cost 2 m delta / i.
    """
    of = stats.binom(GUESSES, 1 / (1 + np.exp(-epsilon)))
    below = np.cumsum(of.pmf(np.arange(right - 1, -1, -1)))  # of reaching at least right - i, for i from 1
    pushed = (below / np.arange(1, right + 1)).max(initial=0.0)
    return min(1.0, float(of.sf(right - 1) + 2 * CANARIES * delta * pushed))


def lower_bound(right):
    """Return the largest epsilon that so many right guesses disprove."""
    found = [float(e) for e in np.arange(0, 8, 0.02) if chance(right, e) < DISPROVED]
    return max(found, default=0.0)


def shares_of(count, by=1.0):
    """Return the noise of so many nodes' shares together, ``by`` times too large or too small."""

    def noise(sigma_squared, width):
        drawn = discrete_gaussian(max(1, int(sigma_squared * by**2)), count * width)
        return drawn.reshape(count, width).sum(axis=0)

    return noise


def views(epsilon):
    """Yield each who looks: the study, the sum, how many shares of noise they see, and the epsilon charged for them."""
    study, place = planted(epsilon)
    yield study, place, 1, accountant.epsilon(place.mechanism.cost, DELTA)
    study, place = planted(epsilon, masking="secure-aggregation")
    drawn = place.mechanism
    yield study, place, drawn.honest, accountant.epsilon(drawn.cost, DELTA)  # c colluders and the coordinator
    yield study, place, 1, accountant.epsilon(drawn.cost_unmasked, DELTA)  # the coordinator, had it broken all masks


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
def test_the_guesses_do_not_disprove_the_epsilon_that_is_charged(epsilon):
    for study, place, shares, charged in views(epsilon):
        right = right_guesses(study, place, noise=shares_of(shares), seed=1)
        assert chance(right, charged) > DISPROVED
        assert lower_bound(right) <= charged


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("by", [0.1, 1e-6])
def test_control_a_tenth_of_the_noise_and_none_are_found_out(epsilon, by):
    for study, place, shares, charged in views(epsilon):
        right = right_guesses(study, place, noise=shares_of(shares, by), seed=2)
        assert chance(right, charged) < DISPROVED
        assert lower_bound(right) > charged


def test_the_bound_is_the_binomials_when_delta_is_nothing():
    assert chance(300, 1.0, 0.0) == pytest.approx((1 / (1 + np.exp(-1.0))) ** 300)
    assert chance(0, 1.0, 0.0) == 1.0
    assert chance(200, 1.0, 1e-5) > chance(200, 1.0, 0.0)
