"""Draws a year of contacts: how many of each kind, when, by which code, where, for how long, at what cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.clock import Year
from synthetic.lives.codes import mixtures
from synthetic.lives.figures import COURSE_LASTS, KEPT, LAST_YEAR, Figures
from synthetic.lives.hazards import FALLS_ADMITTED, FALLS_AT_ED, FALLS_AT_GP, VIA_ED, Hazards
from synthetic.lives.providers import Providers
from synthetic.lives.records import METHOD, Records

DID_NOT_ATTEND = 0.08  # of outpatient appointments attended or missed, HES outpatients 2019/20 (priors/sources.toml)
STAY, STAY_FROM, STAY_A_YEAR = 2.5, 40, 0.11  # mean days of an emergency stay, more with each year of age above 40
DAY_CASES, PLANNED_STAY = 0.8, 2.5  # part of planned admissions, mean days of the others (assumed)
SPELL = 60.0  # mean days of a spell of social care (assumed)
# Nights of a usual stay, and the part of its cost that each more or fewer adds or takes (assumed)
NIGHTS = {"emergency": (3.8, 0.12), "elective": (0.4, 0.3), "social-care": (60.0, 0.016)}
RESTS_AT_WEEKENDS = ("gp", "op", "mental-health", "community", "social-care", "housing")
# What the records of a fall look like: those of a process, with codes of their own
FALLS = ("fall", "fall-ed")  # each fall is one of these; an admission comes on top
FALL_KINDS = {"fall": "gp", "fall-ed": "ed", "fall-apc": "emergency"}
COUNTED = {
    "gp": "gp-last-year",
    "ed": "ed-last-year",
    "emergency": "admissions-last-year",
    "elective": "elective-last-year",
    "op": "op-last-year",
    "mental-health": "mental-health-last-year",
    "community": "community-last-year",
    "social-care": "social-care-last-year",
    "housing": "housing-last-year",
    "police": "police-last-year",
    "fire": "",
}
_PROCESS = {"falls-last-year": "fall", **{column: process for process, column in COUNTED.items()}}
Rows = NDArray[np.int32]  # of the block, one for each contact
Days = NDArray[np.int32]
Readings = NDArray[np.float64]


@dataclass(frozen=True)
class OneYear:
    """Draws the contacts of a year into ``records``.

    ``begins`` and ``ends`` are the clock readings between which each person is there (born, died); ``held``
    (n, conditions) and ``age`` in years are those at its start.
    """

    year: Year
    figures: Figures
    providers: Providers
    hazards: Hazards
    born: Days
    begins: NDArray[np.float64]
    ends: NDArray[np.float64]
    held: NDArray[np.bool_]
    age: NDArray[np.int16]
    rng: np.random.Generator
    records: Records

    def draw(self) -> None:
        """Add the contacts of all processes.

        A fall is recorded by the practice or in A&E, and then perhaps with an admission; most emergency admissions
        begin in A&E.
        """
        counts = self.rng.poisson(self.hazards.contacts * (self.ends - self.begins)[:, None])
        for place, process in enumerate(self.figures.processes):
            person = np.repeat(np.arange(len(counts), dtype=np.int32), counts[:, place])
            reading = self.begins[person]
            reading = reading + self.rng.random(len(person)) * (self.ends[person] - reading)
            if process.course:
                person, reading = self._with_course(process.course, person, reading)
            day, mark = self.year.days(reading), self.rng.random(len(person))
            if process.key == "fall":
                self._add("fall", person, day, mark < FALLS_AT_GP)
                self._add("fall-ed", person, day, mark >= FALLS_AT_GP)
                self._add("fall-apc", person, day, mark >= FALLS_AT_GP + FALLS_AT_ED)
            else:
                self._add(process.key, person, day)
            if process.key == "emergency":
                self._add("ed", person, day, mark < VIA_ED)

    def last_days(self, person: Rows) -> Days:
        """Return the last day that a record of this year may name: that of death, else the year's last."""
        ends = self.ends[person]
        died = self.year.days(np.minimum(ends, np.nextafter(1, 0)))
        return np.where(ends < 1, died, self.year.last).astype(np.int32)

    def _with_course(self, mean: float, person: Rows, reading: Readings) -> tuple[Rows, Readings]:
        """Return the contacts with those that follow them, up to death or the year's end."""
        more = self.rng.poisson(mean, len(person))
        also, later = np.repeat(person, more), np.repeat(reading, more)
        later += COURSE_LASTS * self.rng.random(len(later))
        there = later < self.ends[also]
        return np.concatenate([person, also[there]]), np.concatenate([reading, later[there]])

    def _add(self, kind: str, person: Rows, day: Days, which: NDArray[np.bool_] | None = None) -> None:
        if which is not None:
            person, day = person[which], day[which]
        like = FALL_KINDS.get(kind, kind)
        process = self.figures.processes[self.figures.process(like)]
        if process.stream in RESTS_AT_WEEKENDS:
            day = _on_a_weekday(day, np.maximum(self.born[person], self.year.first))
        code, value = mixtures()[kind].draw(self.held, self.age, person, self.rng)
        method = np.full(len(person), METHOD[process.method], np.int8)
        if like == "op":
            method[self.rng.random(len(person)) < DID_NOT_ATTEND] = METHOD["did-not-attend"]
        stay, dear = self._stay(like, person)
        self.records.add(
            person=person,
            day=day,
            stream=process.stream,
            code=code,
            value=value,
            until=np.minimum(day + stay, self.last_days(person)),
            method=method,
            provider=self.providers.of(process.stream, person, self.rng),
            cost=np.round(process.cost * dear, 2),
            counted=COUNTED[like],
        )
        if kind in FALLS:
            self.records.count("falls-last-year", person)

    def _stay(self, like: str, person: Rows) -> tuple[Days, NDArray[np.float32]]:
        """Return how many nights each lasts, and its cost beside the mean of its kind: one over many of them."""
        if like not in NIGHTS:
            return np.zeros(len(person), np.int32), 0.5 + self.rng.random(len(person), np.float32)
        mean = np.full(len(person), SPELL)
        if like == "emergency":
            mean = STAY + STAY_A_YEAR * np.maximum(self.age[person] - STAY_FROM, 0)
        if like == "elective":
            mean = PLANNED_STAY * (self.rng.random(len(person)) >= DAY_CASES)
        nights = (mean * self.rng.standard_exponential(len(person))).astype(np.int32)
        typical, a_night = NIGHTS[like]
        return nights, (1 + a_night * (nights - typical)).astype(np.float32)


