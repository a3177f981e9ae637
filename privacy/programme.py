"""A study's plan, priced: every place that will be asked for, with its noise, in whole numbers, alike on both sides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

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
NOISE_REACH = 40  # standard deviations: beyond lies less than one draw in 10^347 (sub-Gaussian tail, exp(-t^2 / 2))
LARGEST_SIGMA_SQUARED = 2**53 - 1  # the largest whole number that RFC 8785 can write down
NODES_A_PERSON = (1, 2, 3)  # for how many nodes that know the same person a price is stated
COHORT_SIZE_SHARE = 0.02  # of the study's budget, a number: enough to tell a cohort from an empty room
NODE_ITSELF = "node"  # the step whose sum the node takes for its own judgement; it is charged and never leaves

Observer = Literal["outsider", "participant", "colluders", "coordinator"]
# who sees only totals; a node, which knows its own share of the noise; as many nodes as may work together, and the
# coordinator with them; and the coordinator that has broken the masks
OBSERVERS: tuple[Observer, ...] = ("outsider", "participant", "colluders", "coordinator")
CHARGED_FOR: Mapping[str, Observer] = {"outside": "colluders", "coordinator": "coordinator"}  # by the ledger's view


@dataclass(frozen=True)
class Mechanism:
    """Discrete Gaussian noise on an integer sum: ``clip`` is ``clip_units`` grid units; noise in units squared.

    ``sigma_squared`` is what one node adds. ``honest`` nodes' noise at least hides a person in every total that anybody
    can read, whoever colludes; 1 where each node adds all of the noise and no sum is masked.
    """

    width: int
    clip: float
    clip_units: int
    sigma_squared: int
    honest: int = 1

    @property
    def cost(self) -> int:
        """Return the price in units of 10^-12 rho, from the parameters alone, while masks hold."""
        return self.cost_behind(self.honest)

    @property
    def cost_unmasked(self) -> int:
        """Return the price against who can read this node's own sum: the coordinator, should masks be broken."""
        return self.cost_behind(1)

    def cost_behind(self, shares: int) -> int:
        """Return the price against who sees a total in which so many shares of noise are unknown to them."""
        return accountant.cost(self.clip_units, self.sigma_squared, shares=shares, width=self.width)

    @property
    def unit(self) -> float:
        """Return how much one grid unit is worth."""
        return self.clip / self.clip_units

    @property
    def noise_sd(self) -> float:
        """Return the standard deviation of one share of noise, in the contribution's own units."""
        return math.sqrt(self.sigma_squared) * self.unit

    def most_people(self, nodes: int) -> int:
        """Return how many people's sum stays within the ring of 2^64, the noise of so many nodes included.

        A person at several nodes counts at each. Beyond it a total could wrap: wrong, and no less private.
        """
        noise = math.ceil(NOISE_REACH * math.sqrt(nodes * self.sigma_squared))
        return (2**63 - 1 - noise) // self.clip_units

    def document(self) -> Document:
        """Return the parameters for ledger, receipt and audit; ``honest`` only where noise is shared."""
        parameters = {name: value for name, value in asdict(self).items() if (name, value) != ("honest", 1)}
        return {"name": "discrete-gaussian", **parameters}


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

    def cost_behind(self, shares: int, nodes: int = 1) -> int:
        """Return what a person pays whose records are at so many nodes, against who sees totals as in ``Mechanism``."""
        shares = 1 if self.step == NODE_ITSELF else shares  # it never leaves, so nobody else's noise hides it
        mechanism = self.mechanism
        return accountant.cost_at(nodes, total=mechanism.cost_behind(shares), alone=mechanism.cost_unmasked)

    @property
    def title(self) -> str:
        """Return a short name for people."""
        return f"{self.step}: {self.sum} {self.occurrence + 1}"


@dataclass(frozen=True)
class Programme:
    """All places of a study in order; the first is the node's own noisy look at the size of its cohort."""

    study: Study
    places: tuple[Place, ...]

    def cost(self, part: Part, observer: Observer = "colluders", nodes: int = 1) -> int:
        """Return what each person of this part of the population pays, in units; spares included.

        Against whom, and known to how many nodes, can be said; the ledger charges for ``CHARGED_FOR``.
        """
        shares = self.shares(observer)
        return sum(p.cost_behind(shares, nodes) for p in self.places if part in PARTS[p.people])

    def shares(self, observer: Observer) -> int:
        """Return how many shares of noise at least are unknown to an observer of the totals; 1 without masks."""
        terms = self.study.privacy
        if not terms.masked:
            return 1
        known = {"outsider": 0, "participant": 1, "colluders": terms.colluders, "coordinator": terms.quorum - 1}
        return terms.quorum - known[observer]

    @property
    def cost_to_a_person(self) -> int:
        """Return the most that any one person pays: nobody is both trained on and held back."""
        return max(self.cost("training"), self.cost("held-back"))

    def cost_at(self, nodes: int, observer: Observer = "colluders") -> int:
        """Return the most that a person pays whose records are at so many nodes."""
        return max(self.cost("training", observer, nodes), self.cost("held-back", observer, nodes))

    def of(self, step: str, name: str) -> tuple[Place, ...]:
        """Return the places of one sum of one step, in order."""
        return tuple(p for p in self.places if (p.step, p.sum) == (step, name))


