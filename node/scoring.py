"""What a shared model says of this node's own people: scores for those who may see them, and a local report.

Nothing here leaves: results go to files that only this account can read, through the inner door.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.computations.linear_risk import KIND
from models.risk import log_odds, probability
from models.variables import batch
from models.version import ModelVersion
from node.cohort import Cohort, cohorts, together
from node.features import Features
from node.store import Store
from privacy.arrays import Floats, Integers
from privacy.atomic import put
from privacy.computation import People
from privacy.optouts import OptOuts
from privacy.variables import Variable


@dataclass(frozen=True)
class LocalReport:
    """How this node's own model, fitted without noise on its own records, and the shared one do on people held back.

    Exact figures about patients: they stay here. ``people`` counts the cohort; AUC weighs each person one, and is
    None where only one outcome occurs.
    """

    people: int
    people_held_back: int
    auc_local: float | None
    auc_shared: float | None


def score(model: ModelVersion, store: Store, optouts: OptOuts, out: Path) -> int:
    """Write each person's risk at their latest row, highest first, by pseudonym; return how many people."""
    result = model.result(KIND)
    features = [str(name) for name in _names(result.facts["features"])]
    variables = [model.study.variable(name) for name in features]
    people: list[NDArray[np.str_]] = []
    periods, risks = [], []
    for shard in _cohorts(model, store, optouts, variables, "everyone", features=Features()):
        last = np.flatnonzero(np.diff(shard.table.person, append=-1))
        risks.append(probability(log_odds(batch(shard.table.take(last), variables), features, result.arrays)))
        people.append(shard.pseudonyms[last])
        periods.append(shard.table.period[last])
    risk = np.concatenate(risks)
    order = np.argsort(-risk, kind="stable")
    _write_scores(np.concatenate(people)[order], np.concatenate(periods)[order], risk[order], out)
    return len(risk)


def compare(model: ModelVersion, store: Store, optouts: OptOuts, out: Path) -> LocalReport:
    """Fit this node's own model, set it beside the shared one, and write the local report as JSON."""
    from models.alone import auc, fit_alone  # noqa: PLC0415 - scikit-learn: two seconds that scoring does not need

    result = model.result(KIND)
    features, outcome = [str(n) for n in _names(result.facts["features"])], str(result.facts["outcome"])
    variables = [model.study.variable(name) for name in [*features, outcome]]
    parts: tuple[People, ...] = ("training", "held-back")
    kept = Features()  # both parts have the same
    training, held = (
        batch(together(_cohorts(model, store, optouts, variables, part, features=kept)).table, variables)
        for part in parts
    )
    report = LocalReport(
        people=training.people + held.people,
        people_held_back=held.people,
        auc_local=auc(held, outcome, log_odds(held, features, fit_alone(training, features, outcome))),
        auc_shared=auc(held, outcome, log_odds(held, features, result.arrays)),
    )
    put(out, (json.dumps(asdict(report), indent=2) + "\n").encode())
    return report


def _cohorts(
    model: ModelVersion,
    store: Store,
    optouts: OptOuts,
    variables: list[Variable],
    people: People,
    *,
    features: Features,
) -> Iterator[Cohort]:
    version = store.latest(model.study.data_set)
    found = features.of(model.study, store, version)
    return cohorts(store, version, optouts, variables, people, features=found.table if found else None)


def _write_scores(people: NDArray[np.str_], periods: Integers, risk: Floats, out: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["person", "period", "risk"])
    writer.writerows(zip(people, periods, np.round(risk, 6), strict=True))
    put(out, text.getvalue().encode())


def _names(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


__all__ = ["LocalReport", "compare", "score"]
