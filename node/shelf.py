"""The node's own shelf of models: each verified before it is kept, and what the coordinator said of each."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.standing import Statement
from node.clock import Clock, stamp
from privacy.atomic import put
from privacy.audit import AuditLog
from privacy.canonical import Document, canonical, parse, sha256
from privacy.durable import Database
from privacy.errors import HedgerowError, Refusal, Tampered, Unreachable
from privacy.signing import PublicKey

if TYPE_CHECKING:  # numpy: a list of models needs none
    from models.version import ModelVersion

MOST_A_DAY = 1000  # statements; a coordinator that went wrong must not fill the disk
ENDING = ".model"
KEPT = "model-kept"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS model_statement (
        version TEXT NOT NULL, standing TEXT NOT NULL, study TEXT NOT NULL, document BLOB NOT NULL,
        heard_at TEXT NOT NULL, PRIMARY KEY (version, standing)) STRICT""",
    """CREATE TABLE IF NOT EXISTS kept_model (
        version TEXT PRIMARY KEY, study TEXT NOT NULL, kept_at TEXT NOT NULL) STRICT""",
)


@dataclass(frozen=True)
class Shelf:
    """Models as the coordinator sealed them, never changed, and the coordinator's statements, never forgotten."""

    directory: Path
    database: Database
    audit: AuditLog
    coordinator: PublicKey
    now: Clock

    def hear(self, documents: Iterable[Document]) -> list[HedgerowError]:
        """Keep what the coordinator signed about models, each with a leaf in the log; return why others were ignored.

        A statement is kept once: a later one of the same standing about the same model changes nothing.
        """
        ignored: list[HedgerowError] = []
        known = self._heard()
        for document in documents:
            try:
                statement = Statement.from_document(document)
                if (statement.version, statement.standing) not in known:
                    statement.verify(self.coordinator)
                    self._keep_statement(statement)
            except HedgerowError as error:
                ignored.append(error)
        return ignored

    def check(self, version: str) -> None:
        """Return unless the model was withdrawn, as far as this node knows: ``model-withdrawn``."""
        withdrawn = self.said(version, "withdrawn")
        if withdrawn:
            raise Refusal("model-withdrawn", withdrawn.reason)

    def opened(self, content: bytes, study: str) -> ModelVersion:
        """Return a model that may be used: the coordinator's own, whole, of this study, and not withdrawn."""
        from models.version import ModelVersion  # noqa: PLC0415 - numpy

        model = ModelVersion.open(content, self.coordinator)
        if model.study.hash != study:
            raise Refusal("model-study-other", f"it is of {model.study.name}")
        self.check(sha256(content))
        return model

    def keep(self, content: bytes, study: str) -> str:
        """Verify a model that the coordinator published, keep it, and return its version; otherwise keep nothing."""
        self.opened(content, study)
        version = sha256(content)
        if self.said(version, "published") is None:
            raise Refusal("model-unpublished", version)
        self.directory.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileExistsError):  # kept before; if that file was changed, reading it says so
            put(self._path(version), content)
        at = stamp(self.now())
        with self.database.transaction() as connection:
            values = (version, study, at)
            if connection.execute("INSERT OR IGNORE INTO kept_model VALUES (?, ?, ?)", values).rowcount:
                self.audit.append(connection, KEPT, {"version": version, "study": study}, at=at)
        self.content(version)
        return version

    def kept(self, study: str) -> bytes | None:
        """Return the study's model that is kept here, the newest, or None; a file that is gone can be pulled again."""
        query = "SELECT version FROM kept_model WHERE study = ? ORDER BY rowid DESC LIMIT 1"
        row = self.database.one(query, [study])
        return self.content(row["version"]) if row and self._path(row["version"]).exists() else None

    def content(self, version: str) -> bytes:
        """Return the bytes of a kept model; ``model-tampered`` when they are no longer those."""
        path = self._path(version)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Unreachable("file-unreadable", str(path)) from error
        if sha256(content) != version:
            raise Tampered("model-tampered", str(path))
        return content

    def said(self, version: str, standing: str) -> Statement | None:
        """Return what the coordinator said of a model, its signature verified again, or None."""
        query = "SELECT * FROM model_statement WHERE version = ? AND standing = ?"
        row = self.database.one(query, [version, standing])
        return self._statement(row) if row else None

    def statements(self) -> list[Statement]:
        """Return all that the coordinator said, oldest first."""
        return [self._statement(row) for row in self.database.rows("SELECT * FROM model_statement ORDER BY rowid")]

    def versions(self) -> list[str]:
        """Return the versions that are kept here, oldest first."""
        return [row["version"] for row in self.database.rows("SELECT version FROM kept_model ORDER BY rowid")]

    def verify(self) -> None:
        """Hold what was said and what is kept against the log, and each kept file against its hash."""
        logged = {(leaf["event"], leaf["facts"]["version"]) for leaf in self.audit.events() if leaf["event"] in EVENTS}
        here = {(_event(s.standing), s.version) for s in self.statements()} | {(KEPT, v) for v in self.versions()}
        if logged != here:
            raise Tampered("model-tampered", "what is kept is not what the log says")
        for version in self.versions():
            if self._path(version).exists():  # one that a backup just missed, or somebody removed, can be pulled again
                self.content(version)

    def _heard(self) -> set[tuple[str, str]]:
        rows = self.database.rows("SELECT version, standing FROM model_statement")
        return {(row["version"], row["standing"]) for row in rows}

    def _keep_statement(self, statement: Statement) -> None:
        at = stamp(self.now())
        row = (statement.version, statement.standing, statement.study, canonical(statement.document()), at)
        facts = {"version": statement.version, "study": statement.study, "reason": statement.reason}
        with self.database.transaction() as connection:
            self._require_room(connection, statement)
            if connection.execute("INSERT OR IGNORE INTO model_statement VALUES (?, ?, ?, ?, ?)", row).rowcount:
                self.audit.append(connection, _event(statement.standing), facts, at=at)

    def _require_room(self, connection: sqlite3.Connection, statement: Statement) -> None:
        """Return if a statement may be kept today: a withdrawal of a model that was published here always is."""
        published = "SELECT 1 FROM model_statement WHERE version = ? AND standing = 'published'"
        if statement.standing == "withdrawn" and connection.execute(published, (statement.version,)).fetchone():
            return
        since = stamp(self.now() - datetime.timedelta(days=1))
        query = "SELECT count(*) AS new FROM model_statement WHERE heard_at > ?"
        if connection.execute(query, (since,)).fetchone()["new"] >= MOST_A_DAY:
            raise Refusal("news-too-much", f"{MOST_A_DAY} statements about models in a day")

    def _statement(self, row: sqlite3.Row) -> Statement:
        try:
            statement = Statement.from_document(parse(row["document"]))
            statement.verify(self.coordinator)
        except HedgerowError as error:
            raise Tampered("model-tampered", "what was said of a model") from error
        if (statement.version, statement.standing) != (row["version"], row["standing"]):
            raise Tampered("model-tampered", "what was said of a model")
        return statement

    def _path(self, version: str) -> Path:
        return self.directory / (version.removeprefix("sha256:") + ENDING)


def _event(standing: str) -> str:
    return f"model-{standing}"


EVENTS = (KEPT, _event("published"), _event("withdrawn"))

__all__ = ["ENDING", "EVENTS", "KEPT", "MOST_A_DAY", "SCHEMA", "Shelf"]
