"""What leaves the linkage zone: sealed tables that say which keyed id is which person, and the sealed model."""

from __future__ import annotations

import datetime
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from sqlite3 import Row

import pyarrow as pa

from node import epochs
from node.clock import stamp
from node.files import Files
from node.linkage.standard import local_id, of_each
from privacy.audit import AuditLog
from privacy.canonical import JSON
from privacy.durable import Database
from privacy.errors import Refusal, Tampered

LINKED_EVENT, TRAINED_EVENT = "linkage-made", "linkage-trained"
COLUMNS = ("local", "person", "held_back", "band")
KEY_BYTES, KEYED_BYTES = 32, 16  # 128 bits: two of ten million ids share one with probability 1.5e-25

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS linkage_version (
        agreement TEXT NOT NULL, target TEXT NOT NULL, version INTEGER NOT NULL, agreed TEXT NOT NULL,
        model INTEGER NOT NULL, reference_digest TEXT NOT NULL, target_digest TEXT NOT NULL,
        optouts_version TEXT NOT NULL, made_at TEXT NOT NULL, file TEXT NOT NULL,
        PRIMARY KEY (agreement, target, version)) STRICT""",
    """CREATE TABLE IF NOT EXISTS linkage_model (
        agreement TEXT NOT NULL, target TEXT NOT NULL, model INTEGER NOT NULL, agreed TEXT NOT NULL,
        trained_at TEXT NOT NULL, file TEXT NOT NULL, PRIMARY KEY (agreement, target, model)) STRICT""",
)


@dataclass(frozen=True)
class LinkageVersion:
    """One linkage of a target's ids to people; only the newest has a ``file``, earlier ones are history.

    The digests are keyed: this node knows the two extracts again, and nobody else can test a guess at them.
    """

    agreement: str
    target: str
    version: int
    agreed: str
    model: int
    reference_digest: str
    target_digest: str
    optouts_version: str
    made_at: str
    file: str

    @property
    def name(self) -> str:
        """Return how data versions call it, as ``north/adult-social-care@3``."""
        return f"{self.agreement}/{self.target}@{self.version}"

    def facts(self) -> dict[str, JSON]:
        """Return what the log tells of it: no count."""
        return {name: value for name, value in asdict(self).items() if name not in ("made_at", "file")}


@dataclass(frozen=True, eq=False)
class Links:
    """A linkage's content: ``table`` has ``COLUMNS``, ``figures`` say how good it is; ``key`` keys the local ids.

    The key is random, of this target alone, and lies in no other place than the sealed table itself.
    """

    table: pa.Table
    figures: dict[str, JSON]
    key: bytes = field(repr=False)

    def sealed_form(self) -> pa.Table:
        """Return the one table that is sealed."""
        known = {b"figures": json.dumps(self.figures).encode(), b"key": self.key}
        return self.table.select(COLUMNS).replace_schema_metadata(known)

    @classmethod
    def of(cls, sealed: pa.Table) -> Links:
        """Return what a sealed table holds."""
        known = sealed.schema.metadata
        return cls(sealed.select(COLUMNS).replace_schema_metadata(None), json.loads(known[b"figures"]), known[b"key"])


def new_key() -> bytes:
    """Return a key for the local ids of a target that has none yet."""
    return os.urandom(KEY_BYTES)


def keyed(ids: pa.Array | pa.ChunkedArray, key: bytes) -> pa.Array:
    """Return 128 bits of HMAC-SHA256 of each local id's canonical form, in hexadecimal; null for an empty one."""

    def of(text: str) -> str | None:
        form = local_id(text)
        return None if form is None else hmac.digest(key, form.encode(), "sha256")[:KEYED_BYTES].hex()

    return of_each(ids, of)


