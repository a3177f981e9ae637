"""Where does a study stand, and what did it find? Plain documents for operators, on the wire and on the screen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import median

from coordinator.histories import now_document, run_document
from coordinator.journal import Contact
from coordinator.rounds import Progress
from coordinator.runs import Run
from coordinator.studies import Decision, Withdrawal
from models.version import ModelVersion, version_of
from privacy.canonical import Document
from privacy.computation import Result
from privacy.figures import figures_of
from privacy.lineage import epsilons
from privacy.observers import apart, who
from privacy.study import Study


def status_of(
    study: Study,
    *,
    submitted_at: str,
    decisions: Sequence[Decision],
    online: Collection[str],
    run: Run | None,
    progress: Progress | None,
    contacts: Sequence[Contact],
    model: str | None,
    withdrawal: Withdrawal | None = None,
) -> Document:
    """Return who approved, who refused and why, who is online, and whom a run waits for, where and since when."""
    names = {decision.node: decision.name for decision in decisions}
    ready = [d.node for d in decisions if d.state == "approved" and d.node in online]
    return {
        "study": study.name,
        "hash": study.hash,
        "title": study.title,
        "submitted_at": submitted_at,
        "ends": study.ends,
        "quorum": study.privacy.quorum,
        "nodes": [_decision(d, online) for d in decisions],
        "approved": sum(d.state == "approved" for d in decisions),
        "approved_and_online": len(ready),
        "ready": len(ready) >= study.privacy.quorum and withdrawal is None,
        "run": run_document(run, names) | (now_document(progress, contacts, names) if progress else {})
        if run
        else None,
        "model": model,
        "withdrawn": {"at": withdrawal.at, "reason": withdrawal.reason} if withdrawal else None,
    }


def _decision(decision: Decision, online: Collection[str]) -> Document:
    return {
        "name": decision.name,
        "fingerprint": decision.node,
        "state": decision.state,
        "code": decision.code,
        "at": decision.at,
        "online": decision.node in online,
    }


def result_of(
    content: bytes, model: ModelVersion, run: Run | None, shown: Mapping[str, Document] | None = None
) -> Document:
    """Return what a study found, what it cost and what it took; of tables only what is ``shown``, by step."""
    study, seconds = model.study, run.seconds if run else ()
    spent = epsilons(study, model.receipts)
    return {
        "study": study.name,
        "hash": study.hash,
        "title": study.title,
        "version": version_of(content),
        "made_at": model.made_at,
        "steps": [_step(step.name, model.results[step.name], shown or {}) for step in study.steps],
        "nodes": sorted({receipt.node for receipt in model.receipts}),
        "receipts": len(model.receipts),
        "epsilon": study.privacy.epsilon,
        "epsilon_spent": spent["colluders"][1],
        "epsilon_against": [
            {"observer": o, "who": who(o, study.privacy), "epsilon": {str(m): e for m, e in spent[o].items()}}
            for o in apart(study.privacy)
        ],
        "delta": study.privacy.delta,
        "exchanges": len(seconds),
        "seconds_per_exchange": median(seconds) if seconds else None,
        "seconds_total": sum(seconds),
    }


def _step(name: str, result: Result, shown: Mapping[str, Document]) -> Document:
    """Return what a step found; of one with tables only what was decided to be shown."""
    if figures_of(result):
        return {"step": name, "kind": result.kind, "facts": {}, **shown.get(name, {})}
    return {"step": name, "kind": result.kind, "facts": dict(result.facts)}


__all__ = ["result_of", "status_of"]
