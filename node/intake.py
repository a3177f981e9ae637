"""May this study run here? The machine's own questions, before any person is asked; none of them looks at a record."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from node.policy import Policy
from privacy.computation import Finder
from privacy.contract import Contract
from privacy.dry_run import dry_run
from privacy.errors import Invalid, Refusal
from privacy.feature_fit import check_code_lists, check_features
from privacy.ledger import Ledger
from privacy.programme import Programme, programme
from privacy.study import Study


@dataclass(frozen=True)
class Intake:
    """What this node knows of itself: its fingerprint, software, computations, data contracts and budget."""

    node: str
    software: Callable[[], str]
    finder: Finder
    contract: Callable[[str], Contract]
    ledger: Ledger
    trial: Callable[[Study, Finder], None] = dry_run

    def check(self, study: Study, policy: Policy, today: datetime.date) -> Programme:
        """Return the study's price if it may run here; otherwise one code that says why not."""
        self.check_standing(study, policy, today)
        if self.node not in {i.fingerprint for i in study.invited}:
            raise Refusal("not-invited")
        if study.features:  # once, before anybody approves: a list that ships later is no reason to stop what runs
            check_code_lists(study.features)
        priced = programme(study, self.finder)
        self.ledger.check_affordable(priced, policy.shares())
        return priced

    def set_aside(self, connection: sqlite3.Connection, study: Study, policy: Policy, at: str) -> None:
        """Set aside all that an approved study can charge, in the transaction of its approval; or it does not fit."""
        self.ledger.reserve(connection, programme(study, self.finder), at=at, shares=policy.shares())

    def try_on_nobody(self, study: Study) -> None:
        """Return if all of the study's computations run through on an empty batch; otherwise a code says why not."""
        self.trial(study, self.finder)

    def check_standing(self, study: Study, policy: Policy, today: datetime.date) -> None:
        """Return if what can change after approval has not: the date, the policy, the data contract, the software."""
        study.check_not_ended(today)
        policy.check(study)
        check_variables(study, self.contract(study.data_set))
        if study.features:
            check_features(study.features, self.contract(study.data_set), self.contract)
        ours = {step.use: self.finder.find(step.use).version for step in study.steps}
        stated = study.software
        if stated is None or stated.package != self.software() or dict(stated.computations) != ours:
            raise Refusal("software-differs")


def check_variables(study: Study, contract: Contract) -> None:
    """Return if every variable is made of a stored column or feature, within bounds; quality asks of stored columns."""
    for demand in study.quality:
        if demand.column not in {column.name for column in contract.stored}:
            raise Invalid("variable-unknown", f"quality: {demand.column}")
    stored = {column.name: column for column in contract.stored}
    for variable in study.variables:
        feature = study.features.feature(variable.column) if study.features else None
        if fault := variable.fault(stored.get(variable.column), feature):
            raise fault
        if variable.periods_ahead and contract.period is None:
            raise Invalid("variable-unknown", f"{variable.name}: {contract.name} has no periods")


__all__ = ["Intake", "check_variables"]
