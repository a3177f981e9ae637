"""Checks of what a node has written down: clock, log, policy, opt-outs, budget, open studies."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable

from node.doctor.subject import Subject
from node.governance import WAITING
from node.optouts import current_optouts
from privacy.accountant import epsilon
from privacy.health import Check, Look, beware, well
from privacy.software import package_sha256
from privacy.soundness import look_at_clock

SCARCE = 0.1  # of a lifetime's epsilon: time to speak with the people who decide
OPEN = {"received", *WAITING, "runnable", "running"}


def checks(subject: Subject) -> Iterable[Check]:
    """Yield the checks of one node's books."""
    return (
        Check("clock", lambda: clock(subject)),
        Check("policy", lambda: policy(subject)),
        Check("log", lambda: _log(subject)),
        Check("records", lambda: _records(subject)),
        Check("opt-outs", lambda: optouts(subject)),
        Check("budget", lambda: _budget(subject)),
        Check("studies", lambda: _studies(subject)),
    )


def clock(subject: Subject) -> Look:
    """Hold the clock against the newest leaf of the log."""
    row = subject.database.one("SELECT content FROM audit_leaf ORDER BY position DESC LIMIT 1")
    newest = datetime.datetime.fromisoformat(json.loads(row["content"])["at"]) if row else None
    return look_at_clock(subject.now, newest)


def policy(subject: Subject) -> Look:
    """Verify the policy in force: its text, and the signatures of two people."""
    _ = subject.database
    return well(f"in force, signed by two, {len(subject.node.policy.approvers)} may decide")


def optouts(subject: Subject) -> Look:
    """Judge the age of the opt-out list."""
    _ = subject.database
    at_most = subject.node.policy.optouts_at_most_days
    listed = current_optouts(subject.node.store, now=subject.now, at_most_days=at_most)
    days = (subject.now.astimezone(datetime.UTC).date() - listed.as_of).days
    if days >= at_most - 1:
        return beware(f"as of {listed.as_of}: everything stops within a day", "hedgerow-node optout load FILE --as-of")
    return well(f"as of {listed.as_of}; it may be {at_most} days old")


def _log(subject: Subject) -> Look:
    _ = subject.database
    subject.node.verify()
    return well("every leaf and checkpoint holds; ledger, policy, studies and store are what the log says")


def _records(subject: Subject) -> Look:
    _ = subject.database
    return well(f"{subject.node.store.files.open_each()} encrypted files, each opens")


def _budget(subject: Subject) -> Look:
    _ = subject.database
    delta, lines, low = subject.node.policy.lifetime_delta, [], False
    for account in subject.node.ledger.accounts():
        spent, ceiling = epsilon(account.spent, delta), epsilon(account.ceiling, delta)
        low |= ceiling - spent < SCARCE * ceiling
        lines.append(f"{account.part}, {account.view} view: epsilon {spent:.2f} of {ceiling:.2f} spent")
    text = "\n".join(["for life:", *lines])
    return beware(text, "hedgerow-node ledger show, and tell those who decide.") if low else well(text)


def _studies(subject: Subject) -> Look:
    _ = subject.database
    records = [r for r in subject.node.governance.register.all() if r.state in OPEN]
    ours = package_sha256()
    other = [r.name for r in records if (s := r.study().software) is None or s.package != ours]
    if other:
        told = f"{len(other)} of {len(records)} open studies were made for other software: " + ", ".join(sorted(other))
        return beware(told, "Ask the hub to submit them anew for this release, or install the release they name.")
    if subject.node.governance.register.paused:
        return beware("the node is paused: every request is refused", "hedgerow-node resume")
    waiting = sum(r.state in WAITING for r in records)
    return well(f"{len(records)} open, {waiting} of them waiting for somebody here")


__all__ = ["OPEN", "SCARCE", "checks", "clock", "optouts", "policy"]
