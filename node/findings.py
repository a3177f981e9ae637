"""Findings of discovery that somebody here answers for: who, of what, and why; signed, logged, withdrawn at will."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import Clock, stamp
from node.people import Person, require_person
from node.policy import Policy
from node.reasons import stated
from privacy.audit import AuditLog
from privacy.canonical import Document
from privacy.contract import Contract
from privacy.durable import Database
from privacy.errors import HedgerowError, Refusal, Tampered
from privacy.signing import PublicKey, sign

ROLES = ("caldicott-guardian", "ig-lead")  # who may answer for a column, whoever the policy lets approve studies
ACCEPTED, WITHDRAWN = "finding-accepted", "finding-withdrawn"  # the leaves, and the contexts of the signatures

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS accepted_finding (
        data_set TEXT NOT NULL, contract_version INTEGER NOT NULL, column_name TEXT NOT NULL, kind TEXT NOT NULL,
        reason TEXT NOT NULL, person TEXT NOT NULL, role TEXT NOT NULL, public_key TEXT NOT NULL,
        signature TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (data_set, contract_version, column_name, kind)) STRICT""",
)


@dataclass(frozen=True)
class Finding:
    """What discovery says of one column, under one version of one contract."""

    data_set: str
    contract_version: int
    column_name: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} in {self.column_name} of {self.data_set}, contract version {self.contract_version}"


@dataclass(frozen=True)
class AcceptedFinding(Finding):
    """A finding that a person answers for, with the signature that makes it theirs."""

    reason: str
    person: str
    role: str
    public_key: str
    signature: str
    at: str


@dataclass(frozen=True)
class AcceptedFindings:
    """The findings that are accepted at this node; each is a row, a leaf in the log and a signature that agree."""

    database: Database
    audit: AuditLog
    node: str
    policy: Callable[[], Policy]
    now: Clock

    def accept(self, finding: Finding, *, person: str, key: Ed25519PrivateKey, reason: str) -> AcceptedFinding:
        """Let loads under this version of this contract store the column as it is, on one person's word.

        The next version of the contract is asked again. A second word for the same finding is ``finding-accepted``.
        """
        from privacy.discovery import Kind  # noqa: PLC0415 - numpy

        if finding.kind not in get_args(Kind):
            raise Refusal("finding-unknown", f"{finding.kind} is none of {', '.join(get_args(Kind))}")
        who, reason, at = self._answers(person, key), stated(reason), stamp(self.now())
        signature = sign(key, ACCEPTED, self._statement(finding, reason))
        row: dict[str, Any] = {**asdict(finding), "reason": reason, **_signed(who, signature), "at": at}
        with self.database.transaction() as connection:
            places = ", ".join(f":{name}" for name in row)
            statement = f"INSERT OR IGNORE INTO accepted_finding ({', '.join(row)}) VALUES ({places})"  # noqa: S608 - names of fields
            if not connection.execute(statement, row).rowcount:
                raise Refusal("finding-accepted", str(finding))
            self.audit.append(connection, ACCEPTED, row, at=at)
        return AcceptedFinding(**row)

    def withdraw(self, finding: Finding, *, person: str, key: Ed25519PrivateKey, reason: str) -> None:
        """Take it back: the next load is stopped by the finding again. What was loaded stays, until it is erased."""
        who, reason, at = self._answers(person, key), stated(reason), stamp(self.now())
        signature = sign(key, WITHDRAWN, self._statement(finding, reason))
        values = asdict(finding)
        with self.database.transaction() as connection:
            where = " AND ".join(f"{name} = :{name}" for name in values)
            if not connection.execute(f"DELETE FROM accepted_finding WHERE {where}", values).rowcount:  # noqa: S608 - names of fields
                raise Refusal("finding-unknown", str(finding))
            facts: Document = {**values, **_signed(who, signature), "reason": reason}
            self.audit.append(connection, WITHDRAWN, facts, at=at)

    def all(self) -> list[AcceptedFinding]:
        """Return what is accepted, oldest first, whoever accepted it."""
        return [
            AcceptedFinding(**dict(row)) for row in self.database.rows("SELECT * FROM accepted_finding ORDER BY rowid")
        ]

    def accepted(self, contract: Contract) -> frozenset[tuple[str, str]]:
        """Return what a load under this contract may store all the same, as (column, kind); verified now.

        The word of somebody who is not in the policy in force any more, or in another role, or with another key, does
        not count.
        """
        self.verify()
        policy, under = self.policy(), (contract.name, contract.version)
        holding = [a for a in self.all() if (a.data_set, a.contract_version) == under and _holds(a, policy)]
        return frozenset((accepted.column_name, accepted.kind) for accepted in holding)

    def verify(self) -> None:
        """Hold each row against the log and its signature; ``finding-tampered`` when one differs."""
        logged: dict[Finding, Document] = {}
        for leaf in self.audit.events():
            if leaf["event"] in (ACCEPTED, WITHDRAWN):
                finding = Finding(**{name: leaf["facts"][name] for name in Finding.__dataclass_fields__})
                if leaf["event"] == ACCEPTED:
                    logged[finding] = leaf["facts"]
                else:
                    logged.pop(finding, None)
        rows = {_finding(accepted): accepted for accepted in self.all()}
        if {finding: asdict(row) for finding, row in rows.items()} != logged:
            raise Tampered("finding-tampered")
        for finding, row in rows.items():
            PublicKey(row.public_key).verify(ACCEPTED, self._statement(finding, row.reason), row.signature)

    def _answers(self, person: str, key: Ed25519PrivateKey) -> Person:
        who = self.policy().person(person)
        if who.role not in ROLES:
            raise Refusal("role-not-allowed", f"{person} is {who.role}; allowed: {', '.join(sorted(ROLES))}")
        require_person(who, key)
        return who

    def _statement(self, finding: Finding, reason: str) -> Document:
        return {**asdict(finding), "reason": reason, "node": self.node}


def _signed(who: Person, signature: str) -> dict[str, str]:
    return {"person": who.name, "role": who.role, "public_key": who.public_key, "signature": signature}


def _finding(accepted: AcceptedFinding) -> Finding:
    return Finding(accepted.data_set, accepted.contract_version, accepted.column_name, accepted.kind)


def _holds(accepted: AcceptedFinding, policy: Policy) -> bool:
    try:
        who = policy.person(accepted.person)
    except HedgerowError:
        return False
    return who.role in ROLES and who.public_key == accepted.public_key


__all__ = ["ACCEPTED", "ROLES", "SCHEMA", "WITHDRAWN", "AcceptedFinding", "AcceptedFindings", "Finding"]
