"""The node's register of studies: where each stands, who decided; each transition is one row and one audit leaf."""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from node.clock import stamp
from privacy.audit import AuditLog
from privacy.canonical import JSON, Document
from privacy.durable import Database
from privacy.errors import HedgerowError, Refusal, Tampered
from privacy.study import Study, from_document

State = Literal[
    "received",
    "awaiting-first-approval",
    "awaiting-second-approval",
    "runnable",
    "running",
    "finished",
    "refused",
    "expired",
    "withdrawn",
]
Decision = Literal["approve", "refuse"]
OnEnd = Callable[[sqlite3.Connection, str, str], None]
ENDS: tuple[State, ...] = ("finished", "refused", "expired", "withdrawn")
MOST_A_DAY = 200  # new studies; a coordinator that went wrong must not fill the disk
PAUSED, PAUSED_EVENT, RESUMED_EVENT = "paused", "node-paused", "node-resumed"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS study (
        hash TEXT PRIMARY KEY, name TEXT NOT NULL, document TEXT NOT NULL, state TEXT NOT NULL,
        code TEXT NOT NULL DEFAULT '', changed_at TEXT NOT NULL, told TEXT NOT NULL DEFAULT '') STRICT""",
    """CREATE TABLE IF NOT EXISTS decision (
        study TEXT NOT NULL REFERENCES study (hash), person TEXT NOT NULL, decision TEXT NOT NULL, role TEXT NOT NULL,
        public_key TEXT NOT NULL, signature TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (study, person, decision), UNIQUE (study, public_key, decision)) STRICT""",
    "CREATE TABLE IF NOT EXISTS switch (name TEXT PRIMARY KEY, since TEXT NOT NULL) STRICT",
)


@dataclass(frozen=True)
class Record:
    """One study as it stands here. ``code`` says why when it is held up or refused; ``told`` what the hub was told."""

    hash: str
    name: str
    document: str
    state: State
    code: str
    changed_at: str
    told: str

    def study(self) -> Study:
        """Return the study, its hash recomputed; ``study-changed`` when it is another than was received."""
        try:
            study = from_document(json.loads(self.document))
        except (HedgerowError, ValueError) as error:
            raise Tampered("study-changed", self.name) from error
        if study.hash != self.hash:
            raise Tampered("study-changed", self.name)
        return study


@dataclass(frozen=True)
class Signed:
    """A person's decision on a study, and the signature that makes it theirs."""

    study: str
    person: str
    decision: Decision
    role: str
    public_key: str
    signature: str
    reason: str
    at: str


