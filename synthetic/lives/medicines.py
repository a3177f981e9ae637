"""Repeat medicines: one event a quarter for each treated condition, most of the time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.codes import place_of
from synthetic.lives.contacts import OneYear
from synthetic.lives.traits import NEVER

TAKEN = 0.85  # of quarters with a treated condition: a prescription is issued (assumed)
QUARTERS = 4


def medicines(one: OneYear, onset: NDArray[np.int32], rng: np.random.Generator) -> None:
    """Add a year's prescriptions: of conditions that began before the quarter, for those who live on that day.

    The practice that issues it pays; the cost is that of a quarter, about the mean of the medicine.
    """
    starts = np.linspace(0, 1, QUARTERS + 1)[:-1]
    first_days = one.year.days(starts)
    for place, each in enumerate(one.figures.conditions):
        if not each.treated:
            continue
        has = np.flatnonzero((onset[:, place] != NEVER) & (onset[:, place] < first_days[-1])).astype(np.int32)
        person, quarter = np.repeat(has, QUARTERS), np.tile(np.arange(QUARTERS), len(has))
        reading = starts[quarter] + rng.random(len(person)) / QUARTERS
        given = (onset[person, place] < first_days[quarter]) & (reading < one.ends[person])
        given &= rng.random(len(person)) < TAKEN
        person, reading = person[given], reading[given]
        one.records.add(
            person=person,
            day=one.year.days(reading),
            stream="medicine",
            code=place_of("local", each.medicine.replace(" ", "-")),
            method="prescription",
            provider=one.providers.practice[person],
            cost=np.round(each.medicine_cost * (0.5 + rng.random(len(person), np.float32)), 2),
        )


__all__ = ["QUARTERS", "TAKEN", "medicines"]
