"""How complete a study's columns are, a person at a time: what a node sums up once, with noise, for itself."""

from __future__ import annotations

import numpy as np

from privacy.arrays import Floats
from privacy.computation import Batch
from privacy.study import Study
from privacy.variables import Variable

RECORDED = "recorded."  # before a column's name: whether there is a value; no column or variable has a dot in its name


def recorded(study: Study) -> tuple[Variable, ...]:
    """Return a variable for each column of the study's quality: 1 in a row that has a value, otherwise 0."""
    names = [RECORDED + demand.column for demand in study.quality]
    return tuple(
        Variable(n, n, "unit", low=0.0, high=1.0, if_missing=0.0, threshold=0.0, periods_ahead=0) for n in names
    )


def completeness(study: Study, batch: Batch) -> Floats:
    """Return, a person, 1 and for each column the share of their rows with a value; shape (people, 1 + columns)."""
    rows = batch.matrix([variable.name for variable in recorded(study)])
    return np.column_stack([np.ones(batch.people), batch.by_person(rows * batch.weights[:, None])])


__all__ = ["RECORDED", "completeness", "recorded"]
