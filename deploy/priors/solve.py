"""Solves for the levels by age, place and deprivation at which the simulator gives the published figures.

    .venv/bin/python deploy/priors/solve.py        (some minutes, 2 GB; writes synthetic/priors/solved_*.csv)

The simulator adds up effects and three levels to the log odds of a condition or the log rate of a contact or death.
The levels are found once, here, on made-up people of every authority, weighed so that each has its published ages: a
level is moved by the logarithm of the wanted sum over the expected one until both agree at every margin (iterative
proportional fitting; Deming and Stephan, 1940).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from make import write
from numpy.typing import NDArray

from synthetic.draws import blocks
from synthetic.figures import DEATH, LAST_YEAR, OLDEST, SELF, Condition, Figures, rows, unsolved
from synthetic.geography import ENGLAND, places
from synthetic.hazards import FALLS_ADMITTED, FALLS_AT_GP, MOST_A_YEAR, VIA_ED
from synthetic.people import people
from synthetic.priors import priors
from synthetic.published import table
from synthetic.recipe import Recipe
from synthetic.traits import MANY, STRAINS, Traits, traits

KNOTS = np.array([0, 1, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95])
ROUNDS, YEARS = 24, 8  # of fitting a condition; of lives until last year's contacts have settled
AN_AUTHORITY = 3000  # people drawn in each, on average
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

    def move(self, name: str, margin: str, expected: Array, wanted: Array) -> None:
        """Move the level of one margin, given both sums at it."""
        target, step = self.known.targets.index(name), _step(expected, wanted)
        if margin == "age":
            self.knots[name] += step
        if margin == "decile":
            self.known.deciles[target] += step
        if margin == "place":
            sizes = np.bincount(self.who.authority, minlength=self.margins.places)
            self.known.places[target] += step * np.minimum(1, sizes / FEWEST)

    def condition(self, each: Condition, wanted: dict[str, Array], relative: Array) -> None:
        """Fit one condition and draw who has it. ``wanted`` has its prevalence by place and decile, or in England."""
        can = (self.years >= each.least_age) & (self.years <= each.most_age)
        counted = (self.years >= each.counted_from) & (self.years <= (74 if each.register == "CVDPP" else OLDEST))
        people = counted.astype(float)
        shape, self.knots[each.key] = relative * can, np.interp(KNOTS, *_shape(each.key, logit=True))
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


def _step(expected: Array, wanted: Array) -> Array:
    usable = (expected > 1e-9) & (wanted > 1e-9)
    return np.clip(np.log(np.divide(wanted, expected, out=np.ones_like(wanted), where=usable)), -1.5, 1.5)


def _shape(name: str, *, logit: bool = False) -> tuple[Array, Array]:
    lines = [(float(r["age"]), float(r["relative"])) for r in rows("age_shapes") if r["target"] == name]
    ages, values = np.array(lines).T
    return ages, np.log(values / (1 - values) if logit else values)


def conditions(solver: Solver) -> None:
    """Fit the conditions in the order of causes; type 2 diabetes is what type 1 leaves of its register."""
    known = solver.known
    by_place = pd.DataFrame(table("prevalence").columns).set_index("local_authority").astype(float)
    by_place = by_place.loc[list(known.authorities)]
    by_decile = pd.DataFrame(table("prevalence_deciles").columns).astype(float)
    for each in known.conditions:
        if each.register:
            wanted = {"place": by_place[each.register].to_numpy(), "decile": by_decile[each.register].to_numpy()}
        else:
            wanted = {"england": np.array([each.prevalence])}
        if each.key == "type-2-diabetes":
            wanted = _less(solver, "type-1-diabetes", each.counted_from, wanted)
        ages, log = _shape(each.key)
        solver.condition(each, wanted, np.exp(np.interp(solver.years, ages, log)))
        has = solver.margins.total(solver.matrix[:, known.term(each.key)]) / solver.margins.weight.sum()
        print(f"{each.key}: {has:.4f}", flush=True)


def _less(solver: Solver, other: str, least: int, wanted: dict[str, Array]) -> dict[str, Array]:
    counted = (solver.years >= least).astype(float)
    has, margins = solver.matrix[:, solver.known.term(other)] * counted, solver.margins
    overall = margins.total(has) / margins.total(counted)
    part = margins.by_decile(has) / margins.by_decile(counted)
    return {"place": wanted["place"] - overall, "decile": wanted["decile"] - part}


def contacts(solver: Solver) -> None:
    """Fit the rates of contacts and of death, year after year, until last year's contacts have settled."""
    known, n = solver.known, float(solver.margins.weight.sum())
    published = pd.DataFrame(table("attendances").columns).set_index("local_authority").astype(float)
    published = published.loc[list(known.authorities)]
    heads = solver.margins.by_place(np.ones(len(solver.years)))
    shapes = {each.key: np.exp(np.interp(solver.years, *_shape(each.key))) for each in known.processes}
    for each in known.processes:
        shapes[each.key] *= (solver.years >= each.least_age) & (solver.years <= each.most_age)
        shapes[each.key] *= each.a_head * n / solver.margins.total(shapes[each.key])
        solver.knots[each.key] = np.log(np.interp(KNOTS, *_exp(_shape(each.key))) * each.a_head)
    mortality = _mortality(solver)
    solver.knots[DEATH] = np.full(len(KNOTS), -4.0)
    male = 1 - solver.who.female
    knots = {sex: solver.knots[DEATH].copy() for sex in (0, 1)}
    for year in range(YEARS):
        effects = {name: solver.effects(name) for name in (*shapes, DEATH)}
        for margin in ("place", "age", "place", "age"):
            rates = {
                each.key: solver.rate(each.key, effects[each.key]) * (shapes[each.key] > 0) for each in known.processes
            }
            for each in known.processes:
                expected = rates[each.key] + _more(each.key, rates)
                column = {"ed": "attendances", "emergency": "admissions"}.get(each.key)
                if margin == "age":
                    solver.move(
                        each.key, "age", solver.margins.by_age(expected), solver.margins.by_age(shapes[each.key])
                    )
                elif column:
                    wanted = published[column].to_numpy() * heads
                    wanted *= each.a_head * n / wanted.sum()
                    solver.move(each.key, "place", solver.margins.by_place(expected), wanted)
        for sex, which in ((0, male > 0), (1, male == 0)):
            solver.knots[DEATH] = knots[sex]
            death = solver.rate(DEATH, effects[DEATH]) * which
            knots[sex] = knots[sex] + _step(solver.margins.by_age(death), solver.margins.by_age(mortality * which))
        _a_year_on(solver, rates)
        print(
            f"year {year}: " + ", ".join(f"{k} {solver.margins.total(v) / n:.4f}" for k, v in rates.items()), flush=True
        )
    solver.knots |= {f"{DEATH}-male": knots[0], f"{DEATH}-female": knots[1]}
    del solver.knots[DEATH]


