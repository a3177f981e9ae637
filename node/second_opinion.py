"""What another accountant says of the same noise: Google's dp-accounting, by two methods that are not ours."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version

from privacy.errors import Tampered

PACKAGE = "dp-accounting"
ORDERS = tuple(1 + math.exp(x / 50) for x in range(-150, 900))  # of Rényi divergence: 1.05 to 10^8
SLACK = 1e-3  # of an epsilon: how coarsely the loss distribution is cut into steps
MOST_PRICES = 100  # different ones that are composed one by one, some 20 ms each; the cheapest beyond are taken as one


@dataclass(frozen=True)
class Opinion:
    """Epsilon by Rényi divergence, a bound; and by the loss distribution of continuous Gaussian noise, exactly."""

    renyi: float
    loss_distribution: float

    def require(self, epsilon: float) -> None:
        """Return unless our ``epsilon`` promises more than the exact one of continuous noise: ``accountants-differ``.

        What we prove holds for continuous noise of the same size too, so a smaller figure would be an error of ours.
        """
        if epsilon < self.loss_distribution * (1 - SLACK) - SLACK:
            raise Tampered("accountants-differ", f"{epsilon:.4f} here, {self.loss_distribution:.4f} there")


def installed() -> str:
    """Return the version of the other accountant, or an empty text where nobody installed it."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""


def opinion(sums: Mapping[Fraction, int], delta: float) -> Opinion:
    """Return what dp-accounting makes of Gaussian sums, each given by its zCDP rho and how often it was taken.

    Beyond ``MOST_PRICES`` different ones, the cheapest are given to it as the one Gaussian sum that they amount to.
    """
    if not sums:
        return Opinion(0.0, 0.0)
    from dp_accounting import GaussianDpEvent, NeighboringRelation, SelfComposedDpEvent  # noqa: PLC0415 - optional
    from dp_accounting.pld.pld_privacy_accountant import PLDAccountant  # noqa: PLC0415 - as above
    from dp_accounting.rdp import RdpAccountant  # noqa: PLC0415 - as above

    renyi = RdpAccountant(ORDERS, NeighboringRelation.ADD_OR_REMOVE_ONE)
    exact = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE)
    for rho, times in _at_most(MOST_PRICES, sums).items():
        noise_over_clip = math.sqrt(1 / (2 * rho))
        event = SelfComposedDpEvent(GaussianDpEvent(noise_over_clip), times)
        renyi.compose(event)
        exact.compose(event)
    return Opinion(float(renyi.get_epsilon(delta)), float(exact.get_epsilon(delta)))


def _at_most(prices: int, sums: Mapping[Fraction, int]) -> Mapping[Fraction, int]:
    dearest = sorted(sums, reverse=True)
    together = sum((rho * sums[rho] for rho in dearest[prices - 1 :]), Fraction(0))
    if len(sums) <= prices:
        return sums
    return Counter({rho: sums[rho] for rho in dearest[: prices - 1]}) + Counter({together: 1})


__all__ = ["MOST_PRICES", "ORDERS", "PACKAGE", "SLACK", "Opinion", "installed", "opinion"]
