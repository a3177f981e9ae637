"""What lives are drawn by, read once from the tables of ``priors/``: conditions, processes, effects and curves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from synthetic.published import rows
from synthetic.recipe import MOST_YEARS

OLDEST = 120  # years: the last place of a curve by age
# What a rate may depend on, beside conditions: who somebody is, how they live, and what last year's records say.
SELF = ("female", "asian", "black", "other", "deprived", "alone", "care-home", "carer-strained")
LAST_YEAR = (
    "gp-last-year",
    "ed-last-year",
    "admissions-last-year",
    "elective-last-year",
    "op-last-year",
    "mental-health-last-year",
    "community-last-year",
    "social-care-last-year",
    "housing-last-year",
    "police-last-year",
    "falls-last-year",
)
COURSE_LASTS = 0.25  # years: further contacts lie evenly within them (assumed)
KEPT = 1 - COURSE_LASTS / 2  # of them, so many lie in the year that the course began in
BURN_IN = 3  # years before the history, drawn only so that its first year has a year before it
YEARS_BACK = MOST_YEARS + BURN_IN  # before the index date, at most
MANY_MEDICINES = "polypharmacy"
DEATH = "death"


@dataclass(frozen=True)
class Condition:
    """A long-term condition: who can have it, when it begins, and the code its diagnosis is recorded by.

    The age at onset of somebody who has it follows a logistic curve with middle ``onset_age`` and scale
    ``onset_spread``, in years, cut at ``least_age``. Its register counts from the age ``counted_from`` to ``most_age``.
    ``medicine`` is the repeat medicine that goes with it ("": none), ``medicine_cost`` that of a quarter, in pounds.
    """

    key: str
    title: str
    register: str
    least_age: int
    most_age: int
    counted_from: int
    prevalence: float
    onset_age: float
    onset_spread: float
    code: str
    system: str
    medicine: str
    medicine_cost: float

    @property
    def treated(self) -> bool:
        """Return whether a repeat medicine goes with it."""
        return bool(self.medicine)


@dataclass(frozen=True)
class Process:
    """Something that happens to people at a rate: its stream, how, and what it costs in pounds (NaN: not known).

    Each time it happens ``course`` more contacts of its kind follow on average, within ``COURSE_LASTS``; ``a_head``
    counts all of them.
    """

    key: str
    stream: str
    method: str
    a_head: float
    course: float
    least_age: int
    most_age: int
    cost: float

    @property
    def begun_a_head(self) -> float:
        """Return how often it happens a head and year: a course that begins late in a year is cut at its end."""
        return self.a_head / (1 + self.course * KEPT)


@dataclass(frozen=True)
class Figures:
    """Everything a life is drawn by; a *target* is a condition (log odds), a process or death (log rate a year).

    ``effects`` (terms, targets), ``ages`` (sexes, targets, years of age), ``places`` (targets, authorities),
    ``deciles`` (targets, 10) and ``years`` (targets, years before the index date) add up to a person's log odds or log
    rate; all but the first are solved for, so that the level in each age, authority, decile and year is the published
    one (deploy/priors/solve.py).
    """

    conditions: tuple[Condition, ...]
    processes: tuple[Process, ...]
    authorities: tuple[str, ...]
    terms: tuple[str, ...]
    effects: NDArray[np.float32]
    ages: NDArray[np.float32]
    places: NDArray[np.float32]
    deciles: NDArray[np.float32]
    years: NDArray[np.float32]

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the conditions, the processes and death, in the order of the columns."""
        return (*(c.key for c in self.conditions), *(p.key for p in self.processes), DEATH)

    @property
    def condition_terms(self) -> slice:
        """Return where in ``terms`` the conditions lie."""
        return slice(len(SELF), len(SELF) + len(self.conditions))

    def year(self, back: int, before: int = 0) -> NDArray[np.float32]:
        """Return the levels, (targets,), of the year that begins so many years before the index date.

        ``before``: of one that lies so many years before the history, which begins then. Nobody has contacts before
        the first of those, so they differ from the history as the years before the longest history do.
        """
        level: NDArray[np.float32] = self.years[:, back]
        if before:
            level = level + self.years[:, MOST_YEARS + before] - self.years[:, MOST_YEARS]
        return level

    def term(self, name: str) -> int:
        """Return the place of a term."""
        return self.terms.index(name)

    def condition(self, key: str) -> int:
        """Return the place of a condition."""
        return next(place for place, each in enumerate(self.conditions) if each.key == key)

    def process(self, key: str) -> int:
        """Return the place of a process."""
        return next(place for place, each in enumerate(self.processes) if each.key == key)