class Register:
    """Keeps studies, decisions and the pause switch; every change goes through ``transaction``'s connection.

    ``on_end`` is called in the transaction in which a study ends, with the study and the time.
    """

    def __init__(self, database: Database, audit: AuditLog, *, on_end: OnEnd = lambda *_: None) -> None:
        self.database = database
        self._audit = audit
        self._on_end = on_end

    def all(self) -> list[Record]:
        """Return every study, oldest first."""
        return [_record(row) for row in self.database.rows("SELECT * FROM study ORDER BY rowid")]

    def get(self, study: str) -> Record | None:
        """Return a study by its whole hash, or None."""
        row = self.database.one("SELECT * FROM study WHERE hash = ?", [study])
        return _record(row) if row else None

    def find(self, text: str) -> Record:
        """Return a study by name or by the start of its hash; several or none have their codes."""
        digits = text.removeprefix("sha256:")
        found = [r for r in self.all() if text == r.name or (digits and r.hash.startswith(f"sha256:{digits}"))]
        if not found:
            raise Refusal("study-unknown", text)
        if len(found) > 1:
            raise Refusal("study-ambiguous", text, faults=[f"{r.name} {r.hash} ({r.state})" for r in found])
        return found[0]

    def add(self, study: Study, *, at: str) -> None:
        """Receive a study; one that is here already stays as it is. Too many in a day are ``news-too-much``."""
        with self.database.transaction() as connection:
            self._require_room(connection, study, at)
            row = (study.hash, study.name, json.dumps(study.document()), "received", at)
            statement = "INSERT OR IGNORE INTO study (hash, name, document, state, changed_at) VALUES (?, ?, ?, ?, ?)"
            if connection.execute(statement, row).rowcount:
                self._audit.append(connection, "study-received", {"study": study.hash, "name": study.name}, at=at)

    def _require_room(self, connection: sqlite3.Connection, study: Study, at: str) -> None:
        if connection.execute("SELECT 1 FROM study WHERE hash = ?", (study.hash,)).fetchone():
            return
        since = stamp(datetime.datetime.fromisoformat(at) - datetime.timedelta(days=1))
        query = "SELECT count(*) AS new FROM study WHERE changed_at > ?"
        if connection.execute(query, (since,)).fetchone()["new"] >= MOST_A_DAY:
            raise Refusal("news-too-much", f"{MOST_A_DAY} studies in a day")

    def move(
        self,
        connection: sqlite3.Connection,
        record: Record,
        state: State,
        *,
        at: str,
        code: str = "",
        facts: Mapping[str, JSON] | None = None,
    ) -> None:
        """Change a study's state in the caller's transaction, with a leaf; ``study-not-waiting`` if it has moved on."""
        statement = "UPDATE study SET state = ?, code = ?, changed_at = ? WHERE hash = ? AND state = ?"
        if not connection.execute(statement, (state, code, at, record.hash, record.state)).rowcount:
            raise Refusal("study-not-waiting", record.name)
        known: Document = {"study": record.hash, "code": code, **(facts or {})}
        self._audit.append(connection, f"study-{state}", known, at=at)
        if state in ENDS:
            self._on_end(connection, record.hash, at)

    def hold_up(self, record: Record, code: str, *, at: str) -> None:
        """Note why a received study cannot be checked yet; the same reason again changes nothing."""
        if code != record.code:
            with self.database.transaction() as connection:
                self.move(connection, record, record.state, at=at, code=code)

    def sign(self, connection: sqlite3.Connection, signed: Signed) -> None:
        """Keep a decision; a second one of the same person or key is ``same-person-twice``."""
        row = tuple(signed.__dict__[name] for name in Signed.__dataclass_fields__)
        try:
            connection.execute("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise Refusal("same-person-twice", signed.person) from error

    def decisions(self, study: str) -> list[Signed]:
        """Return who decided what on a study, oldest first; the signatures are not checked here."""
        rows = self.database.rows("SELECT * FROM decision WHERE study = ? ORDER BY rowid", [study])
        return [Signed(**dict(row)) for row in rows]

    def told(self, study: str, kind: str) -> None:
        """Note that the coordinator was told; whatever it is told is in the log already."""
        with self.database.transaction() as connection:
            connection.execute("UPDATE study SET told = ? WHERE hash = ?", (kind, study))

    def verify(self) -> None:
        """Hold each study's state, and the pause switch, against the newest leaf about it; else ``study-changed``."""
        states: dict[str, str] = {}
        paused = False
        for leaf in self._audit.events():
            event, facts = leaf["event"], leaf["facts"]
            if event in (PAUSED_EVENT, RESUMED_EVENT):
                paused = event == PAUSED_EVENT
            elif event.startswith("study-") and "study" in facts:
                states[facts["study"]] = event.removeprefix("study-")
        if {record.hash: record.state for record in self.all()} != states or paused != self.paused:
            raise Tampered("study-changed", "a study's state or the pause switch is not what the log says")

    @property
    def paused(self) -> bool:
        """Say whether the node answers nobody at present."""
        return self.database.one("SELECT 1 FROM switch WHERE name = ?", [PAUSED]) is not None

    def check_not_paused(self) -> None:
        """Return unless the node is paused, also by a command in another process; then ``node-paused``."""
        if self.paused:
            raise Refusal("node-paused")

    def pause(self, *, at: str) -> None:
        """Stop everything: what is being computed ends at its next batch, and nothing more is released."""
        self._switch("INSERT OR IGNORE INTO switch VALUES (?, ?)", (PAUSED, at), PAUSED_EVENT, at)

    def resume(self, *, at: str) -> None:
        """Go on."""
        self._switch("DELETE FROM switch WHERE name = ?", (PAUSED,), RESUMED_EVENT, at)

    def _switch(self, statement: str, values: tuple[str, ...], event: str, at: str) -> None:
        with self.database.transaction() as connection:
            if connection.execute(statement, values).rowcount:
                # a person who says stop is never told to mend the clock first
                self._audit.append(connection, event, {}, at=at, whatever_the_clock=event == PAUSED_EVENT)


def _record(row: sqlite3.Row) -> Record:
    return Record(**{**dict(row), "state": cast("State", row["state"])})


__all__ = [
    "ENDS",
    "MOST_A_DAY",
    "PAUSED",
    "PAUSED_EVENT",
    "RESUMED_EVENT",
    "SCHEMA",
    "Decision",
    "OnEnd",
    "Record",
    "Register",
    "Signed",
    "State",
]
