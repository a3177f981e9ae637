"""How well a risk model does on people it never saw: one private sum of scores by outcome gives AUC and calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.risk import log_odds, probability
from privacy.arrays import Floats
from privacy.auc import discrimination
from privacy.canonical import JSON
from privacy.computation import Ask, Batch, Parameters, PlannedSum, Result, State, Total
from privacy.errors import Invalid
from privacy.fields import Fields

KIND = "evaluation"
HISTOGRAM = "scores-by-outcome"


class Evaluation:
    """A histogram of predicted log odds, for people with and without the outcome; each person weighs one.

    Parameters: ``bins`` between the log odds ``low`` and ``high``, which are public; scores beyond go to the end bins.
    """

    version = 1
    title = "Discrimination and calibration on held-back people"

    def plan(self, parameters: Parameters) -> tuple[PlannedSum, ...]:
        """Return one histogram: a person's rows share out a total of one, so its norm is at most one."""
        meaning = "1, shared out over their rows, in the cell of predicted risk and outcome"
        bins, features = _read(parameters)["bins"], _features(parameters)
        state = {"weights": (len(features) + 1,)}
        return (PlannedSum(HISTOGRAM, meaning, width=2 * bins, clip=1.0, share=1.0, state=state),)

    def start(self, parameters: Parameters, earlier: Result | None) -> State:
        """Start from the model to evaluate."""
        if earlier is None:
            raise Invalid("parameters-wrong", "an evaluation names the step it evaluates with `of`")
        return dict(earlier.arrays)

    def next_request(self, parameters: Parameters, state: State) -> Ask | None:
        """Ask once."""
        return None if "total" in state else Ask(HISTOGRAM, {"weights": state["weights"]})

    def contributions(self, parameters: Parameters, ask: Ask, batch: Batch) -> Floats:
        """Return a person's rows spread over the cells, shape (people, 2 x bins): without the outcome, then with it."""
        p, model = _read(parameters), parameters["of"]
        score = np.clip(np.nan_to_num(log_odds(batch, model["features"], ask.state)), p["low"], p["high"])
        cell = np.minimum((score - p["low"]) / (p["high"] - p["low"]) * p["bins"], p["bins"] - 1).astype(np.int64)
        cell += p["bins"] * (batch.variable(model["outcome"]) > 0)
        counts = np.zeros((batch.people, 2 * p["bins"]))
        np.add.at(counts, (batch.person, cell), batch.weights)
        return counts

    def absorb(self, parameters: Parameters, state: State, ask: Ask, total: Total) -> State:
        """Keep the noisy histogram."""
        return {**state, "total": total.values, "noise_sd": np.array([total.noise_sd])}

    def result(self, parameters: Parameters, state: State) -> Result:
        """Return AUC with the error that the noise adds to it, and observed beside predicted rates, bin by bin."""
        p = _read(parameters)
        without, having = state["total"].reshape(2, p["bins"])
        edges = np.linspace(p["low"], p["high"], p["bins"] + 1)
        sd = float(state["noise_sd"][0])
        facts = {"noise_sd": sd, **discrimination(without, having, sd), **_calibration(without, having, edges, sd)}
        return Result(KIND, {"without": without, "having": having, "edges": edges}, facts)


def _features(parameters: Parameters) -> list[str]:
    model = parameters.get("of")
    if not isinstance(model, Mapping) or "features" not in model or "outcome" not in model:
        raise Invalid("parameters-wrong", "an evaluation names, as `of`, a step that learns a risk")
    return list(model["features"])


def _calibration(without: Floats, having: Floats, edges: Floats, noise_sd: float) -> dict[str, JSON]:
    """Return predicted and observed rates by bin; observed is None where the noise leaves nothing to say."""
    predicted = probability((edges[:-1] + edges[1:]) / 2)
    people = without + having
    enough = people > 2 * math.sqrt(2) * noise_sd  # two standard deviations of a bin's noise
    rates = np.clip(np.divide(having, people, out=np.zeros_like(people), where=enough), 0, 1)
    expected = float(predicted @ people)
    return {
        "predicted": predicted.tolist(),
        "observed": [float(rate) if known else None for rate, known in zip(rates, enough, strict=True)],
        "observed_to_expected": float(having.sum() / expected) if expected > 0 else None,
    }


def _read(parameters: Parameters) -> dict[str, Any]:
    faults: list[str] = []
    f = Fields(parameters, "parameters", faults)
    read = {"bins": f.whole("bins", 10, least=2), "low": f.number("low", -4.0), "high": f.number("high", 0.0)}
    f.anything("of")
    f.finish()
    if not read["low"] < read["high"]:
        faults.append("parameters.high: is above low")
    if faults:
        raise Invalid("parameters-wrong", KIND, faults=faults)
    return read


COMPUTATION = Evaluation()

__all__ = ["COMPUTATION", "HISTOGRAM", "KIND", "Evaluation"]
