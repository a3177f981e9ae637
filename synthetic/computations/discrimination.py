"""How well a given scorecard tells who has an outcome: people by score and outcome, one private sum.

A scorecard gives whole points for each key of some columns, and a row's score is their sum. It comes with the study,
from wherever it was trained: on made-up people, for instance, and tried here on people (train on synthetic, test on
real: Esteban, Hyland and Rätsch 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from privacy.arrays import Flags, Floats, Integers
from privacy.auc import chance_sd, discrimination
from privacy.computation import Ask, Batch, Parameters, PlannedSum, Result, State, Total
from privacy.counting import Keys, places, read_keys
from privacy.errors import Invalid
from privacy.fields import Fields

KIND, HISTOGRAM = "discrimination", "scores-by-outcome"
MOST_COLUMNS, MOST_BANDS = 40, 100
MOST_POINTS = 10**6  # of one key, above or below zero: sums of them are exact


@dataclass(frozen=True)
class Card:
    """A scorecard and what it foretells: ``points`` a key for each column, and ``cuts`` that begin bands of scores.

    The outcome is a column too: it is there where its key is one of ``event``. Rows in which it is missing, its last
    key, count nowhere.
    """

    keys: Keys
    predicted: str
    event: tuple[str, ...]
    points: Mapping[str, tuple[int, ...]]
    cuts: tuple[int, ...]
    trained_on: str

    @property
    def bands(self) -> int:
        """Return how many bands of scores there are."""
        return len(self.cuts) + 1

    def cells(self, found: Mapping[str, Integers]) -> tuple[Integers, Flags]:
        """Return each row's cell, those without the outcome first, and whether it counts; ``found`` by column."""
        has, known = outcome(self.keys[self.predicted], self.event, found[self.predicted])
        score = sum((np.array(p)[found[name]] for name, p in self.points.items()), np.zeros(len(has), np.int64))
        cell = np.searchsorted(self.cuts, score, side="right") + self.bands * has
        return cell, known

    def histogram(self, found: Mapping[str, Integers], weights: Floats) -> Floats:
        """Return how much weight of rows is in each cell, shape (2, bands): without the outcome, then with it."""
        cell, counts = self.cells(found)
        total = np.bincount(cell[counts], weights[counts], 2 * self.bands)
        return np.asarray(total.reshape(2, self.bands), np.float64)


class Discrimination:
    """Parameters: ``by`` (bands or codes), of which ``predicted`` is one, there where its key is one of ``event``.

    Of each other one ``points`` has a whole number for each key, in their order; ``cuts``, rising whole numbers, begin
    bands of the sum of points. ``trained_on`` names what the points were learned from. Each person weighs one.
    """

    version = 1
    title = "How well a given scorecard tells who has an outcome"

    def plan(self, parameters: Parameters) -> tuple[PlannedSum, ...]:
        """Return one histogram: a person's rows share out a total of one, so its norm is at most one."""
        card = read_card(parameters)
        meaning = (
            f"1, shared out over their rows, in the cell of each row's score, in {card.bands} bands, and of whether "
            f"its {card.predicted} is {' or '.join(card.event)}"
        )
        return (PlannedSum(HISTOGRAM, meaning, width=2 * card.bands, clip=1.0, share=1.0),)

    def start(self, parameters: Parameters, earlier: Result | None) -> State:
        """Start with nothing: the scorecard is in the parameters."""
        return {}

    def next_request(self, parameters: Parameters, state: State) -> Ask | None:
        """Ask once."""
        return None if "total" in state else Ask(HISTOGRAM)

    def contributions(self, parameters: Parameters, ask: Ask, batch: Batch) -> Floats:
        """Return a person's rows spread over the cells, shape (people, 2 x bands)."""
        card = read_card(parameters)
        cell, counts = card.cells(dict(zip(card.keys, places(batch, card.keys), strict=True)))
        cells = np.zeros((batch.people, 2 * card.bands))
        np.add.at(cells, (batch.person[counts], cell[counts]), batch.weights[counts])
        return cells

    def absorb(self, parameters: Parameters, state: State, ask: Ask, total: Total) -> State:
        """Keep the noisy histogram."""
        return {"total": total.values, "noise_sd": np.array([total.noise_sd])}

    def result(self, parameters: Parameters, state: State) -> Result:
        """Return the AUC, and what noise and chance each do to it."""
        card, sd = read_card(parameters), float(state["noise_sd"][0])
        without, having = state["total"].reshape(2, card.bands)
        found = discrimination(without, having, sd)
        found["auc_chance_sd"] = chance_sd(found["auc"], float(without.sum()), float(having.sum()))
        facts = {"predicted": card.predicted, "event": list(card.event), "trained_on": card.trained_on}
        return Result(KIND, {"without": without, "having": having}, {**facts, "noise_sd": sd, **found})


def read_card(parameters: Parameters) -> Card:
    """Return the scorecard that a step's parameters describe; faults are ``parameters-wrong``."""
    faults: list[str] = []
    f = Fields(parameters, "parameters", faults)
    keys = read_keys(f, f.anything("variables"), most=MOST_COLUMNS)
    predicted, event, cuts = f.name("predicted"), f.texts("event"), f.numbers("cuts")
    points, trained_on = f.anything("points"), f.text("trained_on", "")
    f.finish()
    if predicted not in keys or len(keys) < 2:
        f.fault("predicted", "is one of by, which has others too")
    elif not event or not set(event) <= set(keys[predicted][:-1]):
        f.fault("event", f"are some of {', '.join(keys[predicted][:-1])}")
    for name in set(keys) - {predicted}:
        given = points.get(name)
        if not isinstance(given, list | tuple) or len(given) != len(keys[name]) or not all(map(_whole, given)):
            f.fault("points", f"of {name} are {len(keys[name])} whole numbers, one for each key")
    if set(points) != set(keys) - {predicted}:
        f.fault("points", "are of each of by, but not of what is predicted")
    if not 1 <= len(cuts) < MOST_BANDS or any(c % 1 for c in cuts) or any(a >= b for a, b in pairwise(cuts)):
        f.fault("cuts", f"are rising whole numbers, from 1 to {MOST_BANDS - 1} of them")
    if faults:
        raise Invalid("parameters-wrong", KIND, faults=faults)
    each = {name: tuple(points[name]) for name in keys if name != predicted}
    return Card(keys, predicted, event, each, tuple(map(int, cuts)), trained_on)


def outcome(keys: Sequence[str], event: Sequence[str], found: Integers) -> tuple[Flags, Flags]:
    """Return whether each row, whose key is ``found``, has the outcome, and whether it is known: not the last key."""
    return np.array([key in event for key in keys])[found], found < len(keys) - 1


def _whole(value: object) -> bool:
    return type(value) is int and abs(value) <= MOST_POINTS


COMPUTATION = Discrimination()

__all__ = [
    "COMPUTATION", "HISTOGRAM", "KIND", "MOST_BANDS", "MOST_COLUMNS", "MOST_POINTS",
    "Card", "Discrimination", "outcome", "read_card",
]  # fmt: skip