def _exp(shape: tuple[Array, Array]) -> tuple[Array, Array]:
    return shape[0], np.exp(shape[1])


def _more(key: str, rates: dict[str, Array]) -> Array | float:
    """Return the rate at which other processes add contacts of this kind."""
    if key == "gp":
        return FALLS_AT_GP * rates["fall"]
    if key == "emergency":
        return FALLS_ADMITTED * rates["fall"]
    if key == "ed":
        return VIA_ED * rates["emergency"] + (1 - FALLS_AT_GP) * rates["fall"]
    return 0.0


def _a_year_on(solver: Solver, rates: dict[str, Array]) -> None:
    at = {key: solver.rng.poisson(rate) for key, rate in rates.items()}
    at_gp = solver.rng.binomial(at["fall"], FALLS_AT_GP)
    at["gp"] = at["gp"] + at_gp
    at["ed"] = at["ed"] + at["fall"] - at_gp + solver.rng.binomial(at["emergency"], VIA_ED)
    at["emergency"] = at["emergency"] + solver.rng.binomial(at["fall"] - at_gp, FALLS_ADMITTED / (1 - FALLS_AT_GP))
    names = {"admissions-last-year": "emergency", "falls-last-year": "fall"}
    for name in LAST_YEAR:
        count = at[names.get(name, name.removesuffix("-last-year"))]
        solver.matrix[:, solver.known.term(name)] = np.log2(1 + np.minimum(count, 20))


