"""Which studies were submitted, to whom they are offered, and what each node said."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, cast

from coordinator.checking import check_study
from coordinator.register import Register
from privacy.canonical import canonical, parse
from privacy.computation import Finder
from privacy.defaulted import defaulted
from privacy.durable import Database
from privacy.errors import Invalid, Refusal
from privacy.fields import Fields
from privacy.release import Notice
from privacy.study import Software, Study, from_document

State = Literal["offered", "approved", "refused", "withdrawn", "revoked"]
LEAST_DIGITS = 6  # of a hash, to name a study by

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS study (
        hash TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, document BLOB NOT NULL, submitted_at TEXT NOT NULL,
        withdrawn_at TEXT NOT NULL DEFAULT '', withdrawn_reason TEXT NOT NULL DEFAULT '') STRICT""",
    """CREATE TABLE IF NOT EXISTS decision (
        study TEXT NOT NULL REFERENCES study (hash), node TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL,
        at TEXT NOT NULL, PRIMARY KEY (study, node)) STRICT""",
)


@dataclass(frozen=True)
class Decision:
    """What an invited node has said so far; ``code`` tells why it refused."""

    node: str
    name: str
    state: State
    code: str
    at: str


@dataclass(frozen=True)
class Withdrawal:
    """A study that the coordinator's people took back, when, and what they say of why."""

    study: str
    at: str
    reason: str


