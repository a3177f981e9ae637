"""A logistic risk model from six private sums: second moments once, then a few preconditioned gradients.

Why second order: every exchange costs budget, and noise grows with the root of the number of exchanges. One sum of
second moments, taken at a public starting point (the base rate), stands in for the Hessian of all later steps, so five
gradient sums do what forty plain gradient steps cannot (measured in ``docs/performance.md``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.risk import design
from privacy.arrays import Floats
from privacy.computation import Ask, Batch, Parameters, PlannedSum, Result, State, Total
from privacy.errors import Invalid
from privacy.fields import Fields

KIND = "linear-risk"
LEAST_CURVATURE = 1e-12  # of the largest: whatever total came, it can be inverted
MOMENTS, GRADIENT = "second-moments", "gradient"


class LinearRisk:
    """Logistic regression on variables between 0 and 1; each person weighs one, however many rows they have.

    Parameters: ``features`` and ``outcome`` (variables of the study), ``base_rate`` (a public guess at the outcome's
    rate), ``rounds``, ``clip`` of a person's gradient, ``typical_norm`` of a row, ``damping``, ``ridge`` and
    ``moments_share`` of the budget.
    """

    version = 1
    title = "Logistic risk model, second order"

    def plan(self, parameters: Parameters) -> tuple[PlannedSum, ...]:
        """Return one sum of second moments and ``rounds`` gradients."""
        p = _read(parameters)
        width = len(p["features"]) + 1
        return (
            PlannedSum(
                MOMENTS,
                "the average over their rows of every product of two features",
                width=width * (width + 1) // 2,
                clip=1.0,
                share=p["moments_share"],
            ),
            PlannedSum(
                GRADIENT,
                "the average over their rows of (predicted risk - outcome) times each feature",
                width=width,
                clip=p["clip"],
                share=1 - p["moments_share"],
                times=p["rounds"],
                state={"weights": (width,)},
            ),
        )

    def start(self, parameters: Parameters, earlier: Result | None) -> State:
        """Start at the base rate for everybody: a public point."""
        p = _read(parameters)
        weights = np.zeros(len(p["features"]) + 1)
        weights[-1] = math.log(p["base_rate"] / (1 - p["base_rate"])) * p["typical_norm"]
        return {"weights": weights, "path": np.zeros((0, len(weights)))}

    def next_request(self, parameters: Parameters, state: State) -> Ask | None:
        """Ask for the moments first, then for gradients at the current weights."""
        if "curvature" not in state:
            return Ask(MOMENTS)
        if len(state["path"]) < _read(parameters)["rounds"]:
            return Ask(GRADIENT, {"weights": state["weights"]})
        return None

    def contributions(self, parameters: Parameters, ask: Ask, batch: Batch) -> Floats:
        """Return a person's average over rows; rows are added up per person before anything is clipped."""
        p = _read(parameters)
        x = design(batch, p["features"]) / p["typical_norm"]
        if ask.sum == MOMENTS:
            above = np.triu_indices(x.shape[1])
            return batch.by_person(x[:, above[0]] * x[:, above[1]] * batch.weights[:, None])
        from models.gradients import row_gradients  # noqa: PLC0415 - torch: a second and 200 MB, needed only here

        gradients = row_gradients(ask.state["weights"], x, batch.variable(p["outcome"]))
        return batch.by_person(gradients * batch.weights[:, None])

    def absorb(self, parameters: Parameters, state: State, ask: Ask, total: Total) -> State:
        """Take the curvature from the noisy moments, or one damped Newton-like step along a noisy gradient."""
        p = _read(parameters)
        if ask.sum == MOMENTS:
            return {**state, "curvature": _curvature(total, p["ridge"]) * p["base_rate"] * (1 - p["base_rate"])}
        weights = state["weights"] - p["damping"] * np.linalg.solve(state["curvature"], total.values)
        return {**state, "weights": weights, "path": np.vstack([state["path"], weights])}

    def result(self, parameters: Parameters, state: State) -> Result:
        """Return the average of the later steps, whose noise partly cancels, on the variables' own scale."""
        p = _read(parameters)
        weights = state["path"][p["rounds"] // 2 :].mean(axis=0) / p["typical_norm"]
        readable = dict(zip([*p["features"], "(intercept)"], weights.tolist(), strict=True))
        facts = {"features": p["features"], "outcome": p["outcome"], "weights": readable}
        return Result(KIND, {"weights": weights}, facts)


def _curvature(total: Total, ridge: float) -> Floats:
    """Return noisy second moments made safe to invert: no negative directions, and a ridge of the noise's size."""
    width = math.isqrt(2 * len(total.values))
    upper = np.zeros((width, width))
    upper[np.triu_indices(width)] = total.values
    values, vectors = np.linalg.eigh(upper + np.triu(upper, 1).T)
    least = LEAST_CURVATURE * max(values.max(), 0)
    damped = np.maximum(values, least) + ridge * total.noise_sd * math.sqrt(width)
    return np.asarray(vectors * damped @ vectors.T)


def _read(parameters: Parameters) -> dict[str, Any]:
    faults: list[str] = []
    f = Fields(parameters, "parameters", faults)
    features = f.names("features")
    read: dict[str, Any] = {
        "features": features,
        "outcome": f.name("outcome"),
        "base_rate": f.number("base_rate", above=0),
        "rounds": f.whole("rounds", 5, least=1),
        "clip": f.number("clip", 0.6, above=0),
        "typical_norm": f.number("typical_norm", math.sqrt(len(features) / 4 + 1), above=0),
        "damping": f.number("damping", 0.6, above=0),
        "ridge": f.number("ridge", 1.0, above=0),
        "moments_share": f.number("moments_share", 0.15, above=0),
    }
    f.finish()
    if read["base_rate"] >= 1 or read["moments_share"] >= 1:
        faults.append("parameters: base_rate and moments_share are below 1")
    if faults:
        raise Invalid("parameters-wrong", KIND, faults=faults)
    return read


COMPUTATION = LinearRisk()

__all__ = ["COMPUTATION", "GRADIENT", "KIND", "LEAST_CURVATURE", "MOMENTS", "LinearRisk"]
