"""What would a study cost? The price list that an analyst reads before anybody is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from privacy import accountant
from privacy.computation import PARTS, Finder
from privacy.observers import known
from privacy.programme import NODE_ITSELF, Observer, Place, Programme, programme
from privacy.study import Study


@dataclass(frozen=True)
class Line:
    """One place of the plan; ``epsilon`` is what it would be were it alone, ``cost`` in units of 10^-12 rho.

    ``noise_sd`` is what one node adds, ``total_noise_sd`` what is in the total of a quorum.
    """

    place: int
    sum: str
    people: str
    width: int
    clip: float
    noise_sd: float
    total_noise_sd: float
    cost: int
    epsilon: float


@dataclass(frozen=True)
class Price:
    """A study's price to the person who pays most, whoever asks.

    ``epsilon`` is proven for the discrete Gaussian that is drawn; ``epsilon_if_continuous`` stands beside it for
    comparison only. ``epsilon_against`` goes by who looks and by the number of nodes that know the person: while sums
    are not masked it is the same for all, since each node adds all of the noise. ``most_people`` is how many can be in
    a total before it could wrap.
    """

    study: str
    epsilon_asked: float
    delta: float
    cost: int
    epsilon: float
    epsilon_if_continuous: float
    epsilon_by_part: dict[str, float]
    epsilon_against: dict[Observer, dict[int, float]]
    most_people: int
    lines: tuple[Line, ...]


def price_of(study: Study, finder: Finder) -> Price:
    """Return the price of all places, spares included."""
    plan, delta = programme(study, finder), study.privacy.delta
    cost = plan.cost_to_a_person
    return Price(
        study=study.name,
        epsilon_asked=study.privacy.epsilon,
        delta=delta,
        cost=cost,
        epsilon=accountant.epsilon(cost, delta),
        epsilon_if_continuous=accountant.epsilon_if_continuous(cost, delta),
        epsilon_by_part={part: accountant.epsilon(plan.cost(part), delta) for part in PARTS["everyone"]},
        epsilon_against={each.observer: dict(each.epsilon) for each in known(plan)},
        most_people=min(place.mechanism.most_people(len(study.invited)) for place in plan.places),
        lines=tuple(_line(plan, place) for place in plan.places),
    )


def _line(plan: Programme, place: Place) -> Line:
    drawn, terms = place.mechanism, plan.study.privacy
    return Line(
        place=place.index,
        sum=place.title,
        people=place.people,
        width=drawn.width,
        clip=drawn.clip,
        noise_sd=drawn.noise_sd,
        total_noise_sd=drawn.noise_sd * (math.sqrt(terms.quorum) if place.step != NODE_ITSELF else 1.0),
        cost=drawn.cost,
        epsilon=accountant.epsilon(drawn.cost, terms.delta),
    )


__all__ = ["Line", "Price", "price_of"]
