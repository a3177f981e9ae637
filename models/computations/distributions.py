"""Histograms on public bands and the quantiles that they tell, of several variables from one private sum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.margins import weight_of
from privacy.arrays import Floats
from privacy.canonical import JSON
from privacy.computation import Ask, Batch, Parameters, PlannedSum, Result, State, Total
from privacy.counting import MOST_FIGURES, Keys, places, read_keys
from privacy.errors import Invalid
from privacy.fields import Fields
from privacy.figures import Figures, counted, deviations, packed

KIND = "distributions"
HISTOGRAMS = "histograms"
MOST_VARIABLES = 20


class Distributions:
    """People by each band of one variable after the other, and quantiles of each.

    Parameters: ``by`` (bands), ``quantiles`` between 0 and 1, and ``confidence`` of the intervals. Each person weighs
    one in each histogram, shared out over their rows. Quantiles are of rows that have a value.
    """

    version = 1
    title = "Histograms and quantiles"

    def plan(self, parameters: Parameters) -> tuple[PlannedSum, ...]:
        """Return one sum: all histograms side by side."""
        p = _read(parameters)
        meaning = f"1, shared out over their rows, times {p.weight:.4g}, in the band of each row in each histogram"
        return (PlannedSum(HISTOGRAMS, meaning, width=p.width, clip=1.0, share=1.0),)

    def start(self, parameters: Parameters, earlier: Result | None) -> State:
        """Start with nothing."""
        return {}

    def next_request(self, parameters: Parameters, state: State) -> Ask | None:
        """Ask once."""
        return None if HISTOGRAMS in state else Ask(HISTOGRAMS)

    def contributions(self, parameters: Parameters, ask: Ask, batch: Batch) -> Floats:
        """Return a person's rows spread over the bands of every histogram, shape (people, all bands)."""
        p = _read(parameters)
        cells, start = np.zeros((batch.people, p.width)), 0
        for place, keys in zip(places(batch, p.keys), p.keys.values(), strict=True):
            np.add.at(cells, (batch.person, start + place), batch.weights * p.weight)
            start += len(keys)
        return cells

    def absorb(self, parameters: Parameters, state: State, ask: Ask, total: Total) -> State:
        """Keep the noisy histograms."""
        return {HISTOGRAMS: total.values, "sd": np.array([total.noise_sd])}

    def result(self, parameters: Parameters, state: State) -> Result:
        """Return each histogram and its quantiles, with an interval on every figure."""
        p = _read(parameters)
        sd = float(state["sd"][0]) / p.weight
        ends = np.cumsum([len(keys) for keys in p.keys.values()])[:-1]
        parts = dict(zip(p.keys, np.split(state[HISTOGRAMS] / p.weight, ends), strict=True))
        figures = [
            Figures((name,), (p.keys[name],), counted(part, sd, p.confidence), sd, {}) for name, part in parts.items()
        ]
        arrays, facts = packed(figures, p.confidence)
        found: dict[str, JSON] = {
            name: [quantile(part[:-1], p.edges[name], each, sd, p.confidence) for each in p.quantiles]
            for name, part in parts.items()
        }
        return Result(KIND, arrays, {**facts, "quantiles": found})


@dataclass(frozen=True)
class _Read:
    keys: Keys
    edges: dict[str, NDArray[np.float64]]
    quantiles: tuple[float, ...]
    confidence: float

    @property
    def width(self) -> int:
        return sum(map(len, self.keys.values()))

    @property
    def weight(self) -> float:
        """Return what each figure is multiplied by: the histograms are margins, side by side."""
        return weight_of(len(self.keys))


def quantile(people: Floats, edges: Floats, part: float, sd: float, confidence: float) -> dict[str, JSON]:
    """Return a quantile of a noisy histogram between ``edges``, one more than bands, and an interval around it.

    The interval ends at edges. From below, edges are tested one after the other until the first one that is not clearly
    short of the quantile; from above likewise. So each end is wrong with at most half of what the confidence leaves
    (fixed-sequence testing), however many edges there are. Without people it is everything, and there is no value.
    """
    bands = len(people)
    below = np.concatenate([[0.0], np.cumsum(people)])
    if below[-1] <= deviations(confidence) * sd * math.sqrt(bands):
        return {"at": part, "value": None, "low": float(edges[0]), "high": float(edges[-1])}
    excess = below - part * below[-1]  # above zero at edges beyond the quantile
    at = np.arange(bands + 1)
    spread = deviations(confidence) * sd * np.sqrt((1 - part) ** 2 * at + part**2 * (bands - at))
    low = float(edges[np.argmin(excess[1:] + spread[1:] < 0)])
    high = float(edges[bands - np.argmin((excess - spread)[-2::-1] > 0)])
    rising = (np.maximum.accumulate(below) + np.minimum.accumulate(below[::-1])[::-1]) / 2
    value = float(np.interp(part * below[-1], rising, edges))
    return {"at": part, "value": min(max(value, low), high), "low": low, "high": high}


def _read(parameters: Parameters) -> _Read:
    faults: list[str] = []
    f = Fields(parameters, "parameters", faults)
    declared = f.anything("variables")
    keys = read_keys(f, declared, most=MOST_VARIABLES)
    quantiles = f.numbers("quantiles", (0.25, 0.5, 0.75))
    confidence = f.number("confidence", 0.95, above=0)
    f.finish()
    if any(not 0 < each < 1 for each in quantiles):
        f.fault("quantiles", "are between 0 and 1")
    if confidence >= 1:
        f.fault("confidence", "is below 1")
    edges = {name: _edges(f, declared.get(name)) for name in keys}
    read = _Read(keys, edges, quantiles, confidence)
    if read.width > MOST_FIGURES:
        faults.append(f"parameters.by: {read.width:,} figures; at most {MOST_FIGURES:,}")
    if faults:
        raise Invalid("parameters-wrong", KIND, faults=faults)
    return read


def _edges(f: Fields, variable: Any) -> NDArray[np.float64]:  # noqa: ANN401 - what the study says of it
    if not isinstance(variable, dict) or variable.get("transform") != "band":
        f.fault("by", "names bands: codes have no order")
        return np.array([0.0, 1.0])
    return np.array([variable["low"], *variable["edges"], variable["high"]], np.float64)


COMPUTATION = Distributions()

__all__ = ["COMPUTATION", "HISTOGRAMS", "KIND", "MOST_VARIABLES", "Distributions", "quantile"]
