"""What a plan costs: zero-concentrated differential privacy (zCDP) in whole units, and the epsilon proven for it.

One unit is 10^-12 of rho. Integer noise N_Z(0, s2) on a sum that one person can move by at most D grid units satisfies
rho = D^2 / (2 s2) exactly (Canonne, Kamath and Steinke 2020, theorem 14, several coordinates). zCDP adds up, also when
later requests depend on earlier answers, so the filter is a sum of whole numbers.

The sum of several such draws is no discrete Gaussian, but all but one: Kairouz, Liu and Steinke 2021 (arXiv 2102.06387)
bound the difference. Its theorem takes the lesser of two bounds; the second alone is used here, which can only be more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

UNITS_A_RHO = 10**12
LARGEST_EPSILON = 20.0  # beyond it the promise means nothing; also keeps the searches below bounded
_STEPS = 200
_ROUNDING = 1 + 1e-9  # far more than a few hundred roundings of a float can take away
_LEAST_EXPONENT = -700.0  # below it a float would become zero, which no bound may


@lru_cache(maxsize=4096)
def cost(clip_units: int, sigma_squared: int, *, shares: int = 1, width: int = 1) -> int:
    """Return what one sum costs, in units, rounded up, to whom ``shares`` draws of noise hide it in ``width`` numbers.

    rho = e^2 / 2 with e = D / sqrt(n s2) + tau sqrt(d) for n shares and d numbers; for one share tau is nothing.
    """
    exact = Fraction(clip_units**2, 2 * shares * sigma_squared)
    if shares == 1:
        return math.ceil(exact * UNITS_A_RHO)
    far = _tau(sigma_squared, shares) * math.sqrt(width)
    beyond = (math.sqrt(2 * exact) * far + far**2 / 2) * _ROUNDING
    return math.ceil((exact + Fraction(beyond)) * UNITS_A_RHO)


def cost_at(nodes: int, *, total: int, alone: int) -> int:
    """Return what a person pays whose records are at so many nodes, where one node's people pay ``total`` or ``alone``.

    In a total that several nodes' noise hides, such a person moves so many times as much, which costs the square; but
    never more than the nodes' sums seen one by one, ``alone`` each, from which the total could be made. Where each node
    adds its own full noise, both prices are one, and the costs of several nodes add up.
    """
    return min(nodes**2 * total, nodes * alone)


def sigma_squared_for(clip_units: int, units: int, *, shares: int = 1) -> int:
    """Return the least whole variance of one share, in grid units squared, with which a sum costs at most ``units``.

    Of several shares one unit is kept back: more than their sum can differ from a discrete Gaussian, where a share is
    three grid units or more (``tests/unit/test_shared_noise.py`` tries it).
    """
    least = units if shares == 1 else units - 1
    return -(-(clip_units**2) * UNITS_A_RHO // (2 * shares * least))


def _tau(sigma_squared: int, shares: int) -> float:
    """Return ten times the sum of exp(-2 pi^2 s2 k / (k + 1)) for k below the number of shares, rounded up."""
    exponents = (-2 * math.pi**2 * sigma_squared * k / (k + 1) for k in range(1, shares))
    return 10 * math.fsum(math.exp(max(e, _LEAST_EXPONENT)) for e in exponents) * _ROUNDING


def epsilon(units: int, delta: float) -> float:
    """Return the epsilon proven at ``delta`` for discrete Gaussian sums that cost ``units`` together.

    Canonne, Kamath and Steinke 2020, proposition 12, at the best order found; every order gives a valid bound, so the
    search can only be loose, never wrong.
    """
    if units == 0:
        return 0.0
    rho = units / UNITS_A_RHO

    def bound(log_order: float) -> float:
        order = 1 + math.exp(log_order)
        slack = math.log(1 / delta) + order * math.log1p(-1 / order) - math.log(order - 1)
        return order * rho + slack / (order - 1)

    return max(0.0, bound(_lowest(bound, -3.0, 25.0)))


@lru_cache
def units_for(wanted: float, delta: float) -> int:
    """Return the most units whose proven epsilon at ``delta`` is at most ``wanted``."""
    low, high = 0, UNITS_A_RHO * int(LARGEST_EPSILON + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if epsilon(middle, delta) <= wanted else (low, middle)
    return low


def epsilon_if_continuous(units: int, delta: float) -> float:
    """Return, for comparison only, the exact epsilon of continuous Gaussian noise of the same size.

    Balle and Wang 2018, theorem 8: Gaussian sums compose into one, so no numerical composition is needed.
    """
    if units == 0:
        return 0.0
    mu = math.sqrt(2 * units / UNITS_A_RHO)

    def below(x: float) -> float:  # the normal distribution function; by erfc, so that its tail has digits
        return math.erfc(-x / math.sqrt(2)) / 2

    def excess(e: float) -> float:
        return below(mu / 2 - e / mu) - math.exp(e) * below(-mu / 2 - e / mu) - delta

    low, high = 0.0, 2 * LARGEST_EPSILON + mu**2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function with one valley is lowest, by golden section."""
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(_STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if function(left) < function(right) else (left, high)
    return (low + high) / 2


__all__ = [
    "LARGEST_EPSILON",
    "UNITS_A_RHO",
    "cost",
    "cost_at",
    "epsilon",
    "epsilon_if_continuous",
    "sigma_squared_for",
    "units_for",
]
