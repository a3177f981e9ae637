"""Trained on the data, tested on people: what studies found of scorecards that were learned from made-up rows."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot

from privacy.auc import chance_sd, discrimination
from privacy.canonical import Document
from privacy.study import Step
from synthetic.computations.discrimination import KIND, read_card
from synthetic.fitted.exported import Exported
from synthetic.report.chance import SIGMAS
from synthetic.report.rows import keyed_rows
from synthetic.report.scorecard import auc_of, by_column
from synthetic.written.reading import DataSet


def steps_for(data: DataSet, exported: Exported) -> list[Step]:
    """Return the steps of a study that tried a scorecard which was trained on just these data."""
    steps = [step for step in exported.study.steps if step.use == KIND]
    return [step for step in steps if step.parameters.get("trained_on") == data.manifest.sha256]


def tried(data: DataSet, exported: Exported) -> Iterator[Document]:
    """Yield for each such step the AUC on people, with what noise and chance did to it, beside that on the data.

    Both are of the same scorecard and the same bands of scores, which the study fixed. The data's is of the very rows
    that the scorecard was trained on.
    """
    for step in steps_for(data, exported):
        card = read_card(exported.study.parameters(step))
        rows = keyed_rows(data, [exported.study.variable(name) for name in card.keys])
        result = exported.results[step.name]
        without, having = result.arrays["without"], result.arrays["having"]
        people = float(without.sum()), float(having.sum())
        found = discrimination(without, having, float(str(result.facts["noise_sd"])))
        ours, theirs, noise = auc_of(card, rows), found["auc"], found["auc_noise_sd"]
        of_rows = card.histogram(by_column(rows), rows.weights).sum(axis=1)
        chance = hypot(chance_sd(theirs, *people) or 0.0, chance_sd(ours, *of_rows.tolist()) or 0.0)
        yield {
            "study": exported.study.hash,
            "step": step.name,
            "people": step.people,
            "predicted": card.predicted,
            "event": list(card.event),
            "with_outcome": round(people[1]),
            "without_outcome": round(people[0]),
            "auc_on_data": ours,
            "auc_on_people": theirs,
            "noise_sd": noise,
            "chance_sd": chance,
            "off": _apart(ours, theirs, hypot(noise or 0.0, chance)),
        }


def _apart(one: float | None, other: float | None, sd: float) -> bool:
    return one is not None and other is not None and abs(one - other) > SIGMAS * sd


__all__ = ["steps_for", "tried"]
