"""The signed history of this node's policy: each version carries two signatures of people of the version before it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.people import require_person
from node.policy import APPROVALS_NEEDED, Policy, policy_of, read_policy_file
from privacy.atomic import put
from privacy.audit import AuditLog
from privacy.canonical import Document
from privacy.durable import Database
from privacy.errors import HedgerowError, Refusal, Tampered, Unreachable
from privacy.ledger import Ledger
from privacy.signing import PublicKey, sign

POLICY_FILE, SIGNATURES_FILE = "policy.toml", "policy.signatures.json"
POLICY = "policy"  # the context of the signatures
ACCEPTED = "policy-accepted"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS policy (
        position INTEGER PRIMARY KEY, hash TEXT NOT NULL, document TEXT NOT NULL, signatures TEXT NOT NULL,
        at TEXT NOT NULL) STRICT""",
)


@dataclass(frozen=True)
class _Version:
    policy: Policy
    previous: str
    signatures: Mapping[str, str]

    def file(self) -> Document:
        return {"policy": self.policy.hash, "previous": self.previous, "signatures": dict(self.signatures)}


class Policies:
    """Gives the policy in force, verified each time, and accepts a new one from two people of the one before.

    The history is in the node's state; ``policy.toml`` and ``policy.signatures.json`` are what people read. Where the
    files are not what was signed, nothing goes on: ``policy-unsigned``.
    """

    def __init__(self, home: Path, database: Database, audit: AuditLog, ledger: Ledger, *, node: str) -> None:
        self._home = home
        self._database = database
        self._audit = audit
        self._ledger = ledger
        self._node = node
        self._seen: tuple[int, tuple[str, ...]] = (0, ())  # how many leaves were read, and the policies they tell of

    def current(self) -> Policy:
        """Return the policy in force; anything that two of its people did not sign is ``policy-unsigned``."""
        told, history = self._told(), self._history()  # in this order: somebody may accept another just now
        if not history:
            raise Refusal("policy-unsigned", "none was accepted")
        if tuple(version.policy.hash for version in history)[: len(told)] != told:
            raise Refusal("policy-unsigned", "the log tells of another")  # two people signed an earlier one too
        self._require_chain(history)
        self._require_files(history)
        return history[-1].policy

    def verify(self) -> None:
        """Hold the whole history against the audit log; ``policy-unsigned`` when a version was slipped in or out."""
        self.current()
        logged = [e["facts"]["policy"] for e in self._audit.events() if e["event"] == ACCEPTED]
        if logged != [version.policy.hash for version in self._history()]:
            raise Tampered("policy-unsigned", "the audit log tells of other versions")

    def accept(self, policy: Policy, keys: Mapping[str, Ed25519PrivateKey], *, now: str) -> None:
        """Put ``policy`` in force, signed with ``keys`` (by name) of two people of the policy before it.

        The first policy is signed by two of its own people. Ledger ceilings and audit leaf change in the same
        transaction. A signer whom the policy before does not let decide is refused.
        """
        earlier = self.current() if self._history() else policy
        for name, key in keys.items():
            require_person(earlier.approver(name), key)
        if len(keys) < APPROVALS_NEEDED:
            raise Refusal("same-person-twice", "two different people sign a policy")
        previous = earlier.hash if earlier is not policy else ""
        statement = self._statement(policy, previous)
        version = _Version(policy, previous, {name: sign(key, POLICY, statement) for name, key in keys.items()})
        with self._database.transaction() as connection:
            self._insert(connection, version, now)
        self._write_files(version)  # after the commit: files of the version before are known, and written anew

    def _insert(self, connection: sqlite3.Connection, version: _Version, at: str) -> None:
        document, signatures = json.dumps(version.policy.document()), json.dumps(version.signatures)
        row = (version.policy.hash, document, signatures, at)
        connection.execute("INSERT INTO policy VALUES (NULL, ?, ?, ?, ?)", row)
        self._ledger.open_accounts(connection, version.policy.ceilings())
        facts = {"policy": version.policy.hash, "previous": version.previous, "signed_by": sorted(version.signatures)}
        self._audit.append(connection, ACCEPTED, facts, at=at)

    def _told(self) -> tuple[str, ...]:
        """Return the hashes of the policies that the log says were accepted; each leaf is looked at once."""
        seen, told = self._seen
        size = self._audit.size
        query = "SELECT content FROM audit_leaf WHERE position BETWEEN ? AND ? AND instr(content, ?) ORDER BY position"
        rows = self._database.rows(query, [seen, size - 1, ACCEPTED.encode()])
        leaves = [json.loads(row["content"]) for row in rows]
        told += tuple(leaf["facts"]["policy"] for leaf in leaves if leaf["event"] == ACCEPTED)
        self._seen = (max(seen, size), told)
        return told

    def _history(self) -> list[_Version]:
        versions: list[_Version] = []
        for row in self._database.rows("SELECT * FROM policy ORDER BY position"):
            previous = versions[-1].policy.hash if versions else ""
            versions.append(_Version(policy_of(json.loads(row["document"])), previous, json.loads(row["signatures"])))
        return versions

    def _require_chain(self, history: list[_Version]) -> None:
        judge = history[0].policy
        for version in history:
            statement = self._statement(version.policy, version.previous)
            signers = [name for name, text in version.signatures.items() if _signed(judge, name, statement, text)]
            if len(signers) < APPROVALS_NEEDED:
                raise Refusal("policy-unsigned", f"version {history.index(version) + 1}")
            judge = version.policy

    def _require_files(self, history: list[_Version]) -> None:
        """Hold the files against the history; files of an earlier accepted version (a crash) are written anew."""
        signatures = _read_signatures(self._home / SIGNATURES_FILE)
        found = policy_of(read_policy_file(self._home / POLICY_FILE)).hash
        if found == history[-1].policy.hash and signatures == history[-1].file():
            return
        if any(found == v.policy.hash for v in history) and any(signatures == v.file() for v in history):
            self._write_files(history[-1])
            return
        raise Refusal("policy-unsigned", str(self._home / POLICY_FILE))

    def _write_files(self, version: _Version) -> None:
        signatures = json.dumps(version.file(), indent=1, sort_keys=True) + "\n"
        _replace(self._home / POLICY_FILE, version.policy.toml())
        _replace(self._home / SIGNATURES_FILE, signatures)

    def _statement(self, policy: Policy, previous: str) -> Document:
        return {"policy": policy.hash, "previous": previous, "node": self._node}


def _signed(judge: Policy, name: str, statement: Document, signature: str) -> bool:
    try:
        PublicKey(judge.approver(name).public_key).verify(POLICY, statement, signature)
    except HedgerowError:
        return False
    return True


def _read_signatures(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Refusal("policy-unsigned", str(path)) from error


def _replace(path: Path, text: str) -> None:
    try:
        put(path, text.encode(), replace=True)
    except OSError as error:
        raise Unreachable("home-unwritable", str(path)) from error


__all__ = ["ACCEPTED", "POLICY", "POLICY_FILE", "SCHEMA", "SIGNATURES_FILE", "Policies"]
