"""Solves for the levels by age, place and deprivation at which the simulator gives the published figures.

    .venv/bin/python deploy/priors/solve.py        (some minutes, 2 GB; writes synthetic/priors/solved_*.csv)

The simulator adds up effects and three levels to the log odds of a condition or the log rate of a contact or death.
The levels are found once, here, on made-up people of every authority, weighed so that each has its published ages: a
level is moved by the logarithm of the wanted sum over the expected one until both agree at every margin (iterative
proportional fitting; Deming and Stephan, 1940).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from levels import KNOTS, Array, Solver, shape_of, step
from make import write
from numpy.typing import NDArray

from synthetic.draws import blocks
from synthetic.geography import ENGLAND, places
from synthetic.lives.figures import DEATH, KEPT, LAST_YEAR, SELF, Figures, Process, unsolved
from synthetic.lives.hazards import FALLS_ADMITTED, FALLS_AT_GP, VIA_ED
from synthetic.lives.traits import MANY, STRAINS, Traits, traits
from synthetic.population.people import people
from synthetic.population.priors import priors
from synthetic.published import rows, table
from synthetic.recipe import Recipe

YEARS = 8  # of lives, until last year's contacts have settled
AN_AUTHORITY = 3000  # people drawn in each, on average


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
        ages, log = shape_of(each.key)
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
    people = solver.margins.total(np.ones(len(solver.years)))
    wanted = {each.key: _wanted(solver, each, people) for each in solver.known.processes}
    mortality, male = _mortality(solver), solver.who.female == 0
    for each in solver.known.processes:
        ages, log = shape_of(each.key)
        solver.knots[each.key] = np.interp(KNOTS, ages, log) + np.log(each.begun_a_head)
    of_sex = {name: np.full(len(KNOTS), -4.0) for name in ("male", "female")}
    for year in range(YEARS):
        effects = {name: solver.effects(name) for name in (*wanted, DEATH)}
        rates = _fitted(solver, effects, wanted)
        for name, who in (("male", male), ("female", ~male)):
            solver.knots[DEATH] = of_sex[name]
            # those who die within the year: some have rates above one, and nobody dies twice
            death = -np.expm1(-solver.rate(DEATH, effects[DEATH])) * who
            wanted_deaths = solver.margins.by_age(-np.expm1(-mortality) * who)
            of_sex[name] = of_sex[name] + step(solver.margins.by_age(death), wanted_deaths)
        _a_year_on(solver, rates)
        print(f"year {year}:", *(f"{key} {solver.margins.total(rate) / people:.4f}" for key, rate in rates.items()))
    del solver.knots[DEATH]
    solver.knots |= {f"{DEATH}-{name}": knots for name, knots in of_sex.items()}


def _wanted(solver: Solver, each: Process, people: float) -> tuple[Array, Array | None]:
    """Return how often a process should happen to each person by age alone, and its sum in each place where known."""
    ages, log = shape_of(each.key)
    shape = np.exp(np.interp(solver.years, ages, log))
    shape *= (solver.years >= each.least_age) & (solver.years <= each.most_age)
    shape *= each.begun_a_head * people / solver.margins.total(shape)
    column = {"ed": "attendances", "emergency": "admissions"}.get(each.key)
    if column is None:
        return shape, None
    a_head = {row["local_authority"]: float(row[column]) for row in rows("attendances")}
    places = np.array([a_head[code] for code in solver.known.authorities])
    places *= solver.margins.by_place(np.ones(len(solver.years)))
    return shape, places * each.begun_a_head * people / places.sum()


def _fitted(
    solver: Solver, effects: dict[str, Array], wanted: dict[str, tuple[Array, Array | None]]
) -> dict[str, Array]:
    """Move the levels of all processes by place and age, twice, and return the rates."""
    rates = {}
    for margin in ("place", "age", "place", "age"):
        rates = {key: solver.rate(key, effects[key]) * (shape > 0) for key, (shape, _) in wanted.items()}
        for key, (shape, by_place) in wanted.items():
            expected = rates[key] + _more(key, rates)
            if margin == "age":
                solver.move(key, "age", solver.margins.by_age(expected), solver.margins.by_age(shape))
            elif by_place is not None:
                solver.move(key, "place", solver.margins.by_place(expected), by_place)
    return rates


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
    for each in solver.known.processes:
        at[each.key] = at[each.key] + solver.rng.poisson(each.course * KEPT * at[each.key])
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
