"""How a ledger ends and goes on elsewhere: a signed statement, addressed to one node, counted there once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.audit import AuditLog, Checkpoint
from privacy.canonical import Document, canonical, hash_of, parse
from privacy.durable import Database
from privacy.errors import HedgerowError, Invalid, Refusal, Tampered
from privacy.release import Release, decode
from privacy.signing import PublicKey, sign
from privacy.spending import (
    MERGED,
    Populations,
    Spending,
    charge_document,
    combined,
    read_spending,
    spending_document,
    with_charges,
)

HANDED_OVER = "ledger-handed-over"
STATEMENT = "ledger-statement"  # the context of the signatures
PEOPLE_NEEDED = 2

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS handed_over (
        once INTEGER PRIMARY KEY CHECK (once = 1), recipient TEXT NOT NULL, statement BLOB NOT NULL,
        at TEXT NOT NULL, leaf INTEGER NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS merged (
        source TEXT PRIMARY KEY, populations TEXT NOT NULL, statement TEXT NOT NULL, spent TEXT NOT NULL,
        at TEXT NOT NULL, leaf INTEGER NOT NULL) STRICT""",
)


@dataclass(frozen=True)
class Statement:
    """What the people of one node have spent when its ledger was closed, and the one node that may count it on.

    ``charges`` names each charge in it by study and place, so that a release from after a backup can be told from one
    that is in it. ``split`` is the hash of the key that says who is held back. It holds nothing about patients: no
    charge depends on a record.
    """

    node: str
    to: str
    split: str
    spent: Spending
    charges: tuple[tuple[str, int], ...]
    checkpoint: Checkpoint
    at: str

    def document(self) -> Document:
        """Return the statement as plain data: what is signed."""
        return {
            "node": self.node,
            "to": self.to,
            "split": self.split,
            "spent": spending_document(self.spent),
            "charges": [list(charge) for charge in self.charges],
            "checkpoint": self.checkpoint.__dict__,
            "at": self.at,
        }


@dataclass(frozen=True)
class SignedStatement:
    """A statement as a file: ``signatures`` by the text of the public key that made each."""

    statement: Statement
    signatures: Mapping[str, str]

    @classmethod
    def of(cls, statement: Statement, keys: Sequence[Ed25519PrivateKey]) -> SignedStatement:
        """Sign a statement with every key."""
        document = statement.document()
        return cls(statement, {PublicKey.of(key).text: sign(key, STATEMENT, document) for key in keys})

    def encode(self) -> bytes:
        """Return the file."""
        return canonical({"statement": self.statement.document(), "signatures": dict(self.signatures)}) + b"\n"

    @classmethod
    def decode(cls, content: bytes) -> SignedStatement:
        """Return the statement in a file, every signature checked; anything else is ``statement-malformed``."""
        try:
            match parse(content):
                case {"statement": dict(document), "signatures": dict(signatures), **rest} if not rest:
                    statement = _statement(document)
                    for key, signature in signatures.items():
                        PublicKey(key).verify(STATEMENT, document, str(signature))
                    return cls(statement, signatures)
        except (HedgerowError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, Tampered):
                raise
            raise Invalid("statement-malformed") from error
        raise Invalid("statement-malformed")

    def node_key(self, trusted: Collection[str]) -> PublicKey | None:
        """Return the key of the node that hands over, or None where two of its people speak for it.

        ``trusted`` are fingerprints that people compared by another channel. Neither the node's own nor those of two
        people among them is ``statement-not-trusted``.
        """
        signers = {PublicKey(text).fingerprint: PublicKey(text) for text in self.signatures}
        known = signers.keys() & set(trusted)
        if self.statement.node in known:
            return signers[self.statement.node]
        if len(known) >= PEOPLE_NEEDED:
            return None
        raise Refusal("statement-not-trusted", f"node {self.statement.node}", faults=sorted(signers.keys() - known))


