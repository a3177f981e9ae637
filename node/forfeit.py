"""When nobody can say how long the log was: two people sign that the budget counts as spent, and the node goes on."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import stamp
from node.consent import both_sign, require_two
from node.policy import Policy
from privacy.audit import AuditLog
from privacy.canonical import Document
from privacy.durable import Database
from privacy.ledger import Ledger
from privacy.spending import FORFEITED, spending_document

FORFEIT = "forfeit"  # the context of the signatures


def forfeit_budget(
    database: Database,
    audit: AuditLog,
    ledger: Ledger,
    policy: Policy,
    keys: Mapping[str, Ed25519PrivateKey],
    *,
    node: str,
    now: datetime.datetime,
) -> Document:
    """Set every account to spent, for good; two people who may approve sign it. Return what counts as spent.

    What was set aside for approved studies goes too. What an older state had forgotten cannot be spent again then,
    since nothing can be.
    """
    require_two(policy, keys)
    with database.transaction() as connection:
        for study in sorted({held.study for held in ledger.reservations.all()}):
            ledger.reservations.free(connection, study, stamp(now))
        connection.execute("UPDATE account SET spent = ceiling")
        rows = connection.execute("SELECT part, view, spent FROM account").fetchall()
        spent = spending_document({(row["part"], row["view"]): row["spent"] for row in rows})
        statement: Document = {"node": node, "leaves": audit.size, "spent": spent}
        facts = {**statement, "signatures": both_sign(policy, keys, FORFEIT, statement)}
        audit.append(connection, FORFEITED, facts, at=stamp(now))
    return spent


__all__ = ["FORFEIT", "forfeit_budget"]
