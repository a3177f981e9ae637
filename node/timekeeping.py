"""When a clock ran ahead and was set right: two people say so, and the log goes on from the right time."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import stamp
from node.people import require_person
from node.policy import APPROVALS_NEEDED, Policy
from privacy.audit import CLOCK_ACCEPTED, AuditLog
from privacy.canonical import Document
from privacy.durable import Database
from privacy.errors import Refusal
from privacy.signing import sign

CLOCK = "clock"  # the context of the signatures


@dataclass(frozen=True)
class Accepted:
    """What two people accepted: leaves up to ``was`` are in the log, and the next may be of ``now``."""

    was: str
    now: str


def accept_clock(
    database: Database,
    audit: AuditLog,
    policy: Policy,
    keys: Mapping[str, Ed25519PrivateKey],
    *,
    node: str,
    now: datetime.datetime,
) -> Accepted:
    """Let the log go on from ``now``, which is earlier than its newest leaf; two people who may approve sign it.

    Only a leaf that says so lets time in the log run back. A clock that is not behind has nothing to be accepted:
    ``clock-not-behind``.
    """
    for name, key in keys.items():
        require_person(policy.approver(name), key)
    if len(keys) < APPROVALS_NEEDED:
        raise Refusal("same-person-twice", "two different people accept a clock")
    with database.transaction() as connection:
        accepted = Accepted(audit.newest_at(), stamp(now))
        if datetime.datetime.fromisoformat(accepted.was) <= now:
            raise Refusal("clock-not-behind", f"the newest leaf is of {accepted.was}")
        statement: Document = {"node": node, "was": accepted.was, "now": accepted.now, "leaves": audit.size}
        signatures = {name: sign(key, CLOCK, statement) for name, key in sorted(keys.items())}
        audit.append(connection, CLOCK_ACCEPTED, {**statement, "signatures": signatures}, at=accepted.now)
    return accepted


__all__ = ["CLOCK", "Accepted", "accept_clock"]
