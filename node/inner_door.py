"""The inner door: people at this node see their own patients under their own name, for a stated purpose, on the record.

No ledger: nothing that passes here leaves the node. What leaves goes through ``egress``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import Clock, stamp
from node.people import require_person
from node.policy import Policy
from node.reasons import stated
from privacy.audit import AuditLog
from privacy.canonical import JSON
from privacy.durable import Database
from privacy.errors import Refusal
from privacy.signing import sign

INSIDE = "inside"
MAY: Mapping[str, tuple[str, ...]] = {
    "score": ("clinician",),
    "review": ("caldicott-guardian", "data-engineer", "ig-lead"),
    "compare": ("analyst", "clinician", "data-engineer", "ig-lead"),
    "quarantine": ("data-engineer", "ig-lead"),
    "synthetic": ("analyst", "caldicott-guardian", "data-engineer", "ig-lead"),
}


@dataclass(frozen=True)
class InnerDoor:
    """Lets a person through whose role may do what they ask, after writing down who, what, why and with which key."""

    database: Database
    audit: AuditLog
    policy: Policy
    now: Clock

    def enter(
        self, action: str, *, person: str, key: Ed25519PrivateKey, purpose: str, model: str = "", data: str = ""
    ) -> None:
        """Return once the visit is in the audit log, signed; before that nothing is read.

        ``model`` and ``data`` name what is used: the hash of a model or of synthetic data, a version of a data set.

        ``person-unknown``, ``person-key-wrong``, ``role-not-allowed``, ``purpose-absent`` or ``reason-identifying``
        otherwise.
        """
        listed = self.policy.person(person)
        require_person(listed, key)
        if listed.role not in MAY[action]:
            raise Refusal("role-not-allowed", f"{person} is {listed.role}; allowed: {', '.join(sorted(MAY[action]))}")
        statement: dict[str, JSON] = {"action": action, "person": person, "purpose": stated(purpose)}
        statement |= {name: used for name, used in (("model", model), ("data", data)) if used}
        with self.database.transaction() as connection:
            facts = {**statement, "signature": sign(key, INSIDE, statement)}
            self.audit.append(connection, INSIDE, facts, at=stamp(self.now()))


__all__ = ["INSIDE", "MAY", "InnerDoor"]