class Handover:
    """Closes this node's ledger for good, or counts another's into it; each is one transaction with its leaf."""

    def __init__(self, database: Database, audit: AuditLog, *, node: str) -> None:
        self._database = database
        self._audit = audit
        self._node = node

    def hand_over(self, to: str, *, split: str, keys: Sequence[Ed25519PrivateKey], at: str) -> SignedStatement:
        """Close this ledger, name the node that counts it on, and sign; nothing is ever charged here again.

        Asked again for the same node it gives the same statement; for another it is ``ledger-handed-over``.
        """
        if to == self._node:
            raise Refusal("statement-not-for-us", to)
        with self._database.transaction() as connection:
            row = connection.execute("SELECT * FROM handed_over").fetchone()
            if row is not None:
                if row["recipient"] != to:
                    raise Refusal("ledger-handed-over", row["recipient"])
                return SignedStatement.decode(row["statement"])
            spent = _spent(connection)
            facts: Document = {"to": to, "spent": spending_document(spent)}
            facts["signed_by"] = sorted(PublicKey.of(key).fingerprint for key in keys)
            leaf = self._audit.append(connection, HANDED_OVER, facts, at=at)
            charges = connection.execute("SELECT study, place FROM charge ORDER BY id").fetchall()
            named = tuple((charge["study"], charge["place"]) for charge in charges)
            statement = Statement(self._node, to, split, spent, named, self._audit.checkpoint(connection), at)
            signed = SignedStatement.of(statement, keys)
            connection.execute("INSERT INTO handed_over VALUES (1, ?, ?, ?, ?)", (to, signed.encode(), at, leaf))
        return signed

    def speak_for(
        self, to: str, *, split: str, checkpoint: Checkpoint, keys: Sequence[Ed25519PrivateKey], at: str
    ) -> SignedStatement:
        """Return what this ledger says, signed by people alone: its node can sign nothing any more. Nothing is written.

        One that was closed before has said it already, and to whom: ``ledger-handed-over`` for any other.
        """
        row = self._database.one("SELECT * FROM handed_over")
        if row is not None:
            if row["recipient"] != to:
                raise Refusal("ledger-handed-over", row["recipient"])
            return SignedStatement.decode(row["statement"])
        spent = _spending(self._database.rows("SELECT part, view, spent FROM account"))
        charges = self._database.rows("SELECT study, place FROM charge ORDER BY id")
        named = tuple((charge["study"], charge["place"]) for charge in charges)
        return SignedStatement.of(Statement(self._node, to, split, spent, named, checkpoint, at), keys)

    def merge(
        self,
        signed: SignedStatement,
        *,
        trusted: Collection[str],
        split: str,
        populations: Populations,
        receipts: Iterable[bytes] = (),
        signed_by: Mapping[str, str],
        at: str,
    ) -> Spending:
        """Count another node's spending into this ledger, once, and return what is spent from now on.

        ``receipts`` are releases that the other node signed after its statement, such as one made from a backup:
        charges that the statement lacks are added to it. ``signed_by`` goes into the leaf. Refused are a statement that
        nobody here trusts, is for another node, counts people by another split, was counted before, or would bring an
        account above its ceiling.
        """
        key, statement = signed.node_key(trusted), signed.statement
        if statement.to != self._node:
            raise Refusal("statement-not-for-us", statement.to)
        if statement.split != split:
            raise Refusal("split-key-differs", statement.node)
        later = _later_charges(statement, key, receipts)
        theirs = with_charges(statement.spent, later)
        with self._database.transaction() as connection:
            require_open(connection)
            if connection.execute("SELECT 1 FROM merged WHERE source = ?", (statement.node,)).fetchone():
                raise Refusal("ledger-merged-before", statement.node)
            spent = combined(_spent(connection), theirs, populations)
            _set(connection, spent)
            facts: Document = {"from": statement.node, "populations": populations, "spent": spending_document(theirs)}
            facts |= {"statement": hash_of(statement.document()), "later": later, "signed_by": dict(signed_by)}
            leaf = self._audit.append(connection, MERGED, facts, at=at)
            row = (statement.node, populations, facts["statement"], json.dumps(facts["spent"]), at, leaf)
            connection.execute("INSERT INTO merged VALUES (?, ?, ?, ?, ?, ?)", row)
        return spent

    def merges(self) -> list[Document]:
        """Return what was counted in from other nodes, oldest first."""
        rows = self._database.rows("SELECT * FROM merged ORDER BY leaf")
        return [{**dict(row), "spent": json.loads(row["spent"])} for row in rows]

    def recipient(self) -> str | None:
        """Return the node that this ledger went to, or None while it is open."""
        row = self._database.one("SELECT recipient FROM handed_over")
        return None if row is None else str(row["recipient"])

    def verify(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Hold what was handed over and counted in against their leaves; ``ledger-tampered`` when they differ."""
        leaves = {(leaf["event"], leaf["position"]): leaf["facts"] for leaf in events}
        told = [
            (leaf, facts["from"], facts["populations"], facts["statement"], facts["spent"])
            for (event, leaf), facts in leaves.items()
            if event == MERGED
        ]
        names = ("leaf", "source", "populations", "statement", "spent")
        if told != [tuple(merge[name] for name in names) for merge in self.merges()]:
            raise Tampered("ledger-tampered", "what was merged into it")
        closed = [(leaf, facts["to"]) for (event, leaf), facts in leaves.items() if event == HANDED_OVER]
        if closed != [tuple(row) for row in self._database.rows("SELECT leaf, recipient FROM handed_over")]:
            raise Tampered("ledger-tampered", "to whom it was handed over")


def require_open(connection: sqlite3.Connection) -> None:
    """Return while this ledger may be charged; once it went to another node it is ``ledger-handed-over`` for good."""
    row = connection.execute("SELECT recipient FROM handed_over").fetchone()
    if row is not None:
        raise Refusal("ledger-handed-over", row["recipient"])


def _later_charges(statement: Statement, key: PublicKey | None, receipts: Iterable[bytes]) -> list[Document]:
    """Return the charges behind releases that the node signed and its statement does not know of, each once."""
    known, later = set(statement.charges), []
    for content in receipts:
        if key is None:  # without the node's own key nobody can say that it made them
            raise Refusal("statement-not-trusted", "receipts need the node's own key")
        release = decode(content, key)
        if isinstance(release, Release) and (place := ((r := release.receipt).study, r.place)) not in known:
            known.add(place)
            costs = charge_document(r.cost_outside, max(r.cost_outside, r.cost_coordinator))
            later.append({"study": place[0], "place": place[1], "people": r.people, **costs})
    return later


def _spent(connection: sqlite3.Connection) -> Spending:
    return _spending(connection.execute("SELECT part, view, spent FROM account").fetchall())


def _spending(rows: Iterable[sqlite3.Row]) -> Spending:
    spent = {(row["part"], row["view"]): row["spent"] for row in rows}
    return read_spending(spending_document(spent))


def _set(connection: sqlite3.Connection, spent: Spending) -> None:
    above = []
    for (part, view), units in spent.items():
        try:
            connection.execute("UPDATE account SET spent = ? WHERE part = ? AND view = ?", (units, part, view))
        except sqlite3.IntegrityError:
            above.append(f"{part} people, {view} view: {units} units of 10^-12 rho")
    if above:
        raise Refusal("merge-above-ceiling", faults=above)


def _statement(document: Document) -> Statement:
    texts = {name: document[name] for name in ("node", "to", "split", "at")}
    charges = tuple((study, place) for study, place in document["charges"])
    statement = Statement(
        **texts,
        spent=read_spending(document["spent"]),
        charges=charges,
        checkpoint=Checkpoint(**document["checkpoint"]),
    )
    if not all(isinstance(text, str) for text in texts.values()) or statement.document() != document:
        raise Invalid("statement-malformed")
    return statement


__all__ = [
    "HANDED_OVER",
    "PEOPLE_NEEDED",
    "SCHEMA",
    "STATEMENT",
    "Handover",
    "SignedStatement",
    "Statement",
    "require_open",
]
