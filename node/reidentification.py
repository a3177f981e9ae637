"""The register of requests to find patients again: what was asked, who signed which step, held against the log."""

from __future__ import annotations

import datetime
import json
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import stamp
from node.people import Person
from privacy.audit import AuditLog
from privacy.canonical import JSON, Document, canonical, hash_of, sha256
from privacy.durable import Database
from privacy.errors import HedgerowError, Refusal, Tampered
from privacy.signing import PublicKey, sign

Step = Literal["request", "approve", "run"]
State = Literal["awaiting-first-approval", "awaiting-second-approval", "approved", "expired", "done"]
CONTEXT = "reidentification"  # of the signatures
EVENTS: dict[Step, str] = {
    "request": "reidentification-requested",
    "approve": "reidentification-approved",
    "run": "reidentification-run",
}
BUCKETS = (1, 10, 100)  # a leaf may be shown outside the node: it says "1", "2 to 10" or "11 to 100" people

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS reidentification (
        hash TEXT PRIMARY KEY, document TEXT NOT NULL, salt TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS reidentification_step (
        request TEXT NOT NULL REFERENCES reidentification (hash), step TEXT NOT NULL, person TEXT NOT NULL,
        role TEXT NOT NULL, public_key TEXT NOT NULL, signature TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (request, step, person), UNIQUE (request, step, public_key)) STRICT""",
    "CREATE UNIQUE INDEX IF NOT EXISTS reidentified_once ON reidentification_step (request) WHERE step = 'run'",
)


@dataclass(frozen=True)
class Request:
    """Who may be found again, for whom, why and until when. ``listed`` commits to the pseudonyms and tells none.

    ``people`` is exact: the document stays in the node, and the log has its hash and a bucket.
    """

    asked_by: str
    purpose: str
    reason: str
    people: int
    tag: str
    listed: str
    expires: str
    node: str

    @property
    def hash(self) -> str:
        """Return what everybody signs, and what names the request."""
        return hash_of(self.document())

    def document(self) -> Document:
        """Return the request as plain data."""
        return dict(self.__dict__)

    def leaf(self) -> Document:
        """Return what the log may tell of it."""
        return {"request": self.hash, "purpose": self.purpose, "reason": self.reason, "people": bucket(self.people),
                "tag": self.tag, "listed": self.listed, "expires": self.expires}  # fmt: skip


@dataclass(frozen=True)
class By:
    """Who takes a step, with their own key, and when."""

    person: Person
    key: Ed25519PrivateKey = field(repr=False)
    now: datetime.datetime


@dataclass(frozen=True)
class Signed:
    """One step of a request, and the signature that makes it somebody's."""

    request: str
    step: Step
    person: str
    role: str
    public_key: str
    signature: str
    at: str

    def holds(self) -> None:
        """Return if the signature is this key's; ``signature-wrong`` otherwise."""
        PublicKey(self.public_key).verify(CONTEXT, _statement(self.request, self.step), self.signature)


@dataclass(frozen=True)
class Record:
    """A request, its steps so far, and the salt of its commitment."""

    request: Request
    salt: str
    steps: tuple[Signed, ...]

    def signed(self, step: Step) -> list[Signed]:
        """Return who took a step."""
        return [signed for signed in self.steps if signed.step == step]

    def state(self, now: datetime.datetime) -> State:
        """Return where it stands."""
        if self.signed("run"):
            return "done"
        if now >= datetime.datetime.fromisoformat(self.request.expires):
            return "expired"
        states: tuple[State, ...] = ("awaiting-first-approval", "awaiting-second-approval", "approved")
        return states[min(len(self.signed("approve")), 2)]


class Requests:
    """Keeps requests; every step is a row and a leaf in one transaction."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def all(self) -> list[Record]:
        """Return every request, oldest first; a changed one is ``reidentification-tampered``."""
        return [self._record(row) for row in self._database.rows("SELECT * FROM reidentification ORDER BY rowid")]

    def find(self, text: str) -> Record:
        """Return a request by the first digits of its hash; none or several are ``reidentification-unknown``."""
        digits = text.removeprefix("sha256:")
        found = [r for r in self.all() if digits and r.request.hash.startswith(f"sha256:{digits}")]
        if len(found) != 1:
            raise Refusal("reidentification-unknown", text)
        return found[0]

    def add(self, request: Request, salt: str, by: By) -> None:
        """Keep a new request, signed by who asks."""
        with self._database.transaction() as connection:
            row = (request.hash, json.dumps(request.document()), salt)
            connection.execute("INSERT INTO reidentification VALUES (?, ?, ?)", row)
            self._keep(connection, request, "request", by)

    def sign(self, request: Request, step: Step, by: By) -> None:
        """Keep a step; a person's second approval is ``same-person-twice``, a second run ``reidentified-already``."""
        with self._database.transaction() as connection:
            try:
                self._keep(connection, request, step, by)
            except sqlite3.IntegrityError as error:
                code = "reidentified-already" if step == "run" else "same-person-twice"
                raise Refusal(code, by.person.name) from error

    def was_run(self, request: Request) -> bool:
        """Say whether the log tells of a run: a row that was taken out brings nothing back."""
        return any(e["event"] == EVENTS["run"] and e["facts"]["request"] == request.hash for e in self._audit.events())

    def verify(self) -> None:
        """Check every signature, and hold the steps against the log; else ``reidentification-tampered``."""
        records = self.all()
        try:
            for signed in (signed for record in records for signed in record.steps):
                signed.holds()
        except HedgerowError as error:
            raise Tampered("reidentification-tampered", "a signature") from error
        here = {(EVENTS[s.step], s.request, s.person, s.public_key, s.signature) for r in records for s in r.steps}
        told = {
            (e["event"], *(e["facts"][name] for name in ("request", "person", "public_key", "signature")))
            for e in self._audit.events()
            if e["event"] in EVENTS.values()
        }
        if here != told:
            raise Tampered("reidentification-tampered", "the log tells of other steps")

    def _keep(self, connection: sqlite3.Connection, request: Request, step: Step, by: By) -> None:
        signature = sign(by.key, CONTEXT, _statement(request.hash, step))
        person = by.person
        signed = Signed(request.hash, step, person.name, person.role, person.public_key, signature, stamp(by.now))
        row = tuple(signed.__dict__.values())
        connection.execute("INSERT INTO reidentification_step VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        who: Document = {name: getattr(signed, name) for name in ("person", "role", "public_key", "signature")}
        self._audit.append(connection, EVENTS[step], {**request.leaf(), **who}, at=signed.at)

    def _record(self, row: sqlite3.Row) -> Record:
        try:
            request = Request(**json.loads(row["document"]))
            if request.hash != row["hash"]:
                raise Tampered("reidentification-tampered", "a request")
        except (TypeError, ValueError) as error:
            raise Tampered("reidentification-tampered", "a request") from error
        query = "SELECT * FROM reidentification_step WHERE request = ? ORDER BY rowid"
        steps = [dict(step) for step in self._database.rows(query, [request.hash])]
        return Record(request, row["salt"], tuple(Signed(**{**s, "step": cast("Step", s["step"])}) for s in steps))


def new_salt() -> str:
    """Return what keeps a commitment from being tested against a guessed list."""
    return secrets.token_hex(32)


def commitment(salt: str, pseudonyms: Iterable[str]) -> str:
    """Return SHA-256 over salt and list: without the salt it tells nothing, with it an auditor can check a list."""
    listed: list[JSON] = [*sorted(pseudonyms)]
    return sha256(canonical([salt, listed]))


def bucket(people: int) -> str:
    """Return about how many people, as the log says it."""
    least = 1
    for most in BUCKETS:
        if people <= most:
            return str(most) if most == least else f"{least} to {most}"
        least = most + 1
    raise ValueError(people)


def _statement(request: str, step: Step) -> Document:
    return {"request": request, "step": step}


__all__ = [
    "BUCKETS",
    "CONTEXT",
    "EVENTS",
    "SCHEMA",
    "By",
    "Record",
    "Request",
    "Requests",
    "Signed",
    "State",
    "Step",
    "bucket",
    "commitment",
    "new_salt",
]
