"""A serving node's figures for a monitor: of the program and its budget, never of people, cohorts or values."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from node.assemble import Node
from node.contact import Contact
from privacy.accountant import epsilon
from privacy.health import Finding
from privacy.metrics import Metric, about_program, counter, gauge, process_metrics

NEVER = -1.0  # of seconds since something that has not happened


def node_metrics(node: Node, contact: Contact, findings: Sequence[Finding]) -> list[Metric]:
    """Return all of a node's figures; two nodes whose records differ by a person give the same.

    The audit log's length is not among them: when it grew would tell when somebody looked up patients.
    """
    return [
        *about_program("hedgerow-node", findings),
        _contact(node, contact),
        *_requests(node),
        *_budget(node),
        *process_metrics(_status(), sum(os.times()[:2])),
    ]


def _contact(node: Node, contact: Contact) -> Metric:
    seconds = contact.touch.seconds(node.now())
    about = "Seconds since the coordinator last answered; -1 while it never has."
    return gauge("hedgerow_seconds_since_contact", about, NEVER if seconds is None else round(seconds))


def _requests(node: Node) -> Iterable[Metric]:
    counts = node.door.tally.counts()
    about = "Requests of the coordinator (not people), by what they were answered with: ok, or a refusal's code."
    yield counter("hedgerow_requests", about, "code", {"ok": 0.0, **counts})
    row = node.database.one("SELECT count(*) AS charges FROM charge")
    charges = float(row["charges"]) if row else 0.0
    yield Metric("hedgerow_charges", "Places charged, ever (not people).", "counter", (({}, charges),))


def _budget(node: Node) -> Iterable[Metric]:
    delta, spent, left = node.policy.lifetime_delta, [], []
    for account in node.ledger.accounts():
        labels = {"part": account.part, "view": account.view}
        used, ceiling = epsilon(account.spent, delta), epsilon(account.ceiling, delta)
        spent.append((labels, round(used, 3)))
        left.append((labels, round(ceiling - used, 3)))
    yield Metric("hedgerow_epsilon_spent", "A person's lifetime epsilon spent.", "gauge", tuple(spent))
    yield Metric("hedgerow_epsilon_left", "A person's lifetime epsilon left.", "gauge", tuple(left))


def _status() -> str:
    return Path("/proc/self/status").read_text(encoding="ascii")


__all__ = ["NEVER", "node_metrics"]
