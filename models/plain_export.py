"""A risk model as plain JSON: everything that is needed to apply it by hand, and what each number means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from models.scorecard import Term, scorecard_of
from models.version import ModelVersion
from privacy.canonical import Document
from privacy.figures import figures_of
from privacy.variables import TRANSFORMS

SCHEMA: Final = {"name": "hedgerow-risk-model", "number": 1}
FORMULA: Mapping[str, str] = {
    "missing": "a missing value counts as if_missing",
    "clamp": "then: low where it is below low, high where it is above high",
    "unit": "(value - low) / (high - low)",
    "square": "((value - low) / (high - low)) squared",
    "log": "log(1 + value - low) / log(1 + high - low), natural logarithms",
    "at-least": "1 if value >= threshold, otherwise 0",
    "log_odds": "intercept + the sum over terms of weight x transformed value",
    "risk": "1 / (1 + exp(-log_odds))",
}
ARRAYS: Mapping[tuple[str, str], str] = {
    ("linear-risk", "weights"): "one weight a feature, in the order of terms, then the intercept",
    ("evaluation", "without"): "people held back without the outcome, by bin of predicted log odds, with noise",
    ("evaluation", "having"): "people held back with the outcome, by bin of predicted log odds, with noise",
    ("evaluation", "edges"): "the bins' edges, in log odds",
}
OTHER_ARRAY = "see the computation of this kind"


def as_json(model: ModelVersion, version: str) -> bytes:
    """Return the model as an indented JSON document; equal models give equal bytes, numbers read back exactly."""
    card = scorecard_of(model)
    study = model.study
    document: Document = {
        "schema": dict(SCHEMA),
        "model": {"version": version, "made_at": model.made_at},
        "study": {
            "name": study.name,
            "title": study.title,
            "hash": study.hash,
            "intended_use": study.intended_use,
            "data_set": study.data_set,
        },
        "outcome": _variable(Term(card.outcome, 0.0)),
        "inputs": list(card.inputs),
        "terms": [{**_variable(term), "weight": term.weight} for term in card.terms],
        "intercept": card.intercept,
        "formula": dict(FORMULA),
        "transforms": dict(TRANSFORMS),
        "arrays": _arrays(model),
    }
    if study.features:  # inputs that are features are made of events: how, with every code
        document["features"] = study.features.document()
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _variable(term: Term) -> Document:
    variable = term.variable
    return {
        "name": variable.name,
        "input": term.input,
        "transform": variable.transform,
        "low": variable.low,
        "high": variable.high,
        "if_missing": variable.if_missing,
        "threshold": variable.threshold,
        "periods_ahead": variable.periods_ahead,
    }


def _arrays(model: ModelVersion) -> Document:
    return {
        f"{step}/{name}": {
            "meaning": ARRAYS.get((result.kind, name), OTHER_ARRAY),
            "shape": list(array.shape),
            "values": array.tolist(),
        }
        for step, result in model.results.items()
        if not figures_of(result)  # of tables people see what `result show` shows
        for name, array in sorted(result.arrays.items())
    }


__all__ = ["ARRAYS", "FORMULA", "OTHER_ARRAY", "SCHEMA", "as_json"]
