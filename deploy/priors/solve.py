"""Solves for the levels by age, place and deprivation at which the simulator gives the published figures.

    .venv/bin/python deploy/priors/solve.py        (some minutes, 2 GB; writes synthetic/priors/solved_*.csv)

The simulator adds up effects and levels to the log odds of a condition or the log rate of a contact or death. The
levels are found once, here, on made-up people of every authority, weighed so that each has its published ages: a level
is moved by the logarithm of the wanted sum over the expected one until both agree at every margin (iterative
proportional fitting; Deming and Stephan, 1940). Contacts depend on last year's, so people live up to the index date
first, by the simulator's own code; contacts are then as many as published in the year that begins with it, up to death,
and by one level for each year before it in those too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from levels import KNOTS, Array, Solver, shape_of, step
from make import write
from years import Years, more

from synthetic.draws import blocks
from synthetic.geography import ENGLAND, places
from synthetic.lives.figures import DEATH, SELF, YEARS_BACK, Figures, Process, unsolved
from synthetic.lives.traits import Traits, traits
from synthetic.population.people import people
from synthetic.population.priors import priors
from synthetic.published import rows, table
from synthetic.recipe import Recipe
from synthetic.report.expected import IN_EACH_AUTHORITY

TURNS = 12  # until last year's contacts have settled
SHARE = 0.5  # of what a level is off it moves in a turn: what follows from more contacts comes on top
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


def contacts(solver: Solver, years: Years) -> None:
    """Fit the rates of contacts and of death, turn after turn: last year's contacts change with them."""
    people = solver.margins.total(np.ones(len(solver.years)))
    wanted = {each.key: _wanted(solver, each, people) for each in solver.known.processes}
    mortality, male = _mortality(solver), solver.who.female == 0
    for each in solver.known.processes:
        ages, log = shape_of(each.key)
        solver.knots[each.key] = np.interp(KNOTS, ages, log) + np.log(each.begun_a_head)
    of_sex = {name: np.full(len(KNOTS), -4.0) for name in ("male", "female")}
    alive = np.ones(len(solver.years))
    for turn in range(TURNS):
        solver.show()
        solver.matrix[:] = years.live(turn)
        rates = _moved(solver, wanted, alive)
        effects, death = solver.effects(DEATH), np.zeros(len(alive))
        for name, who in (("male", male), ("female", ~male)):
            solver.knots[DEATH] = of_sex[name]
            # those who die within the year: some have rates above one, and nobody dies twice
            rate = solver.rate(DEATH, effects) * who
            wanted_deaths = solver.margins.by_age(-np.expm1(-mortality) * who)
            of_sex[name] = of_sex[name] + step(solver.margins.by_age(-np.expm1(-rate)), wanted_deaths)
            death += rate
        alive = -np.expm1(-death) / death  # the part of the year that somebody lives, on average
        print(f"turn {turn}:", *(f"{key} {solver.margins.total(rate) / people:.4f}" for key, rate in rates.items()))
    del solver.knots[DEATH]
    solver.knots |= {f"{DEATH}-{name}": knots for name, knots in of_sex.items()}


def _wanted(solver: Solver, each: Process, people: float) -> tuple[Array, Array | None]:
    """Return how often a process should happen to each person by age alone, and its sum in each place where known."""
    ages, log = shape_of(each.key)
    shape = np.exp(np.interp(solver.years, ages, log))
    shape *= (solver.years >= each.least_age) & (solver.years <= each.most_age)
    shape *= each.begun_a_head * people / solver.margins.total(shape)
    column = IN_EACH_AUTHORITY.get(each.key)
    if column is None:
        return shape, None
    a_head = {row["local_authority"]: float(row[column]) for row in rows("attendances")}
    places = np.array([a_head[code] for code in solver.known.authorities])
    places *= solver.margins.by_place(np.ones(len(solver.years)))
    return shape, places * each.begun_a_head * people / places.sum()


def _moved(solver: Solver, wanted: dict[str, tuple[Array, Array | None]], alive: Array) -> dict[str, Array]:
    """Move the levels of all processes by place and then by age, and return how often each happens before death."""
    effects = {name: solver.effects(name) for name in wanted}
    rates = {}
    for margin in ("place", "age"):
        rates = {key: solver.rate(key, effects[key]) * (shape > 0) * alive for key, (shape, _) in wanted.items()}
        for key, (shape, by_place) in wanted.items():
            expected = rates[key] + more(key, rates)
            if margin == "age":
                solver.move(key, "age", solver.margins.by_age(expected), solver.margins.by_age(shape), SHARE)
            elif by_place is not None:
                solver.move(key, "place", solver.margins.by_place(expected), by_place, SHARE)
    return rates


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
    solver.show()
    contacts(solver, Years(parts, known, solver.margins.weight, day))
    ages = pd.DataFrame.from_dict(solver.knots, orient="index", columns=[str(k) for k in KNOTS]).round(4)
    write("solved_ages", ages.rename_axis("target").reset_index(), "solved")
    placed = [place for place in range(len(known.targets)) if known.places[place].any()]
    levels = pd.DataFrame(known.places[placed].T, columns=[known.targets[p] for p in placed]).round(4)
    write("solved_places", pd.concat([pd.Series(known.authorities, name="authority"), levels], axis=1), "solved")
    levels = pd.DataFrame(known.deciles[placed].T, columns=[known.targets[p] for p in placed]).round(4)
    write("solved_deciles", pd.concat([pd.Series(range(1, 11), name="imd_decile"), levels], axis=1), "solved")
    of_year = {each.key: known.years[known.targets.index(each.key), 1:] for each in known.processes}
    back = pd.RangeIndex(1, YEARS_BACK + 1, name="years_before")
    write("solved_years", pd.DataFrame(of_year, index=back).round(4).reset_index(), "solved")


if __name__ == "__main__":
    main()
