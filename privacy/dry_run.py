"""A study run through on nobody: every computation asked and absorbed once, before anybody is asked to approve it."""

from __future__ import annotations

import numpy as np

from privacy.computation import Batch, Finder, Result, Total
from privacy.errors import HedgerowError, Invalid
from privacy.study import Step, Study

NO_ROWS = np.zeros(0)


def dry_run(study: Study, finder: Finder) -> None:
    """Return if all of a study's computations run to their end on an empty batch and totals of zero.

    A step that fails, gives another shape than its plan, or asks for more than planned is ``dry-run-failed``. What a
    computation imports is then in memory, so that the first real request need not wait for it.
    """
    results: dict[str, Result] = {}
    for step in study.steps:
        try:
            results[step.name] = _step(study, step, finder, results.get(step.of))
        except HedgerowError:
            raise
        except Exception as error:
            raise Invalid("dry-run-failed", f"step {step.name}: {type(error).__name__}") from error


def _step(study: Study, step: Step, finder: Finder, earlier: Result | None) -> Result:
    computation, parameters = finder.find(step.use), study.parameters(step)
    planned = {each.name: each for each in computation.plan(parameters)}
    left = {name: each.times for name, each in planned.items()}
    nobody = Batch(0, np.zeros(0, np.int64), {variable.name: NO_ROWS for variable in study.variables})
    state = computation.start(parameters, earlier)
    while (ask := computation.next_request(parameters, state)) is not None:
        left[ask.sum] -= 1
        width, carried = planned[ask.sum].width, {name: array.shape for name, array in ask.state.items()}
        rows = computation.contributions(parameters, ask, nobody)
        if left[ask.sum] < 0 or carried != planned[ask.sum].state or rows.shape != (0, width):
            raise Invalid("dry-run-failed", f"step {step.name}: {ask.sum}")
        state = computation.absorb(parameters, state, ask, Total(np.zeros(width), noise_sd=1.0))
    return computation.result(parameters, state)


__all__ = ["NO_ROWS", "dry_run"]
