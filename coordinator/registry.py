"""Finished models: one sealed file each, written once, and what was said of each, never unsaid."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.standing import MOST_STATEMENTS, Standing, Statement
from models.version import ModelVersion, version_of
from privacy.atomic import put
from privacy.canonical import canonical, parse
from privacy.durable import Database
from privacy.errors import Refusal, Tampered, Unreachable
from privacy.study import Study

ModelState = Literal["made", "published", "withdrawn"]

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS model (
        study TEXT PRIMARY KEY REFERENCES study (hash), version TEXT NOT NULL, made_at TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS model_statement (
        version TEXT NOT NULL, standing TEXT NOT NULL, study TEXT NOT NULL, document BLOB NOT NULL,
        PRIMARY KEY (version, standing)) STRICT""",
    """CREATE TRIGGER IF NOT EXISTS model_statement_stays BEFORE UPDATE ON model_statement
        BEGIN SELECT RAISE(ABORT, 'a statement stays as it was signed'); END""",
    """CREATE TRIGGER IF NOT EXISTS model_statement_remains BEFORE DELETE ON model_statement
        BEGIN SELECT RAISE(ABORT, 'a statement is never taken back'); END""",
)
MODE = 0o644
ENDING = ".model"
LEAST_DIGITS = 6  # of a version, to name a model by


@dataclass(frozen=True)
class Entry:
    """One model in the registry, and what was said of it."""

    version: str
    study: str
    name: str
    made_at: str
    published: Statement | None
    withdrawn: Statement | None

    @property
    def state(self) -> ModelState:
        """Return where it stands; a withdrawal is final."""
        return "withdrawn" if self.withdrawn else "published" if self.published else "made"


class Registry:
    """The models in one directory, found by the hash of the study that made them; one study makes one model."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database, self._directory = database, directory

    def keep(self, model: ModelVersion, sealed: bytes) -> str:
        """Write a sealed model, then enter it in the register; return its version."""
        version = version_of(sealed)
        with suppress(FileExistsError):  # the same bytes, from a run that was cut off just here
            put(self.path(version), sealed, mode=MODE)
        with self._database.transaction() as write:
            if write.execute("SELECT 1 FROM model WHERE study = ?", [model.study.hash]).fetchone():
                raise Refusal("study-finished", model.study.name)
            values = [model.study.hash, version, model.made_at]
            write.execute("INSERT INTO model VALUES (?, ?, ?)", values)
        return version

    def version(self, study: Study) -> str | None:
        """Return the version of the model that a study made, if it has."""
        row = self._database.one("SELECT version FROM model WHERE study = ?", [study.hash])
        return str(row["version"]) if row else None

    def read(self, study: Study) -> bytes:
        """Return a study's sealed model, its hash checked; ``model-absent`` while there is none."""
        version = self.version(study)
        if version is None:
            raise Refusal("model-absent", study.name)
        return self.content(version)

    def published(self, study: Study) -> bytes:
        """Return a study's sealed model for a node: ``model-unpublished`` before that, ``model-withdrawn`` after."""
        content = self.read(study)
        entry = self.find(study.hash)
        if entry.withdrawn:
            raise Refusal("model-withdrawn", study.name)
        if not entry.published:
            raise Refusal("model-unpublished", study.name)
        return content

    def content(self, version: str) -> bytes:
        """Return the sealed bytes of a version, their hash checked."""
        try:
            content = self.path(version).read_bytes()
        except OSError as error:
            raise Unreachable("file-unreadable", str(self.path(version))) from error
        if version_of(content) != version:
            raise Tampered("signature-wrong", str(self.path(version)))
        return content

    def path(self, version: str) -> Path:
        """Return where a version's file is."""
        return self._directory / (version.removeprefix("sha256:") + ENDING)

    def all(self) -> list[Entry]:
        """Return every model, oldest first."""
        said: dict[str, dict[str, Statement]] = {}
        for row in self._database.rows("SELECT document FROM model_statement"):
            statement = Statement.from_document(parse(row["document"]))
            said.setdefault(statement.version, {})[statement.standing] = statement
        query = "SELECT m.*, s.name FROM model m JOIN study s ON s.hash = m.study ORDER BY m.rowid"
        return [
            Entry(r["version"], r["study"], r["name"], r["made_at"], of.get("published"), of.get("withdrawn"))
            for r in self._database.rows(query)
            for of in [said.get(r["version"], {})]
        ]

    def find(self, named: str) -> Entry:
        """Return a model by its study's name, or by the first digits of its version or of its study's hash."""
        digits = named.removeprefix("sha256:")
        entries = self.all()
        found = [entry for entry in entries if entry.name == named]
        if not found and re.fullmatch(rf"[0-9a-f]{{{LEAST_DIGITS},64}}", digits):
            found = [e for e in entries if any(h.startswith(f"sha256:{digits}") for h in (e.version, e.study))]
        if len(found) > 1:
            raise Refusal("study-ambiguous", named)
        if not found:
            raise Refusal("model-unknown", named)
        return found[0]

    def statements(self, studies: Sequence[str]) -> list[Statement]:
        """Return what was said of these studies' models; withdrawals first, as many as one answer may hold."""
        asked = ", ".join("?" * len(studies))
        query = (
            f"SELECT document FROM model_statement WHERE study IN ({asked}) ORDER BY standing DESC, rowid DESC LIMIT ?"  # noqa: S608 - question marks
        )
        rows = self._database.rows(query, [*studies, MOST_STATEMENTS])
        return [Statement.from_document(parse(row["document"])) for row in rows]

    def say(
        self,
        standing: Standing,
        entry: Entry,
        *,
        key: Ed25519PrivateKey,
        at: datetime.datetime,
        reason: str = "",
        supersedes: str = "",
    ) -> Entry:
        """Sign and keep a statement about a model, and return where it stands; what was said once stays said.

        A withdrawn model cannot be published: ``model-withdrawn``. Saying the same again changes nothing; publishing
        again in the place of another is ``model-published``.
        """
        when = at.isoformat(timespec="seconds")
        replaced = self.find(supersedes).version if supersedes else ""
        if replaced == entry.version:
            raise Refusal("model-published", "it cannot supersede itself")
        statement = Statement(standing, entry.version, entry.study, reason.strip(), replaced, when).signed(key)
        with self._database.transaction() as write:
            query = "SELECT standing, document FROM model_statement WHERE version = ?"
            said = {row["standing"]: row["document"] for row in write.execute(query, [entry.version]).fetchall()}
            if standing == "published" and "withdrawn" in said:
                raise Refusal("model-withdrawn", entry.name)
            if standing == "published" and standing in said and replaced != parse(said[standing])["supersedes"]:
                raise Refusal("model-published", entry.name)
            values = [entry.version, standing, entry.study, canonical(statement.document())]
            write.execute("INSERT OR IGNORE INTO model_statement VALUES (?, ?, ?, ?)", values)
        return self.find(entry.version)


__all__ = ["ENDING", "LEAST_DIGITS", "MODE", "SCHEMA", "Entry", "ModelState", "Registry"]