class Studies:
    """The submitted studies, in the coordinator's database; ``package`` is the hash of the installed software."""

    def __init__(self, database: Database, *, register: Register, finder: Finder, package: str) -> None:
        self._database, self._register, self._finder, self._package = database, register, finder, package

    def submit(self, document: Mapping[str, Any], *, at: datetime.datetime) -> Study:
        """Fill in software and defaults, check and keep a study; the very same one again changes nothing."""
        study = from_document(document)
        check_study(study, finder=self._finder, today=at.date())
        named, study = study.software, self._with_software(defaulted(study, self._finder))
        if named not in (None, study.software):
            raise Refusal("software-differs", study.name)
        if gone := [f"{i.name}: {i.fingerprint}" for i in study.invited if self._register.was(i.fingerprint)]:
            raise Refusal("invited-revoked", study.name, faults=gone)
        strangers = [f"{i.name}: {i.fingerprint}" for i in study.invited if not self._register.find(i.fingerprint)]
        if strangers:
            raise Invalid("invited-unknown", study.name, faults=strangers)
        self.check_not_withdrawn(study)  # else whoever submits it again is told that it is offered
        with self._database.transaction() as write:
            known = write.execute("SELECT hash FROM study WHERE name = ?", [study.name]).fetchone()
            if known and known["hash"] != study.hash:
                raise Refusal("study-name-taken", study.name)
            values = [study.hash, study.name, canonical(study.document()), at.isoformat(timespec="seconds")]
            query = "INSERT OR IGNORE INTO study (hash, name, document, submitted_at) VALUES (?, ?, ?, ?)"
            write.execute(query, values)
        return study

    def withdraw(self, study: Study, *, reason: str, at: datetime.datetime) -> Withdrawal:
        """Take a study back for good: it is offered no more, nor run; again it changes nothing, not even the reason."""
        faults: list[str] = []
        said = Fields({"reason": reason}, "", faults).text("reason")  # nodes' people will read it
        if faults:
            raise Invalid("reason-wrong", faults=faults)
        query = "UPDATE study SET withdrawn_at = ?, withdrawn_reason = ? WHERE hash = ? AND withdrawn_at = ''"
        with self._database.transaction() as write:
            write.execute(query, [at.isoformat(timespec="seconds"), said, study.hash])
        return cast("Withdrawal", self.withdrawal(study))

    def withdrawal(self, study: Study) -> Withdrawal | None:
        """Return when and why a study was withdrawn, if it was."""
        query = "SELECT withdrawn_at, withdrawn_reason FROM study WHERE hash = ? AND withdrawn_at != ''"
        row = self._database.one(query, [study.hash])
        return Withdrawal(study.hash, row["withdrawn_at"], row["withdrawn_reason"]) if row else None

    def check_not_withdrawn(self, study: Study) -> None:
        """Return while a study may be offered and run; once it was taken back, ``study-withdrawn``."""
        if withdrawal := self.withdrawal(study):
            raise Refusal("study-withdrawn", f"{study.name}: {withdrawal.reason}")

    def all(self) -> list[Study]:
        """Return every study, oldest first."""
        return [_study(row["document"]) for row in self._database.rows("SELECT document FROM study ORDER BY rowid")]

    def offered_to(self, fingerprint: str) -> list[Study]:
        """Return the studies that invite this node, and no others; those that were withdrawn are not among them."""
        return [study for study in self.all() if _invites(study, fingerprint) and not self.withdrawal(study)]

    def withdrawn_from(self, fingerprint: str) -> list[Withdrawal]:
        """Return the withdrawals of studies that invited this node."""
        return [w for study in self.all() if _invites(study, fingerprint) and (w := self.withdrawal(study))]

    def find(self, named: str) -> Study:
        """Return a study by its name, its hash, or the first digits of its hash."""
        digits = named.removeprefix("sha256:")
        query = "SELECT document FROM study WHERE name = ? OR hash = ?"
        rows = self._database.rows(query, [named, f"sha256:{digits}"])
        if not rows and re.fullmatch(rf"[0-9a-f]{{{LEAST_DIGITS},64}}", digits):
            rows = self._database.rows("SELECT document FROM study WHERE hash GLOB ?", [f"sha256:{digits}*"])
        if len(rows) > 1:
            raise Refusal("study-ambiguous", named)
        if not rows:
            raise Refusal("study-unknown")
        return _study(rows[0]["document"])

    def with_hash(self, study_hash: str) -> Study:
        """Return the study with exactly this hash."""
        row = self._database.one("SELECT document FROM study WHERE hash = ?", [study_hash])
        if row is None:
            raise Refusal("study-unknown")
        return _study(row["document"])

    def check_software(self, study: Study) -> None:
        """Return if the study was submitted for the software that is installed; otherwise ``software-differs``."""
        if self._with_software(study).software != study.software:
            raise Refusal("software-differs", study.name)

    def note(self, notice: Notice, *, at: datetime.datetime) -> None:
        """Keep what a node said of a study, its signature already checked; a withdrawal is final."""
        if notice.place != 0:  # an answer to a request
            raise Invalid("message-malformed")
        self._keep_decision(notice, at.isoformat(timespec="seconds"))

    def decisions(self, study: Study) -> list[Decision]:
        """Return where each invited node stands."""
        rows = self._database.rows("SELECT * FROM decision WHERE study = ?", [study.hash])
        said: dict[str, tuple[State, str, str]] = {r["node"]: (r["state"], r["code"], r["at"]) for r in rows}
        said |= {gone.fingerprint: ("revoked", "node-revoked", gone.revoked_at) for gone in self._register.revoked()}
        return [Decision(i.fingerprint, i.name, *said.get(i.fingerprint, ("offered", "", ""))) for i in study.invited]

    def said_by(self, fingerprint: str) -> dict[str, State]:
        """Return what a node said of each study, by the study's hash; what it said nothing of is not there."""
        rows = self._database.rows("SELECT study, state FROM decision WHERE node = ?", [fingerprint])
        return {row["study"]: row["state"] for row in rows}

    def approved(self, study: Study) -> list[str]:
        """Return the fingerprints of the nodes that approved the study."""
        return [decision.node for decision in self.decisions(study) if decision.state == "approved"]

    def submitted_at(self, study: Study) -> str:
        """Return when the study was submitted."""
        row = self._database.one("SELECT submitted_at FROM study WHERE hash = ?", [study.hash])
        return str(row["submitted_at"]) if row else ""

    def _keep_decision(self, notice: Notice, when: str) -> None:
        if not _invites(self.with_hash(notice.study), notice.node):
            raise Refusal("study-unknown")
        with self._database.transaction() as write:
            query = "SELECT state FROM decision WHERE study = ? AND node = ?"
            row = write.execute(query, [notice.study, notice.node]).fetchone()
            if row and row["state"] == "withdrawn" and notice.kind != "withdrawn":
                raise Refusal("study-withdrawn")
            values = [notice.study, notice.node, notice.kind, notice.code, when]
            write.execute("INSERT OR REPLACE INTO decision VALUES (?, ?, ?, ?, ?)", values)

    def _with_software(self, study: Study) -> Study:
        versions = {step.use: self._finder.find(step.use).version for step in study.steps}
        return replace(study, software=Software(self._package, versions))


@lru_cache(maxsize=1024)  # every node asks for every study that invites it, again and again
def _study(document: bytes) -> Study:
    return from_document(parse(document))


def _invites(study: Study, fingerprint: str) -> bool:
    return any(invited.fingerprint == fingerprint for invited in study.invited)


__all__ = ["LEAST_DIGITS", "SCHEMA", "Decision", "State", "Studies", "Withdrawal"]
