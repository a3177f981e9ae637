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
    def of(cls, each: Floats, free: int) -> Perfect:
        """Return it for cells whose shares are off by normal errors of these standard deviations.

        ``free`` is in how many directions the cells can be off: of two keys one is off as far as the other, so a table
        of two by two has but one that its columns leave open. Cells that go together make the spread larger.
        """
        spread = (1 - 2 / pi) * (each**2).sum() * len(each) / max(free, 1)
        return cls(float(each.sum() * sqrt(2 / pi) / 2), float(sqrt(spread) / 2))

    def beyond(self, distance: float) -> bool:
        """Say whether a distance is further off than noise and chance explain."""
        return distance > self.mean + SIGMAS * self.spread


__all__ = ["SIGMAS", "Perfect"]
