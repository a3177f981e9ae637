"""Counts and means by one to three variables with public keys: all margins measured once, and made to agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.margins import Margin, Workload
from privacy.arrays import Floats
from privacy.computation import Ask, Batch, Parameters, PlannedSum, Result, State, Total
from privacy.counting import MOST_FIGURES, Keys, places, read_keys
from privacy.errors import Invalid
from privacy.fields import Fields
from privacy.figures import Figures, Interval, averaged, counted, packed

KIND = "tables"
PEOPLE, SUM_OF = "people", "sum-of-"
MOST_VARIABLES, MOST_MEANS = 3, 8


class Tables:
    """People by all keys of one to three variables, by each pair and each alone; and means of other variables.

    Parameters: ``by`` (bands or codes), ``means`` (variables between 0 and 1), ``confidence`` of the intervals, and
    ``means_share`` of the budget, for all means together. Each person weighs one, shared out over their rows.
    """

    version = 1
    title = "Counts and means by group"

    def plan(self, parameters: Parameters) -> tuple[PlannedSum, ...]:
        """Return one sum of counts and one for each mean; each asks for all margins at once."""
        p = _read(parameters)
        cell = f"times {p.workload.weight:.4g}, in the cell of each row's keys in each margin"
        about = {PEOPLE: "1, shared out over their rows"}
        scale = "from -1 at the low end of its range to 1 at the high end, averaged over their rows"
        about |= {SUM_OF + name: f"{name}, {scale}" for name in p.means}
        share = {PEOPLE: 1 - p.means_share if p.means else 1.0}
        return tuple(
            PlannedSum(
                name, f"{said}, {cell}", p.workload.width, 1.0, share.get(name, p.means_share / max(len(p.means), 1))
            )
            for name, said in about.items()
        )

    def start(self, parameters: Parameters, earlier: Result | None) -> State:
        """Start with nothing."""
        return {}

    def next_request(self, parameters: Parameters, state: State) -> Ask | None:
        """Ask for each sum once."""
        wanted = [PEOPLE, *(SUM_OF + name for name in _read(parameters).means)]
        return next((Ask(name) for name in wanted if name not in state), None)

    def contributions(self, parameters: Parameters, ask: Ask, batch: Batch) -> Floats:
        """Return a person's rows spread over the cells of every margin, shape (people, figures)."""
        p = _read(parameters)
        amount = batch.weights * p.workload.weight
        if ask.sum != PEOPLE:
            value = np.clip(np.nan_to_num(batch.variable(ask.sum.removeprefix(SUM_OF))), 0.0, 1.0)
            amount = amount * (2 * value - 1)
        cells = np.zeros((batch.people, p.workload.width))
        for columns in p.workload.columns(places(batch, p.keys)):
            np.add.at(cells, (batch.person, columns), amount)
        return cells

    def absorb(self, parameters: Parameters, state: State, ask: Ask, total: Total) -> State:
        """Keep each noisy sum."""
        return {**state, ask.sum: total.values, f"{ask.sum}.sd": np.array([total.noise_sd])}

    def result(self, parameters: Parameters, state: State) -> Result:
        """Return every margin, consistent with all others, with an interval on every figure."""
        p = _read(parameters)
        people, sd = _fitted(p.workload, state, PEOPLE)
        sums = {name: _fitted(p.workload, state, SUM_OF + name) for name in p.means}
        names = tuple(p.keys)
        figures = [
            Figures(
                by=tuple(names[i] for i in margin),
                keys=tuple(p.keys[names[i]] for i in margin),
                people=counted(people[margin], sd[margin], p.confidence),
                sd=sd[margin],
                means={
                    name: _in_units(
                        averaged(each[margin], each_sd[margin], people[margin], sd[margin], p.confidence), p.means[name]
                    )
                    for name, (each, each_sd) in sums.items()
                },
            )
            for margin in ((), *p.workload.margins)
        ]
        arrays, facts = packed(figures, p.confidence)
        return Result(KIND, arrays, facts)


@dataclass(frozen=True)
class _Read:
    keys: Keys
    means: dict[str, tuple[float, float]]
    confidence: float
    means_share: float

    @property
    def workload(self) -> Workload:
        return Workload(tuple(map(len, self.keys.values())))


def _fitted(workload: Workload, state: State, name: str) -> tuple[dict[Margin, Floats], dict[Margin, float]]:
    noise = float(state[f"{name}.sd"][0])
    found = workload.consistent(workload.parted(state[name]))
    return found, {margin: workload.deviation(margin) * noise for margin in found}


def _in_units(mean: Interval, bounds: tuple[float, float]) -> Interval:
    """Return means between -1 and 1 on the variable's own scale."""
    low, high = bounds
    value, below, above = (low + (each + 1) / 2 * (high - low) for each in (mean.value, mean.low, mean.high))
    return Interval(value, below, above)


def _read(parameters: Parameters) -> _Read:
    faults: list[str] = []
    f = Fields(parameters, "parameters", faults)
    declared = f.anything("variables")
    read = _Read(
        read_keys(f, declared, most=MOST_VARIABLES),
        {name: _bounds(f, declared.get(name)) for name in (f.names("means") if "means" in f else [])},
        f.number("confidence", 0.95, above=0),
        f.number("means_share", 0.5, above=0),
    )
    f.finish()
    if len(read.means) > MOST_MEANS:
        f.fault("means", f"are at most {MOST_MEANS}")
    if read.confidence >= 1 or read.means_share >= 1:
        faults.append("parameters: confidence and means_share are below 1")
    if read.workload.width > MOST_FIGURES:
        faults.append(f"parameters.by: {read.workload.width:,} figures; at most {MOST_FIGURES:,}")
    if faults:
        raise Invalid("parameters-wrong", KIND, faults=faults)
    return read


def _bounds(f: Fields, variable: Any) -> tuple[float, float]:  # noqa: ANN401 - what the study says of it
    if not isinstance(variable, dict) or variable.get("transform") != "unit":
        f.fault("means", "are variables of the study whose transform is unit")
        return 0.0, 1.0
    return float(variable["low"]), float(variable["high"])


COMPUTATION = Tables()

__all__ = ["COMPUTATION", "KIND", "MOST_MEANS", "MOST_VARIABLES", "PEOPLE", "SUM_OF", "Tables"]
