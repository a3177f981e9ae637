"""The levels by age, place and deprivation of made-up people, and how they are moved until sums agree; for solve.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.figures import OLDEST, SELF, Condition, Figures
from synthetic.lives.hazards import MOST_A_YEAR
from synthetic.lives.traits import Traits
from synthetic.published import rows

KNOTS = np.array([0, 1, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95])
ROUNDS = 24  # of fitting a condition
FEWEST = 300  # people of a place: with fewer the level is drawn towards zero
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Margins:
    """The made-up people by what the levels go by: knots of age, place, decile; ``weight`` real people each."""

    weight: Array
    hats: Array
    place: NDArray[np.int32]
    decile: NDArray[np.int8]
    places: int

    def total(self, values: Array) -> float:
        """Return the sum over everybody."""
        return float(self.weight @ values)

    def by_age(self, values: Array) -> Array:
        """Return the sums of each knot."""
        return self.hats.T @ (self.weight * values)

    def by_place(self, values: Array) -> Array:
        """Return the sums of each authority."""
        return np.bincount(self.place, self.weight * values, self.places)

    def by_decile(self, values: Array) -> Array:
        """Return the sums of each decile."""
        return np.bincount(self.decile, self.weight * values, 10)


class Solver:
    """Moves the levels of one set of figures until expected and wanted sums agree."""

    def __init__(self, who: Traits, known: Figures, day: int, weight: Array) -> None:
        self.who, self.known, self.years = who, known, who.years(day)
        hats = np.stack([np.interp(self.years, KNOTS, row) for row in np.eye(len(KNOTS))], axis=1)
        self.margins = Margins(weight, hats, who.authority, who.decile, len(known.authorities))
        self.knots = {name: np.zeros(len(KNOTS)) for name in known.targets}
        self.matrix = np.zeros((len(who.born), len(known.terms)), np.float32)
        self.matrix[:, : len(SELF)] = who.fixed
        self.rng = np.random.default_rng(6)

    def effects(self, name: str) -> Array:
        """Return what the terms of each person add up to."""
        return self.matrix @ self.known.effects[:, self.known.targets.index(name)]

    def rate(self, name: str, effects: Array) -> Array:
        """Return the rate of each person for a process or death, as the simulator has it."""
        return np.minimum(np.exp(self.levels(name) + effects), MOST_A_YEAR)

    def levels(self, name: str) -> Array:
        """Return what age, place and deprivation add up to for each person."""
        target = self.known.targets.index(name)
        level = (
            np.interp(np.arange(OLDEST + 1), KNOTS, self.knots[name])[self.years]
            + self.known.places[target][self.who.authority]
        )
        return level + self.known.deciles[target][self.who.decile]

    def show(self) -> None:
        """Write the levels by age, of both sexes alike, into the figures that the simulator's code reads."""
        for place, name in enumerate(self.known.targets):
            self.known.ages[:, place] = np.interp(np.arange(OLDEST + 1), KNOTS, self.knots[name])

    def move(self, name: str, margin: str, expected: Array, wanted: Array, share: float = 1.0) -> None:
        """Move the level of one margin by a share of what it is off, given both sums at it."""
        target, by = self.known.targets.index(name), share * step(expected, wanted)
        if margin == "age":
            self.knots[name] += by
        if margin == "decile":
            self.known.deciles[target] += by
        if margin == "place":
            sizes = np.bincount(self.who.authority, minlength=self.margins.places)
            self.known.places[target] += by * np.minimum(1, sizes / FEWEST)

    def condition(self, each: Condition, wanted: dict[str, Array], relative: Array) -> None:
        """Fit one condition and draw who has it. ``wanted`` has its prevalence by place and decile, or in England."""
        can = (self.years >= each.least_age) & (self.years <= each.most_age)
        counted = (self.years >= each.counted_from) & (self.years <= each.most_age)
        people = counted.astype(float)
        shape, self.knots[each.key] = relative * can, np.interp(KNOTS, *shape_of(each.key, logit=True))
        sums = {k: getattr(self.margins, f"by_{k}")(people) * v for k, v in wanted.items() if k != "england"}
        total = sums["place"].sum() if sums else self.margins.total(people) * wanted["england"][0]
        if sums:
            sums["decile"] *= total / sums["decile"].sum()
        shape *= total / self.margins.total(shape * counted)
        effects = self.effects(each.key)
        for turn in range(ROUNDS):
            chance = can / (1 + np.exp(-self.levels(each.key) - effects))
            margin = ("age", "place", "decile")[turn % 3] if sums else "age"
            if margin == "age":
                self.move(each.key, "age", self.margins.by_age(chance), self.margins.by_age(shape))
            else:
                self.move(each.key, margin, getattr(self.margins, f"by_{margin}")(chance * counted), sums[margin])
        held = self.rng.random(len(can)) < can / (1 + np.exp(-self.levels(each.key) - effects))
        self.matrix[:, self.known.term(each.key)] = held


def step(expected: Array, wanted: Array) -> Array:
    """Return by how much a level has to move: the logarithm of the wanted sum over the expected one, within bounds."""
    usable = (expected > 1e-9) & (wanted > 1e-9)
    return np.clip(np.log(np.divide(wanted, expected, out=np.ones_like(wanted), where=usable)), -1.5, 1.5)


def shape_of(name: str, *, logit: bool = False) -> tuple[Array, Array]:
    """Return the ages of a target's shape, and its logarithms (or log odds) there."""
    lines = [(float(r["age"]), float(r["relative"])) for r in rows("age_shapes") if r["target"] == name]
    ages, values = np.array(lines).T
    return ages, np.log(values / (1 - values) if logit else values)
