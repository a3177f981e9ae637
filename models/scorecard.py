"""A risk model's recipe, free of any study: which columns it reads, what is done to each, and with which weight."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.computations.linear_risk import KIND
from models.version import ModelVersion
from privacy.errors import Invalid
from privacy.variables import Variable


@dataclass(frozen=True)
class Term:
    """One feature: a variable of the study, and what its transformed value is multiplied by."""

    variable: Variable
    weight: float

    @property
    def input(self) -> str:
        """Return the name of what it reads: a column, or a column of a later period."""
        ahead = self.variable.periods_ahead
        return f"{self.variable.column}+{ahead}" if ahead else self.variable.column


@dataclass(frozen=True)
class Scorecard:
    """A logistic model on raw columns: the risk is ``1 / (1 + exp(-(intercept + sum of weight x transformed value)))``.

    A missing value counts as ``if_missing``; then a value is clamped to ``low … high``, then transformed.
    """

    terms: tuple[Term, ...]
    intercept: float
    outcome: Variable

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the columns that it reads, each once, in the order of the features."""
        return tuple(dict.fromkeys(term.input for term in self.terms))


def scorecard_of(model: ModelVersion) -> Scorecard:
    """Return the recipe of a study's risk model; any other result is ``model-kind-absent``."""
    result = model.result(KIND)
    features, outcome = result.facts.get("features"), result.facts.get("outcome")
    weights = [float(w) for w in result.arrays["weights"]] if "weights" in result.arrays else []
    if not isinstance(features, list) or not isinstance(outcome, str) or len(weights) != len(features) + 1:
        raise Invalid("model-kind-absent", KIND)
    if not all(math.isfinite(weight) for weight in weights):
        raise Invalid("model-kind-absent", "its weights are not numbers")
    terms = tuple(Term(model.study.variable(str(f)), w) for f, w in zip(features, weights[:-1], strict=True))
    return Scorecard(terms, weights[-1], model.study.variable(outcome))


__all__ = ["Scorecard", "Term", "scorecard_of"]
