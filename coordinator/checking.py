"""Does a study hold together before anybody is asked to approve it? Every fault at once."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from privacy.computation import Finder
from privacy.contract import Contract
from privacy.errors import HedgerowError, Invalid
from privacy.feature_fit import check_features
from privacy.programme import programme
from privacy.study import DECLARED, NUMBERS, Step, Study, listed


def check_study(study: Study, *, finder: Finder, today: datetime.date, contract: Contract | None = None) -> None:
    """Return if the study can be asked: canonical, unexpired, its computations, variables and price in order.

    With a ``contract`` also its columns. Of several faults, the first gives the code and all are listed.
    """
    study.check_not_ended(today)
    faults = list(_faults(study, finder, contract))
    if not faults:
        programme(study, finder)
        return
    if len(faults) == 1:
        raise faults[0]
    raise Invalid(faults[0].code, study.name, faults=[line for fault in faults for line in _lines(fault)])


def _faults(study: Study, finder: Finder, contract: Contract | None) -> Iterator[HedgerowError]:
    try:
        study.document() and study.hash
    except ValueError:  # a date, a huge whole number: nothing that RFC 8785 can write down
        yield Invalid("study-malformed", study.name, faults=["steps: parameters are texts, numbers, lists and tables"])
        return
    for step in study.steps:
        yield from _step_faults(study, step, finder)
    yield from _feature_faults(study, contract)
    if contract is not None:
        yield from _column_faults(study, contract)


def _step_faults(study: Study, step: Step, finder: Finder) -> Iterator[HedgerowError]:
    """Try a step's plan; by convention parameters of certain names name variables."""
    try:
        finder.find(step.use).plan(study.parameters(step))
    except HedgerowError as error:
        there = f"; there are {', '.join(finder.names())}" if error.code == "computation-unknown" else ""
        where = f"step {step.name}" + (f": {error.detail}{there}" if error.detail else "")
        yield type(error)(error.code, where, faults=error.faults)
        return
    known = {variable.name for variable in study.variables}
    named = [n for p in (*DECLARED, *NUMBERS) for n in listed(step.parameters.get(p)) if isinstance(n, str)]
    for name in dict.fromkeys(named):
        if name not in known:
            yield Invalid("variable-unknown", f"step {step.name}: {name}")


def _column_faults(study: Study, contract: Contract) -> Iterator[HedgerowError]:
    if study.data_set != contract.name:
        yield Invalid("data-set-other", f"the study names {study.data_set}, the contract is {contract.name}")
    stored = {column.name: column for column in contract.stored}
    for variable in study.variables:
        if study.features and study.features.feature(variable.column):
            continue
        if fault := variable.fault(stored.get(variable.column), None):
            yield fault
        if variable.periods_ahead and contract.period is None:
            yield Invalid("variable-unknown", f"variable {variable.name}: {contract.name} has no periods")


def _feature_faults(study: Study, contract: Contract | None) -> Iterator[HedgerowError]:
    """Hold variables against their features' bounds, and what is read of the contract's data set against it."""
    for variable in study.variables:
        feature = study.features.feature(variable.column) if study.features else None
        if feature is None:
            continue
        if fault := variable.fault(None, feature):
            yield fault
        if variable.periods_ahead:
            yield Invalid("variable-unknown", f"variable {variable.name}: features have no periods")
    if study.features and contract is not None and contract.name == study.data_set:
        try:
            check_features(study.features, contract)
        except Invalid as error:
            yield error


def _lines(fault: HedgerowError) -> list[str]:
    where = f"{fault.code}: {fault.detail}" if fault.detail else fault.code
    return [f"{where}: {each}" for each in fault.faults] or [where]


__all__ = ["check_study"]