def programme(study: Study, finder: Finder) -> Programme:
    """Price a study: split its budget over the planned sums and size each one's noise.

    Every person pays at most the study's epsilon: those trained on and those held back are different people for life,
    so each part of the population has the whole budget, less the cohort size, which both pay. Under masks each node
    adds the share of it that is left to it, or what keeps the study's ``epsilon_unmasked``, whichever is more.
    """
    terms = study.privacy
    budget = accountant.units_for(terms.epsilon, terms.delta)
    unmasked = accountant.units_for(terms.epsilon_unmasked, terms.delta) if terms.masked else budget
    own, places = _for_own_look(study), [own_place(study)]
    weights = {part: sum(s.budget for s in study.steps if part in PARTS[s.people]) for part in PARTS["everyone"]}
    for step in study.steps:
        part_of_all = step.budget / max(weights[part] for part in PARTS[step.people])
        allowed, at_worst = (int((units - own) * part_of_all) for units in (budget, unmasked))
        sums = finder.find(step.use).plan(study.parameters(step))
        if len(places) + sum(s.times + terms.spares for s in sums) > MOST_PLACES:
            raise Invalid("parameters-wrong", f"step {step.name}: more than {MOST_PLACES} sums")
        for planned in sums:
            times, all_shares = planned.times + terms.spares, sum(s.share for s in sums)
            units, least = (int(u * planned.share / all_shares) // times for u in (allowed, at_worst))
            mechanism = _mechanism(planned, units, honest=terms.honest, unmasked=least)
            for occurrence in range(times):
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


def own_place(study: Study) -> Place:
    """Return the first place of a study's plan, the node's own look: it follows from what the study says alone."""
    look = own_look(study)
    return Place(0, NODE_ITSELF, look.name, 0, "everyone", _mechanism(look, _for_own_look(study)))


def _for_own_look(study: Study) -> int:
    budget = accountant.units_for(study.privacy.epsilon, study.privacy.delta)
    return int(budget * COHORT_SIZE_SHARE * own_look(study).width)


def _mechanism(planned: PlannedSum, units: int, *, honest: int = 1, unmasked: int = 0) -> Mechanism:
    if units < (1 if honest == 1 else 2):
        raise Invalid("epsilon-too-small", f"nothing is left for {planned.name}")
    if planned.width > MOST_NUMBERS:
        raise Invalid("parameters-wrong", f"sum {planned.name}: more than {MOST_NUMBERS} numbers")
    clip_units = 2 ** math.ceil(math.log2(UNITS_A_CLIP_AND_ROOT_WIDTH * math.sqrt(planned.width)))
    while (sigma_squared := _share(clip_units, units, honest, unmasked)) < LEAST_SIGMA_UNITS**2:
        clip_units *= 2
    if sigma_squared > LARGEST_SIGMA_SQUARED:
        raise Invalid("epsilon-too-small", f"too little is left for {planned.name}")
    return Mechanism(planned.width, planned.clip, clip_units, sigma_squared, honest)


def _share(clip_units: int, units: int, honest: int, unmasked: int) -> int:
    share = accountant.sigma_squared_for(clip_units, units, shares=honest)
    return share if honest == 1 else max(share, accountant.sigma_squared_for(clip_units, unmasked))


__all__ = [
    "CHARGED_FOR",
    "COHORT_SIZE_SHARE",
    "LARGEST_SIGMA_SQUARED",
    "LEAST_SIGMA_UNITS",
    "MOST_NUMBERS",
    "MOST_PLACES",
    "NODES_A_PERSON",
    "NODE_ITSELF",
    "NOISE_REACH",
    "OBSERVERS",
    "UNITS_A_CLIP_AND_ROOT_WIDTH",
    "Mechanism",
    "Observer",
    "Place",
    "Programme",
    "own_look",
    "own_place",
    "programme",
]
