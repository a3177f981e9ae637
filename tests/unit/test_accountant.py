"""Whole units that never overspend, and an epsilon that two independent accountants agree is not too small."""

import math

import pytest
from dp_accounting import GaussianDpEvent, NeighboringRelation, SelfComposedDpEvent
from dp_accounting.pld import privacy_loss_distribution
from dp_accounting.pld.pld_privacy_accountant import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from privacy import accountant
from privacy.accountant import UNITS_A_RHO

DELTAS = (1e-4, 1e-5, 1e-6, 1e-9)
RHOS = (1e-6, 1e-4, 0.003, 0.05, 0.3, 1.0, 4.0)
clip_units = st.integers(1, 2**20)
units = st.integers(1, 20 * UNITS_A_RHO)


def by_rdp(units_spent, delta):
    """Return dp-accounting's epsilon for Gaussian noise of that zCDP, at orders as fine as ours."""
    orders = [1 + math.exp(x / 50) for x in range(-150, 900)]
    rdp = RdpAccountant(orders, NeighboringRelation.ADD_OR_REMOVE_ONE)
    rdp.compose(GaussianDpEvent(math.sqrt(UNITS_A_RHO / (2 * units_spent))))
    return rdp.get_epsilon(delta)


def by_pld(units_spent, delta, times=1):
    pld = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE)
    each = GaussianDpEvent(math.sqrt(times * UNITS_A_RHO / (2 * units_spent)))
    pld.compose(SelfComposedDpEvent(each, times) if times > 1 else each)
    return pld.get_epsilon(delta)


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("rho", RHOS)
def test_epsilon_agrees_with_renyi_accounting(rho, delta):
    spent = int(rho * UNITS_A_RHO)
    ours, theirs = accountant.epsilon(spent, delta), by_rdp(spent, delta)
    assert ours <= theirs * (1 + 1e-9) + 1e-12  # theirs is over a grid of orders, and skips very large ones
    assert ours == pytest.approx(theirs, rel=2e-3, abs=2e-6)


@pytest.mark.parametrize("delta", DELTAS[:3])
@pytest.mark.parametrize("rho", RHOS[2:6])
def test_epsilon_is_never_below_what_the_exact_loss_distribution_gives(rho, delta):
    spent = int(rho * UNITS_A_RHO)
    exact = accountant.epsilon_if_continuous(spent, delta)
    assert exact == pytest.approx(by_pld(spent, delta), rel=1e-3, abs=2e-4)
    assert accountant.epsilon(spent, delta) >= exact


def test_many_sums_cost_what_one_large_one_costs():
    spent = UNITS_A_RHO // 4
    assert accountant.epsilon_if_continuous(spent, 1e-5) == pytest.approx(by_pld(spent, 1e-5, times=6), rel=2e-3)


@pytest.mark.parametrize("rho", [0.1, 1.0])
def test_epsilon_is_not_below_the_discrete_gaussian_s_own_loss_distribution(rho):
    sensitivity, sigma = 1, math.sqrt(1 / (2 * rho))
    discrete = privacy_loss_distribution.from_discrete_gaussian_mechanism(sigma, sensitivity)
    assert accountant.epsilon(int(rho * UNITS_A_RHO), 1e-5) >= discrete.get_epsilon_for_delta(1e-5)


@given(spent=units, delta=st.sampled_from(DELTAS))
def test_epsilon_is_at_most_the_simple_formula(spent, delta):
    rho = spent / UNITS_A_RHO
    assert accountant.epsilon(spent, delta) <= rho + 2 * math.sqrt(rho * math.log(1 / delta)) + 1e-12


@given(spent=units, more=units, delta=st.sampled_from(DELTAS))
def test_spending_more_never_costs_less(spent, more, delta):
    assert accountant.epsilon(spent, delta) <= accountant.epsilon(spent + more, delta) + 1e-9
    assert accountant.epsilon(spent, delta) >= accountant.epsilon(spent, delta * 2) - 1e-9


def test_continuous_epsilon_has_digits_in_the_far_tail():
    """A normal distribution function by erf has none there, and what is multiplied by e^40 is its error."""
    for rho, delta in ((2.0, 1e-9), (9.0, 1e-5), (30.0, 1e-5), (1.0, 1e-12)):
        mu, exact = math.sqrt(2 * rho), accountant.epsilon_if_continuous(int(rho * UNITS_A_RHO), delta)
        tail = norm.cdf(mu / 2 - exact / mu) - math.exp(exact + norm.logcdf(-mu / 2 - exact / mu))
        assert tail == pytest.approx(delta, rel=1e-4)


@given(clip=clip_units, allotted=units)
def test_what_is_charged_never_exceeds_what_was_allotted(clip, allotted):
    sigma_squared = accountant.sigma_squared_for(clip, allotted)
    assert isinstance(sigma_squared, int)
    assert sigma_squared >= 1
    charged = accountant.cost(clip, sigma_squared)
    assert isinstance(charged, int)
    assert charged <= allotted
    # and it is the least whole variance: one less would cost more
    if sigma_squared > 1:
        assert clip**2 * UNITS_A_RHO > allotted * 2 * (sigma_squared - 1)


@given(clip=clip_units, sigma_squared=st.integers(1, 2**60))
def test_a_cost_is_rounded_up_so_that_it_is_never_free(clip, sigma_squared):
    charged = accountant.cost(clip, sigma_squared)
    assert charged >= 1
    assert (charged - 1) * 2 * sigma_squared < clip**2 * UNITS_A_RHO <= charged * 2 * sigma_squared


@given(wanted=st.floats(1e-3, accountant.LARGEST_EPSILON), delta=st.sampled_from(DELTAS))
def test_units_for_is_the_inverse_of_epsilon(wanted, delta):
    spent = accountant.units_for(wanted, delta)
    assert accountant.epsilon(spent, delta) <= wanted
    assert accountant.epsilon(spent + max(2, spent // 10**6), delta) > wanted


def test_nothing_spent_is_nothing_lost():
    assert accountant.epsilon(0, 1e-5) == accountant.epsilon_if_continuous(0, 1e-5) == 0
