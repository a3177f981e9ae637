"""A study's plan, priced: every place that will be asked for, with its noise, in whole numbers, alike on both sides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from privacy import accountant
from privacy.arrays import Arrays
from privacy.canonical import Document
from privacy.computation import PARTS, Finder, Part, People, PlannedSum
from privacy.errors import Invalid, Refusal
from privacy.study import Study

UNITS_A_CLIP_AND_ROOT_WIDTH = 1024  # rounding bias grows with people, noise does not: at 64 it showed, here not
LEAST_SIGMA_UNITS = 3  # below it the discrete Gaussian is no longer close to the continuous one
MOST_PLACES = 1_000  # a plan that nobody could read, nor any budget bear
MOST_NUMBERS = 2**20  # in one sum: 8 MiB on the wire; with the grid above, width x clip_units^2 stays below 2^63
LARGEST_SIGMA_SQUARED = 2**53 - 1  # the largest whole number that RFC 8785 can write down
NODES_A_PERSON = (1, 2, 3)  # for how many nodes that know the same person a price is stated
COHORT_SIZE_SHARE = 0.02  # of the study's budget, a number: enough to tell a cohort from an empty room
NODE_ITSELF = "node"  # the step whose sum the node takes for its own judgement; it is charged and never leaves


@dataclass(frozen=True)
class Mechanism:
    """Discrete Gaussian noise on an integer sum: ``clip`` is ``clip_units`` grid units; noise in units squared."""

    width: int
    clip: float
    clip_units: int
    sigma_squared: int

    @property
    def cost(self) -> int:
        """Return the price in units of 10^-12 rho, from the parameters alone."""
        return accountant.cost(self.clip_units, self.sigma_squared)

    @property
    def unit(self) -> float:
        """Return how much one grid unit is worth."""
        return self.clip / self.clip_units

    @property
    def noise_sd(self) -> float:
        """Return the standard deviation of one share of noise, in the contribution's own units."""
        return math.sqrt(self.sigma_squared) * self.unit

    def document(self) -> Document:
        """Return the parameters for ledger, receipt and audit."""
        return {"name": "discrete-gaussian", **asdict(self)}


@dataclass(frozen=True)
class Place:
    """One sum in a study's plan, answered at most once by each node."""

    index: int
    step: str
    sum: str
    occurrence: int
    people: People
    mechanism: Mechanism
    state: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def check_state(self, state: Arrays) -> None:
        """Return if a request's arrays are just those that the plan names, in type and shape; else ``state-wrong``."""
        if {n: (str(a.dtype), a.shape) for n, a in state.items()} != {n: ("float64", s) for n, s in self.state.items()}:
            raise Refusal("state-wrong", self.title)

    @property
    def title(self) -> str:
        """Return a short name for people."""
        return f"{self.step}: {self.sum} {self.occurrence + 1}"


@dataclass(frozen=True)
class Programme:
    """All places of a study in order; the first is the node's own noisy look at the size of its cohort."""

    study: Study
    places: tuple[Place, ...]

    def cost(self, part: Part) -> int:
        """Return what each person of this part of the population pays, in units; spares included."""
        return sum(p.mechanism.cost for p in self.places if part in PARTS[p.people])

    @property
    def cost_to_a_person(self) -> int:
        """Return the most that any one person pays: nobody is both trained on and held back."""
        return max(self.cost("training"), self.cost("held-back"))

    def cost_at(self, nodes: int) -> int:
        """Return the most that a person pays whose records are at several nodes: each adds its own full noise.

        So these are separate releases, whose costs add up. (Shares of one noise would cost the square instead.)
        """
        return nodes * self.cost_to_a_person

    def of(self, step: str, name: str) -> tuple[Place, ...]:
        """Return the places of one sum of one step, in order."""
        return tuple(p for p in self.places if (p.step, p.sum) == (step, name))


def programme(study: Study, finder: Finder) -> Programme:
    """Price a study: split its budget over the planned sums and size each one's noise.

    Every person pays at most the study's epsilon: those trained on and those held back are different people for life,
    so each part of the population has the whole budget, less the cohort size, which both pay.
    """
    budget = accountant.units_for(study.privacy.epsilon, study.privacy.delta)
    look = own_look(study)
    own = int(budget * COHORT_SIZE_SHARE * look.width)
    places = [Place(0, NODE_ITSELF, look.name, 0, "everyone", _mechanism(look, own))]
    weights = {part: sum(s.budget for s in study.steps if part in PARTS[s.people]) for part in PARTS["everyone"]}
    for step in study.steps:
        allowed = int((budget - own) * (step.budget / max(weights[part] for part in PARTS[step.people])))
        sums = finder.find(step.use).plan(study.parameters(step))
        if len(places) + sum(s.times + study.privacy.spares for s in sums) > MOST_PLACES:
            raise Invalid("parameters-wrong", f"step {step.name}: more than {MOST_PLACES} sums")
        for planned in sums:
            units = int(allowed * planned.share / sum(s.share for s in sums)) // (planned.times + study.privacy.spares)
            for occurrence in range(planned.times + study.privacy.spares):
                mechanism = _mechanism(planned, units)
                index = len(places)
                places.append(Place(index, step.name, planned.name, occurrence, step.people, mechanism, planned.state))
    return Programme(study, tuple(places))


def own_look(study: Study) -> PlannedSum:
    """Return the sum that a node takes for its own judgement: the size of its cohort, and how complete its columns are.

    Nobody adds more than 1 to any of its numbers, so one person moves it by at most the root of how many they are.
    Each number has a share of the budget of its own, so that none is noisier for the others.
    """
    width = 1 + len(study.quality)
    complete = ", then for each column of quality the share of the person's rows that have a value"
    meaning = "1, so that the sum counts the people" + (complete if study.quality else "")
    return PlannedSum("cohort-size", meaning, width=width, clip=math.sqrt(width), share=1.0)


def _mechanism(planned: PlannedSum, units: int) -> Mechanism:
    if units < 1:
        raise Invalid("epsilon-too-small", f"nothing is left for {planned.name}")
    if planned.width > MOST_NUMBERS:
        raise Invalid("parameters-wrong", f"sum {planned.name}: more than {MOST_NUMBERS} numbers")
    clip_units = 2 ** math.ceil(math.log2(UNITS_A_CLIP_AND_ROOT_WIDTH * math.sqrt(planned.width)))
    while (sigma_squared := accountant.sigma_squared_for(clip_units, units)) < LEAST_SIGMA_UNITS**2:
        clip_units *= 2
    if sigma_squared > LARGEST_SIGMA_SQUARED:
        raise Invalid("epsilon-too-small", f"too little is left for {planned.name}")
    return Mechanism(planned.width, planned.clip, clip_units, sigma_squared)


__all__ = [
    "COHORT_SIZE_SHARE",
    "LARGEST_SIGMA_SQUARED",
    "LEAST_SIGMA_UNITS",
    "MOST_NUMBERS",
    "MOST_PLACES",
    "NODES_A_PERSON",
    "NODE_ITSELF",
    "UNITS_A_CLIP_AND_ROOT_WIDTH",
    "Mechanism",
    "Place",
    "Programme",
    "own_look",
    "programme",
]
