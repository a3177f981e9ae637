"""What a plan costs: zero-concentrated differential privacy (zCDP) in whole units, and the epsilon proven for it.

One unit is 10^-12 of rho. Integer noise N_Z(0, s2) on a sum that one person can move by at most D grid units satisfies
rho = D^2 / (2 s2) exactly (Canonne, Kamath and Steinke 2020, theorem 14, several coordinates). zCDP adds up, also when
later requests depend on earlier answers, so the filter is a sum of whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

UNITS_A_RHO = 10**12
LARGEST_EPSILON = 20.0  # beyond it the promise means nothing; also keeps the searches below bounded
_STEPS = 200


def cost(clip_units: int, sigma_squared: int) -> int:
    """Return what one sum costs, in units, rounded up."""
    return -(-(clip_units**2) * UNITS_A_RHO // (2 * sigma_squared))


def sigma_squared_for(clip_units: int, units: int) -> int:
    """Return the least whole noise variance, in grid units squared, that costs at most ``units``."""
    return -(-(clip_units**2) * UNITS_A_RHO // (2 * units))


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
    "epsilon",
    "epsilon_if_continuous",
    "sigma_squared_for",
    "units_for",
]
