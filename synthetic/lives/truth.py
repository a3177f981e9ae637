"""The use cases: for each, who could have the outcome in the year of follow-up, how likely it was, and who had it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.figures import LAST_YEAR, Figures
from synthetic.lives.hazards import FALLS_ADMITTED, FALLS_AT_GP, Hazards
from synthetic.lives.intervention import RATE_RATIO, Offer
from synthetic.lives.outcomes import Outcome, at_least, none_and_alive, outcome, within_a_year
from synthetic.lives.traits import NEVER, Traits
from synthetic.recipe import Recipe

ADULT, OLD = 18, 65  # years
YOUNG = (11, 24)  # years of age, of youth mental health
HIGH = 3  # kinds of service of the five within the year
SERVICES = ("mental-health", "social-care", "housing", "police")  # and emergency care
NEEDS = ("autism", "learning-disability")
USE_CASES = (
    "falls",
    "smi-diabetes",
    "unplanned-admission",
    "high-intensity",
    "unmet-need",
    "youth-mental-health",
    "out-of-contact",
    "places",
)
# Where a programme is planted
PROGRAMME = ("intervention", "intervention-offered", "intervention-with", "intervention-without")
_LAST_CARE = LAST_YEAR.index("mental-health-last-year")


@dataclass(frozen=True)
class Known:
    """What the follow-up starts from: conditions and last year's contacts at ``day``, and the rates they give.

    ``recorded`` are the rates of new conditions that will be put on record.
    """

    figures: Figures
    who: Traits
    onset: NDArray[np.int32]
    contacts: NDArray[np.float32]
    rates: Hazards
    recorded: NDArray[np.float64]
    offer: Offer
    day: int

    def rate(self, *processes: str) -> NDArray[np.float64]:
        """Return the summed rate of processes."""
        places = [self.figures.process(key) for key in processes]
        return np.asarray(self.rates.contacts[:, places].sum(axis=1))

    def has(self, *conditions: str) -> NDArray[np.bool_]:
        """Return who has any of these at the start."""
        places = [self.figures.condition(key) for key in conditions]
        return np.asarray((self.onset[:, places] != NEVER).any(axis=1))


def outcomes_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of the outcomes whose truth a recipe gives: use cases, and the programme where it is offered."""
    return (*USE_CASES, *(PROGRAMME if recipe.intervention else ()))


def truths(known: Known, after: NDArray[np.float32], died: NDArray[np.int32]) -> Mapping[str, Outcome]:
    """Return the truth of each use case, given the contacts and deaths of the follow-up."""
    came = {name.removesuffix("-last-year"): after[:, place] > 0 for place, name in enumerate(LAST_YEAR)}
    age, death, rate, has = known.who.years(known.day), known.rates.death, known.rate, known.has
    everybody, adult, alive = np.ones(len(age), bool), age >= ADULT, died < 0
    at_gp = rate("gp") + FALLS_AT_GP * rate("fall") + known.recorded.sum(axis=1)
    admitted = rate("emergency") + FALLS_ADMITTED * rate("fall")
    emergency = rate("ed", "emergency") + (1 - FALLS_AT_GP) * rate("fall")
    kinds = np.stack([emergency, *(rate(key) for key in SERVICES)], axis=1)
    used = (came["ed"] | came["admissions"]).astype(int) + sum(came[key] for key in SERVICES)
    cared = rate("community", "mental-health", "social-care")
    quiet = ~(came["gp"] | came["community"])
    unseen = quiet & ~(came["mental-health"] | came["social-care"])
    new_to_care = (age >= YOUNG[0]) & (age <= YOUNG[1]) & (known.contacts[:, _LAST_CARE] == 0)
    return {
        "falls": outcome(age >= OLD, within_a_year(rate("fall"), death), came["falls"]),
        "smi-diabetes": outcome(
            adult & has("smi") & has("type-2-diabetes"),
            within_a_year(emergency, death),
            came["ed"] | came["admissions"],
        ),
        "unplanned-admission": outcome(adult, within_a_year(admitted, death), came["admissions"]),
        "high-intensity": outcome(adult, at_least(HIGH, kinds, death), used >= HIGH),
        "unmet-need": outcome(adult & has(*NEEDS), none_and_alive(at_gp + cared, death), unseen & alive),
        "youth-mental-health": outcome(new_to_care, within_a_year(rate("mental-health"), death), came["mental-health"]),
        "out-of-contact": outcome(~adult, none_and_alive(at_gp + rate("community"), death), quiet & alive),
        "places": outcome(everybody, within_a_year(emergency, death), came["ed"] | came["admissions"]),
        **(_programme(known, came["falls"]) if known.offer.planned else {}),
    }


def _programme(known: Known, fell: NDArray[np.bool_]) -> Mapping[str, Outcome]:
    """Return the truth of the programme: as it was, who was offered it, and falls in either arm of everybody.

    In an arm, only those who were in it can have fallen.
    """
    offer, death = known.offer, known.rates.death
    rate = known.rate("fall")
    without = rate / offer.rate_ratio
    return {
        "intervention": outcome(offer.eligible, within_a_year(rate, death), fell),
        "intervention-offered": outcome(offer.eligible, offer.chance, offer.offered),
        "intervention-with": outcome(offer.eligible, within_a_year(RATE_RATIO * without, death), fell & offer.offered),
        "intervention-without": outcome(offer.eligible, within_a_year(without, death), fell & ~offer.offered),
    }


__all__ = [
    "ADULT",
    "HIGH",
    "NEEDS",
    "OLD",
    "PROGRAMME",
    "SERVICES",
    "USE_CASES",
    "YOUNG",
    "Known",
    "outcomes_of",
    "truths",
]
