"""A programme against falls, offered to some of those with frailty: its effect and everybody's chance are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.figures import LAST_YEAR, Figures
from synthetic.lives.traits import Traits, held_at

# Rate ratio of falls with balance and functional exercises; Sherrington and others, Cochrane review, 2019: 0.77 for
# exercise of all kinds (95% interval 0.71 to 0.83)
RATE_RATIO = 0.77
LEAST_AGE = 65
BEGUN_WITHIN = 90  # days before the index date
# Log odds of being offered it, ours: more after falls, less in deprived places, and so confounded with the outcome
AFTER_A_FALL, DEPRIVED, FEMALE, ALONE = 0.9, -0.7, 0.2, -0.3
USUAL = -0.05  # about the mean of the sum of these, so that the part offered is near to the one asked for


@dataclass(frozen=True)
class Offer:
    """Who could be offered the programme, how likely each was to be, and who was (and began it)."""

    planned: bool
    eligible: NDArray[np.bool_]
    chance: NDArray[np.float64]
    offered: NDArray[np.bool_]

    @property
    def rate_ratio(self) -> NDArray[np.float64]:
        """Return what each person's rate of falls is multiplied by."""
        return np.where(self.offered, RATE_RATIO, 1.0)


def offer(
    part: float,
    *,
    who: Traits,
    figures: Figures,
    onset: NDArray[np.int32],
    contacts: NDArray[np.float32],
    day: int,
    rng: np.random.Generator,
) -> Offer:
    """Return who was offered the programme before ``day``: about ``part`` of those of 65 and over with frailty."""
    frail = held_at(onset[:, figures.condition("frailty")], day)
    eligible = frail & (who.years(day) >= LEAST_AGE)
    fell = np.minimum(contacts[:, LAST_YEAR.index("falls-last-year")], 2)
    female, deprived, alone = (who.fixed[:, figures.term(name)] for name in ("female", "deprived", "alone"))
    log_odds = AFTER_A_FALL * fell + DEPRIVED * deprived + FEMALE * female + ALONE * alone - USUAL
    with np.errstate(divide="ignore"):
        log_odds = log_odds.astype(float) + np.log(part) - np.log1p(-part)
    chance = eligible / (1 + np.exp(-log_odds))
    return Offer(part > 0, eligible, chance, rng.random(len(chance)) < chance)


__all__ = ["BEGUN_WITHIN", "LEAST_AGE", "RATE_RATIO", "Offer", "offer"]