def unwritten(figures: Figures, rates: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return how many contacts of each kind of LAST_YEAR people have in a year of which there are no records.

    ``rates`` (n, processes) are those of ``Hazards.contacts``; the counts have the law of those that are written down.
    """
    begun = rng.poisson(rates).T
    at = {p.key: n + rng.poisson(p.course * KEPT * n) for p, n in zip(figures.processes, begun, strict=True)}
    at_gp = rng.binomial(at["fall"], FALLS_AT_GP)
    at["gp"] = at["gp"] + at_gp
    at["ed"] = at["ed"] + at["fall"] - at_gp + rng.binomial(at["emergency"], VIA_ED)
    at["emergency"] = at["emergency"] + rng.binomial(at["fall"] - at_gp, FALLS_ADMITTED / (1 - FALLS_AT_GP))
    return np.stack([at[_PROCESS[column]] for column in LAST_YEAR], axis=1).astype(np.float32)


def _on_a_weekday(day: Days, first: Days) -> Days:
    """Move Saturdays and Sundays to the Friday before, unless that lies before ``first``: birth, or the year began."""
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
    back = np.maximum(weekday - 4, 0)
    return np.where(day - back >= first, day - back, day).astype(np.int32)


__all__ = ["COUNTED", "DID_NOT_ATTEND", "FALLS", "FALL_KINDS", "NIGHTS", "OneYear", "unwritten"]
