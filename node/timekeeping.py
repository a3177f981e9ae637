"""When a clock ran ahead and was set right: two people say so, and the log goes on from the right time."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import stamp
from node.consent import both_sign, require_two
from node.policy import Policy
from privacy.audit import CLOCK_ACCEPTED, AuditLog
from privacy.canonical import Document
from privacy.durable import Database
from privacy.errors import Refusal

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
    require_two(policy, keys)
    with database.transaction() as connection:
        accepted = Accepted(audit.newest_at(), stamp(now))
        if datetime.datetime.fromisoformat(accepted.was) <= now:
            raise Refusal("clock-not-behind", f"the newest leaf is of {accepted.was}")
        statement: Document = {"node": node, "was": accepted.was, "now": accepted.now, "leaves": audit.size}
        facts = {**statement, "signatures": both_sign(policy, keys, CLOCK, statement)}
        audit.append(connection, CLOCK_ACCEPTED, facts, at=accepted.now)
    return accepted


__all__ = ["CLOCK", "Accepted", "accept_clock"]
