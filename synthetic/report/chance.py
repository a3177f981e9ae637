"""What noise and chance alone would show: how far apart two sets of shares are whose cells are off by known amounts."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt

from privacy.arrays import Floats

SIGMAS = 4.0  # standard deviations of noise and chance: what is further off is pointed at


@dataclass(frozen=True)
class Perfect:
    """The total variation that data from the very population would show: its mean and standard deviation."""

    mean: float
    spread: float

    @classmethod
    def of(cls, each: Floats) -> Perfect:
        """Return it for cells whose shares are off by normal errors of these standard deviations, each by itself."""
        return cls(float(each.sum() * sqrt(2 / pi) / 2), float(sqrt((1 - 2 / pi) * (each**2).sum()) / 2))

    def beyond(self, distance: float) -> bool:
        """Say whether a distance is further off than noise and chance explain."""
        return distance > self.mean + SIGMAS * self.spread


__all__ = ["SIGMAS", "Perfect"]
