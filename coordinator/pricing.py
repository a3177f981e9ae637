"""What would a study cost? The price list that an analyst reads before anybody is asked."""

from __future__ import annotations

from dataclasses import dataclass

from privacy import accountant
from privacy.computation import PARTS, Finder
from privacy.programme import NODES_A_PERSON, Place, programme
from privacy.study import Study


@dataclass(frozen=True)
class Line:
    """One place of the plan; ``epsilon`` is what it would be were it alone, ``cost`` in units of 10^-12 rho."""

    place: int
    sum: str
    people: str
    width: int
    clip: float
    noise_sd: float
    cost: int
    epsilon: float


@dataclass(frozen=True)
class Price:
    """A study's price to the person who pays most, whoever asks.

    ``epsilon`` is proven for the discrete Gaussian that is drawn; ``epsilon_if_continuous`` stands beside it for
    comparison only. ``epsilon_known_to`` goes by the number of nodes that know the person, against those who see only
    totals; ``epsilon_known_to_coordinator`` against the coordinator. While sums are not masked the two are the same:
    each node adds all of the noise.
    """

    study: str
    epsilon_asked: float
    delta: float
    cost: int
    epsilon: float
    epsilon_if_continuous: float
    epsilon_by_part: dict[str, float]
    epsilon_known_to: dict[int, float]
    epsilon_known_to_coordinator: dict[int, float]
    lines: tuple[Line, ...]


def price_of(study: Study, finder: Finder) -> Price:
    """Return the price of all places, spares included."""
    plan, delta = programme(study, finder), study.privacy.delta
    cost = plan.cost_to_a_person
    known_to = {m: accountant.epsilon(plan.cost_at(m), delta) for m in NODES_A_PERSON}
    return Price(
        study=study.name,
        epsilon_asked=study.privacy.epsilon,
        delta=delta,
        cost=cost,
        epsilon=accountant.epsilon(cost, delta),
        epsilon_if_continuous=accountant.epsilon_if_continuous(cost, delta),
        epsilon_by_part={part: accountant.epsilon(plan.cost(part), delta) for part in PARTS["everyone"]},
        epsilon_known_to=known_to,
        epsilon_known_to_coordinator=dict(known_to),  # MASKINGS has one word yet
        lines=tuple(_line(place, delta) for place in plan.places),
    )


def _line(place: Place, delta: float) -> Line:
    drawn = place.mechanism
    alone = accountant.epsilon(drawn.cost, delta)
    return Line(place.index, place.title, place.people, drawn.width, drawn.clip, drawn.noise_sd, drawn.cost, alone)


__all__ = ["Line", "Price", "price_of"]