@cache
def figures() -> Figures:
    """Return the figures of the tables that ship."""
    places, deciles = list(rows("solved_places")), list(rows("solved_deciles"))
    known = unsolved(tuple(row["authority"] for row in places))
    ages = {row["target"]: row for row in rows("solved_ages")}
    years = {int(row["years_before"]): row for row in rows("solved_years")}
    for place, target in enumerate(known.targets):
        known.places[place] = [float(row.get(target, 0)) for row in places]
        known.deciles[place] = [float(row.get(target, 0)) for row in deciles]
        known.years[place] = [float(years[back].get(target, 0)) if back else 0 for back in range(YEARS_BACK + 1)]
        for sex, name in enumerate(("male", "female")):
            row = ages.get(target) or ages[f"{target}-{name}"]
            knots = [age for age in row if age.isdigit()]
            logs = [float(row[age]) for age in knots]
            known.ages[sex, place] = np.interp(np.arange(OLDEST + 1), [int(age) for age in knots], logs)
    for each in (known.effects, known.ages, known.places, known.deciles, known.years):
        each.setflags(write=False)
    return known


def unsolved(authorities: tuple[str, ...]) -> Figures:
    """Return the figures before their levels are solved for: all of those are zero."""
    conditions, processes = tuple(map(_condition, rows("conditions"))), tuple(map(_process, rows("processes")))
    terms = (*SELF, *(each.key for each in conditions), *LAST_YEAR, MANY_MEDICINES)
    targets = [*(each.key for each in conditions), *(each.key for each in processes), DEATH]
    effects = np.zeros((len(terms), len(targets)), np.float32)
    for row in rows("effects"):
        effects[terms.index(row["term"]), targets.index(row["target"])] = np.log(float(row["ratio"]))
    return Figures(
        conditions=conditions,
        processes=processes,
        authorities=authorities,
        terms=terms,
        effects=effects,
        ages=np.zeros((2, len(targets), OLDEST + 1), np.float32),
        places=np.zeros((len(targets), len(authorities)), np.float32),
        deciles=np.zeros((len(targets), 10), np.float32),
        years=np.zeros((len(targets), YEARS_BACK + 1), np.float32),
    )


def _condition(row: dict[str, str]) -> Condition:
    return Condition(
        key=row["condition"],
        title=row["title"],
        register=row["register"],
        least_age=int(row["least_age"]),
        most_age=int(row["most_age"]),
        counted_from=int(row["counted_from"]),
        prevalence=float(row["prevalence"] or "nan"),
        onset_age=float(row["onset_age"]),
        onset_spread=float(row["onset_spread"]),
        code=row["code"],
        system=row["system"],
        medicine=row["medicine"],
        medicine_cost=float(row["medicine_cost"] or "nan"),
    )


def _process(row: dict[str, str]) -> Process:
    return Process(
        key=row["process"],
        stream=row["stream"],
        method=row["method"],
        a_head=float(row["a_head"]),
        course=float(row["course"]),
        least_age=int(row["least_age"]),
        most_age=int(row["most_age"]),
        cost=float(row["cost"] or "nan"),
    )


__all__ = [
    "BURN_IN",
    "COURSE_LASTS",
    "DEATH",
    "KEPT",
    "LAST_YEAR",
    "MANY_MEDICINES",
    "OLDEST",
    "SELF",
    "YEARS_BACK",
    "Condition",
    "Figures",
    "Process",
    "figures",
    "unsolved",
]