def _mortality(solver: Solver) -> Array:
    """Return deaths a year of each person: its log is straight between the middles of the published ages."""
    rate = np.zeros(len(solver.years))
    for sex in (0, 1):
        lines = [row for row in rows("mortality") if int(row["sex"]) == sex + 1]
        low, wanted = (np.array([float(row[c]) for row in lines]) for c in ("from_age", "rate"))
        middle = np.array([0, 7, 32, 56, 70, 80, 91.0])
        knots, who = np.log(wanted), solver.who.female == sex
        band = np.searchsorted(low, solver.years, side="right") - 1
        for _ in range(30):
            slope = (knots[-1] - knots[-2]) / (middle[-1] - middle[-2])
            log = np.interp(solver.years, [*middle, 110], [*knots, knots[-1] + slope * 19])
            weight = solver.margins.weight[who]
            mean = np.bincount(band[who], weight * np.exp(log[who]), len(low)) / np.bincount(band[who], weight)
            knots += np.log(wanted / mean)
        rate[who] = np.exp(log[who])
    return rate


def everywhere(known: Figures) -> Iterator[Traits]:
    """Give made-up people of every place, about as many for each authority, more where most will be made up."""
    for place in places():
        if place != ENGLAND:
            count = AN_AUTHORITY * len(priors(place).authorities.code) * (4 if place == "blmk" else 1)
            recipe = Recipe(people=count, seed=2026, place=place)
            for block in range(blocks(count)):
                yield traits(people(recipe, priors(place), block), priors(place), known)


def weights(who: Traits, day: int) -> Array:
    """Return how many real people each made-up one stands for, so that each authority has its published ages."""
    published = priors(ENGLAND).authorities.ages
    bands = np.array([0, 5, 11, 16, 20, *range(25, 95, 5)])
    band = np.searchsorted(bands, who.years(day), side="right") - 1
    cell = who.authority * len(bands) + band
    real = np.add.reduceat(published, bands, axis=1).ravel()
    made = np.bincount(cell, minlength=len(real))
    return (real / np.maximum(made, 1))[cell]


def main() -> None:
    """Solve and write the levels."""
    known = unsolved(priors(ENGLAND).authorities.code)
    parts = list(everywhere(known))
    day = Recipe().index_day
    who = Traits(*(np.concatenate([getattr(part, name) for part in parts]) for name in Traits.__dataclass_fields__))
    solver = Solver(who, known, day, weights(who, day))
    solver.matrix[:, SELF.index("carer-strained")] = 0
    conditions(solver)
    held = solver.matrix[:, known.condition_terms]
    _strain(solver, parts, held)
    treated = [place for place, each in enumerate(known.conditions) if each.treated]
    solver.matrix[:, -1] = held[:, treated].sum(axis=1) >= MANY
    contacts(solver)
    ages = pd.DataFrame.from_dict(solver.knots, orient="index", columns=[str(k) for k in KNOTS]).round(4)
    write("solved_ages", ages.rename_axis("target").reset_index(), "solved")
    placed = [place for place in range(len(known.targets)) if known.places[place].any()]
    levels = pd.DataFrame(known.places[placed].T, columns=[known.targets[p] for p in placed]).round(4)
    write("solved_places", pd.concat([pd.Series(known.authorities, name="authority"), levels], axis=1), "solved")
    levels = pd.DataFrame(known.deciles[placed].T, columns=[known.targets[p] for p in placed]).round(4)
    write("solved_deciles", pd.concat([pd.Series(range(1, 11), name="imd_decile"), levels], axis=1), "solved")


def _strain(solver: Solver, parts: list[Traits], held: NDArray[np.float32]) -> None:
    """Mark the children whose carer has what strains: the rows of carers count from the start of their block."""
    strained = held[:, [solver.known.condition(key) for key in STRAINS]].any(axis=1)
    starts = np.cumsum([0, *(len(part.born) for part in parts)])[:-1]
    carer = np.concatenate([np.where(p.carer >= 0, p.carer + s, -1) for p, s in zip(parts, starts, strict=True)])
    solver.matrix[:, SELF.index("carer-strained")] = (carer >= 0) & strained[carer]


if __name__ == "__main__":
    main()
