"""The node's linkage agreements: each signed by a person of every controller, and verified whenever it is used."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sqlite3 import Row

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import stamp
from node.people import require_person
from node.policy import Policy
from privacy.audit import AuditLog
from privacy.canonical import Document
from privacy.durable import Database
from privacy.errors import HedgerowError, Invalid, Refusal, Tampered
from privacy.linkage import Agreement, agreement_of
from privacy.signing import PublicKey, sign

AGREEMENT = "linkage-agreement"  # the context of the signatures
AGREED = "linkage-agreed"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS linkage_agreement (
        name TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL UNIQUE, document TEXT NOT NULL,
        PRIMARY KEY (name, version)) STRICT""",
    """CREATE TABLE IF NOT EXISTS linkage_signature (
        agreement TEXT NOT NULL REFERENCES linkage_agreement (hash), person TEXT NOT NULL, signature TEXT NOT NULL,
        at TEXT NOT NULL, PRIMARY KEY (agreement, person)) STRICT""",
)


@dataclass(frozen=True)
class Standing:
    """One version of an agreement, and who of its controllers' people has signed, or has yet to."""

    agreement: Agreement
    signed: tuple[str, ...]
    missing: tuple[str, ...]


class Agreements:
    """Keeps agreements and signatures; one is in force when somebody of each of its controllers has signed it."""

    def __init__(self, database: Database, audit: AuditLog, policy: Callable[[], Policy], *, node: str) -> None:
        self._database = database
        self._audit = audit
        self._policy = policy
        self._node = node

    def agree(self, agreement: Agreement, keys: Mapping[str, Ed25519PrivateKey], *, now: datetime.datetime) -> Standing:
        """Sign an agreement with the keys (by name) of people who speak for its controllers; others may sign later.

        The same version with other words is ``agreement-changed``; somebody who speaks for nobody is
        ``role-not-allowed``, and an agreement past its day is not worth signing: ``linkage-expired``.
        """
        agreement.check_in_force(now.astimezone(datetime.UTC).date())
        policy = self._policy()
        for name in agreement.people:  # whoever speaks for a controller must be able to approve the studies
            policy.approver(name)
        for name, key in keys.items():
            if name not in agreement.people:
                raise Refusal("role-not-allowed", f"{name} speaks for no controller of {agreement.name}")
            require_person(policy.approver(name), key)
        row = self._row(agreement.name, agreement.version)
        if row is not None and row["hash"] != agreement.hash:
            raise Invalid("agreement-changed", f"{agreement.name}, version {agreement.version}")
        self._keep(
            agreement, {name: sign(key, AGREEMENT, self._statement(agreement)) for name, key in keys.items()}, now
        )
        return self._standing(agreement)

    def all(self) -> list[Standing]:
        """Return every version of every agreement."""
        rows = self._database.rows("SELECT * FROM linkage_agreement ORDER BY name, version")
        return [self._standing(_agreement(row)) for row in rows]

    def current(self, name: str) -> Agreement:
        """Return the newest version that every controller has signed; else ``agreement-unsigned`` or ``-unknown``.

        Hash and signatures are worked out again each time: an agreement that was edited is ``agreement-tampered``.
        """
        found = [standing for standing in self.all() if standing.agreement.name == name]
        if not found:
            raise Refusal("agreement-unknown", name)
        whole = [standing.agreement for standing in found if not standing.missing]
        if not whole:
            raise Refusal("agreement-unsigned", f"{name} waits for {', '.join(found[-1].missing)}")
        return whole[-1]

    def in_force(self, name: str, *, now: datetime.datetime) -> Agreement:
        """Return the current agreement if its day has not passed; after it, ``linkage-expired``."""
        agreement = self.current(name)
        agreement.check_in_force(now.astimezone(datetime.UTC).date())
        return agreement

    def verify(self) -> None:
        """Hold agreements and signatures against the log; ``agreement-tampered`` when they differ."""
        told = {
            (e["facts"]["agreement"], p)
            for e in self._audit.events()
            if e["event"] == AGREED
            for p in e["facts"]["signed_by"]
        }
        here = {(row["agreement"], row["person"]) for row in self._database.rows("SELECT * FROM linkage_signature")}
        for row in self._database.rows("SELECT * FROM linkage_agreement"):
            _agreement(row)
        if told != here:
            raise Tampered("agreement-tampered", "the log tells of other signatures")

    def _keep(self, agreement: Agreement, signatures: Mapping[str, str], now: datetime.datetime) -> None:
        with self._database.transaction() as connection:
            row = (agreement.name, agreement.version, agreement.hash, json.dumps(agreement.document()))
            connection.execute("INSERT OR IGNORE INTO linkage_agreement VALUES (?, ?, ?, ?)", row)
            connection.executemany(
                "INSERT OR REPLACE INTO linkage_signature VALUES (?, ?, ?, ?)",
                [(agreement.hash, name, signature, stamp(now)) for name, signature in signatures.items()],
            )
            facts: Document = {"agreement": agreement.hash, "name": agreement.name, "version": agreement.version}
            self._audit.append(connection, AGREED, {**facts, "signed_by": sorted(signatures)}, at=stamp(now))

    def _standing(self, agreement: Agreement) -> Standing:
        policy = self._policy()
        rows = self._database.rows("SELECT * FROM linkage_signature WHERE agreement = ?", [agreement.hash])
        holding = {row["person"] for row in rows if self._holds(policy, agreement, row)}
        return Standing(
            agreement,
            tuple(name for name in agreement.people if name in holding),
            tuple(name for name in agreement.people if name not in holding),
        )

    def _holds(self, policy: Policy, agreement: Agreement, row: Row) -> bool:
        """Say whether a signature is that of somebody who may still decide; a person who left signs for nobody."""
        try:
            key = PublicKey(policy.approver(row["person"]).public_key)
            key.verify(AGREEMENT, self._statement(agreement), row["signature"])
        except HedgerowError:
            return False
        return True

    def _row(self, name: str, version: int) -> Row | None:
        query = "SELECT * FROM linkage_agreement WHERE name = ? AND version = ?"
        return self._database.one(query, (name, version))

    def _statement(self, agreement: Agreement) -> Document:
        return {"agreement": agreement.hash, "node": self._node}


def _agreement(row: Row) -> Agreement:
    """Return the agreement in a row, its hash worked out again."""
    try:
        agreement = agreement_of(json.loads(row["document"]))
    except (HedgerowError, ValueError) as error:
        raise Tampered("agreement-tampered", row["name"]) from error
    if agreement.hash != row["hash"] or (agreement.name, agreement.version) != (row["name"], row["version"]):
        raise Tampered("agreement-tampered", row["name"])
    return agreement


__all__ = ["AGREED", "AGREEMENT", "SCHEMA", "Agreements", "Standing"]