class LinkTables:
    """Keeps one sealed table a target, and one sealed model a target and model number."""

    def __init__(self, files: Files, database: Database, audit: AuditLog) -> None:
        self._files = files
        self._database = database
        self._audit = audit

    def save(self, made: LinkageVersion, links: Links, *, now: datetime.datetime) -> LinkageVersion:
        """Keep a linkage as the newest of its target, with a leaf; the table before it, and its key, are destroyed."""
        with self._files.alone():
            before = self.all(made.agreement, made.target)
            number = 1 + max((version.version for version in before), default=0)
            key = self._files.seal([links.sealed_form()], f"{made.agreement}.{made.target}.{number}", "links")
            at = stamp(now)
            kept = LinkageVersion(**{**asdict(made), "version": number, "made_at": at, "file": key.file})
            with self._database.transaction() as connection:
                epochs.require_in_force(connection, links.table["person"][:1].to_pylist())
                old = [version.file for version in before if version.file]
                self._files.vault.destroy(connection, old)
                where = (made.agreement, made.target)
                connection.execute("UPDATE linkage_version SET file = '' WHERE agreement = ? AND target = ?", where)
                connection.execute(_insert("linkage_version", 10), tuple(asdict(kept).values()))
                self._files.vault.keep(connection, [key])
                self._audit.append(connection, LINKED_EVENT, kept.facts(), at=at)
        self._database.scrub()
        return kept

    def all(self, agreement: str = "", target: str = "") -> list[LinkageVersion]:
        """Return the linkages of an agreement, or of all, oldest first."""
        rows = self._database.rows("SELECT * FROM linkage_version ORDER BY agreement, target, version")
        found = [LinkageVersion(**dict(row)) for row in rows]
        return [v for v in found if agreement in ("", v.agreement) and target in ("", v.target)]

    def newest(self, agreement: str, target: str) -> LinkageVersion:
        """Return the linkage in force; ``linkage-absent`` when none was made, or it was erased."""
        found = self.in_force(agreement, target)
        if not found:
            raise Refusal("linkage-absent", f"{agreement}/{target}")
        return found[-1]

    def links(self, version: LinkageVersion) -> Links:
        """Return what a linkage says; one that another has taken the place of is read as that other."""
        return Links.of(self._files.unseal(lambda: self.newest(version.agreement, version.target).file))

    def before(self, agreement: str, target: str) -> Links | None:
        """Return the linkage in force, or None."""
        found = self.in_force(agreement, target)
        return self.links(found[-1]) if found else None

    def keep_model(
        self, agreement: str, target: str, number: int, model: dict[str, JSON], *, agreed: str, now: datetime.datetime
    ) -> None:
        """Keep a trained model, sealed: its probabilities are worked out from people, so it stays in this node."""
        with self._files.alone():
            table = pa.table({"model": [json.dumps(model)]})
            key = self._files.seal([table], f"{agreement}.{target}.{number}", "model")
            facts: dict[str, JSON] = {"agreement": agreement, "target": target, "model": number, "agreed": agreed}
            with self._database.transaction() as connection:
                row = (agreement, target, number, agreed, stamp(now), key.file)
                connection.execute(_insert("linkage_model", 6), row)
                self._files.vault.keep(connection, [key])
                self._audit.append(connection, TRAINED_EVENT, facts, at=stamp(now))

    def model(self, agreement: str, target: str, number: int) -> dict[str, JSON] | None:
        """Return a kept model, or None."""
        query = "SELECT file FROM linkage_model WHERE agreement = ? AND target = ? AND model = ?"
        row = self._database.one(query, (agreement, target, number))
        if row is None:
            return None
        model: dict[str, JSON] = json.loads(self._files.unseal(lambda: str(row["file"]))["model"][0].as_py())
        return model

    def in_force(self, agreement: str = "", target: str = "") -> list[LinkageVersion]:
        """Return the linkages that have a table: the newest of each target, of an agreement or of all."""
        return [version for version in self.all(agreement, target) if version.file]

    def verify(self) -> None:
        """Hold linkages and models against the log; ``agreement-tampered`` when they differ."""
        events = list(self._audit.events())
        made = [leaf["facts"] for leaf in events if leaf["event"] == LINKED_EVENT]
        trained = [leaf["facts"] for leaf in events if leaf["event"] == TRAINED_EVENT]
        here = [version.facts() for version in self.all()]
        models = self._database.rows("SELECT agreement, target, model, agreed FROM linkage_model")
        if _set(made) != _set(here) or _set(trained) != _set([dict(row) for row in models]):
            raise Tampered("agreement-tampered", "the log tells of other linkages")


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 - a constant of this file


def _set(facts: Sequence[dict[str, JSON]] | Sequence[Row]) -> set[str]:
    return {json.dumps(dict(each), sort_keys=True) for each in facts}


__all__ = [
    "COLUMNS",
    "KEYED_BYTES",
    "KEY_BYTES",
    "LINKED_EVENT",
    "SCHEMA",
    "TRAINED_EVENT",
    "LinkTables",
    "LinkageVersion",
    "Links",
    "keyed",
    "new_key",
]
