"""Whom a study's runs asked for what, and what came of it: kept after the end, live while one runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from coordinator.journal import Contact
from coordinator.rounds import Progress
from coordinator.runs import Run
from privacy.canonical import Document
from privacy.study import Study


def history_of(
    study: Study, runs: Sequence[Run], progress: Progress | None, contacts: Sequence[Contact], names: Mapping[str, str]
) -> Document:
    """Return every run and every exchange of a study: for each place, each node with when, how long, which code."""
    places: dict[int, list[Contact]] = {}
    for contact in contacts:
        places.setdefault(contact.place, []).append(contact)
    return {
        "study": study.name,
        "hash": study.hash,
        "runs": [run_document(run, names) for run in runs],
        "now": progress and now_document(progress, places.get(progress.place, ()), names),
        "exchanges": [
            {"place": place, "sum": asked[0].title, "nodes": [_contact(c, names) for c in asked]}
            for place, asked in places.items()
        ],
    }


def run_document(run: Run, names: Mapping[str, str]) -> Document:
    """Return one run as it stands or ended, and the nodes that it began with."""
    return {
        "id": run.id,
        "state": run.state,
        "code": run.code,
        "detail": run.detail,
        "nodes": [names.get(node, node) for node in run.roster],
        "deadline_seconds": run.deadline_seconds or None,
        "queued_at": run.queued_at,
        "ended_at": run.ended_at,
        "exchanges": len(run.seconds),
    }


def now_document(progress: Progress, contacts: Iterable[Contact], names: Mapping[str, str]) -> Document:
    """Return where a running run is: at which step and sum, who answered, who is waited for and since when."""
    waiting = [c for c in contacts if c.state == "waiting"]
    return {
        "step": progress.step,
        "place": progress.title,
        "done": progress.done,
        "planned": progress.planned,
        "answered": [names.get(c.node, c.node) for c in contacts if c.state == "answered"],
        "waiting": [names.get(c.node, c.node) for c in waiting],
        "since": min((c.asked_at for c in waiting), default=None),
    }


def _contact(contact: Contact, names: Mapping[str, str]) -> Document:
    return {
        "name": names.get(contact.node, contact.node),
        "fingerprint": contact.node,
        "state": contact.state,
        "asks": contact.asks,
        "asked_at": contact.asked_at,
        "ended_at": contact.ended_at,
        "seconds": contact.seconds,
        "code": contact.code,
    }


__all__ = ["history_of", "now_document", "run_document"]
