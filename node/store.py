"""The node's records at rest: encrypted, versioned, there whole or not at all."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from sqlite3 import Connection, Row

import pyarrow as pa

from node import data_version, epochs, vault
from node.clock import stamp
from node.data_version import (
    COLUMN_OF,
    DATA_LOADED,
    OPTOUTS_LOADED,
    PSEUDONYMS_ROTATED,
    DataVersion,
    Kind,
    check_history,
    version_of,
)
from node.files import Files
from node.keystore import Keystore
from node.linkage import tables
from node.loading import Loading
from node.vault import FileKey
from privacy.audit import AuditLog
from privacy.canonical import JSON
from privacy.contract import Contract
from privacy.durable import Database
from privacy.errors import Invalid, Refusal, Tampered
from privacy.optouts import OptOuts

OPTOUTS = "optouts"

SCHEMA = (
    *data_version.SCHEMA,
    *vault.SCHEMA,
    *tables.SCHEMA,
    *epochs.SCHEMA,
    """CREATE TABLE IF NOT EXISTS optout_list (
        newest INTEGER PRIMARY KEY CHECK (newest = 1), version TEXT NOT NULL, as_of TEXT NOT NULL,
        file TEXT NOT NULL UNIQUE) STRICT""",
)


@dataclass(frozen=True, eq=False)
class Swap:
    """One stored file that ``parts`` take the place of, or that goes with its version where there are none.

    Without ``version`` it is the opt-out list, and ``optouts`` takes its place, or nothing does; or, by its file in
    ``links``, the table of a linkage. ``parts`` are written one after the other: only one is in memory.
    """

    version: DataVersion | None
    kind: Kind = "records"
    parts: Iterable[pa.Table] | None = None
    optouts: OptOuts | None = None
    links: str = ""


class Store:
    """Keeps data sets, what was quarantined, and the newest opt-out list, as encrypted Parquet files.

    A file counts only once its row is in the database; the row, the file's key and the audit leaf are one transaction.
    What a crash left behind is removed when the store is next opened.
    """

    def __init__(self, directory: Path, keystore: Keystore, database: Database, audit: AuditLog) -> None:
        self.files = Files(directory, keystore, database)
        self._database = database
        self._audit = audit
        epochs.finish(database, keystore)

    @contextmanager
    def loading(self, contract: Contract) -> Iterator[Loading]:
        """Hold the store for one load of a data set; whatever it leaves uncommitted is gone afterwards.

        A contract that changed under its old version number is ``contract-changed``; another load at work is
        ``store-busy``.
        """
        with self.files.alone(), ThreadPoolExecutor(1) as thread:
            number = self._next_version(contract)
            yield Loading(self.files, self._database, self._audit, contract, number=number, meanwhile=thread)

    def change(
        self,
        event: str,
        facts: Mapping[str, JSON],
        swaps: Callable[[], Iterable[Swap]],
        *,
        now: datetime.datetime,
        within: Callable[[Connection], None] = lambda _: None,
    ) -> int:
        """Let files take the place of others, or go, all at once; return the leaf that says which.

        The rows of the new files, the end of the old files' keys and the leaf are one transaction: after a crash it is
        all of the change or none, and the same command again goes on. The leaf gives the SHA-256 of each file before
        and after: of ciphertext under a key of its own, so it tells nothing, but a backup that still has the file
        shows. ``swaps`` is called once nobody else changes the store, and may read as it goes. ``within``
        changes what else belongs to it, in the same transaction.
        """
        with self.files.alone():
            made = [(replace(swap, parts=None), self._seal(swap)) for swap in swaps()]  # one in memory
            with self._database.transaction() as connection:
                within(connection)
                files = [self._swap(connection, swap, key) for swap, key in made]
                leaf = self._audit.append(connection, event, {**facts, "files": files}, at=stamp(now))
        self._database.scrub()
        return leaf

    def all(self) -> list[DataVersion]:
        """Return all versions of all data sets, each set's oldest first."""
        return [version_of(row) for row in self._database.rows("SELECT * FROM data_version ORDER BY data_set, version")]

    def versions(self, data_set: str) -> list[DataVersion]:
        """Return all versions of a data set, oldest first; none when it was never loaded."""
        return [version for version in self.all() if version.data_set == data_set]

    def latest(self, data_set: str) -> DataVersion:
        """Return the newest version; ``data-set-unknown`` when the data set was never loaded."""
        row = self._database.one("SELECT * FROM data_version WHERE data_set = ? ORDER BY version DESC", [data_set])
        if row is None:
            raise Refusal("data-set-unknown", data_set)
        return version_of(row)

    def read(self, version: DataVersion, columns: Sequence[str]) -> pa.Table:
        """Return ``person``, ``held_back`` and the columns asked for, each person's rows together.

        Rows are sorted by person, then period. Integers are int64, numbers float64, dates date32, the rest
        dictionary-encoded text; missing values are null. A column that the store does not keep is
        ``variable-unknown``. Whoever reads rows of events asks ``people``: memory grows with them here.
        """
        wanted = list(dict.fromkeys(["person", "held_back", *columns]))
        return self.files.unseal(lambda: self._as_now(version).file, wanted).select(wanted)

    def people(
        self, version: DataVersion, columns: Sequence[str], *, shards: int, at_most: int | None = None
    ) -> Iterator[pa.Table]:
        """Yield what ``read`` returns, some of the people at a time: ``shards`` tables, in the order of pseudonyms.

        A person's rows are in one table, and the same number of shards holds the same people of every data set. One
        that is changed meanwhile is read on as it was, or is ``store-tampered``. A person has ``at_most`` rows.
        """
        wanted = list(dict.fromkeys(["person", "held_back", *columns]))
        yield from self.files.shards(self._as_now(version).file, wanted, shards, at_most)

    def rows(self, version: DataVersion) -> int:
        """Return how many rows a version has: exact, for this node only."""
        return self.files.rows(self._as_now(version).file)

    def read_whole(self, version: DataVersion, kind: Kind) -> pa.Table:
        """Return every column of a version's records or quarantine, as it is stored."""
        return self.files.unseal(lambda: self._as_now(version).file_of(kind))

    def parts(self, version: DataVersion, kind: Kind, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield what ``read_whole`` returns, or columns of it, some rows at a time and in the same order."""
        yield from self.files.parts(self._as_now(version).file_of(kind), columns)

    def read_quarantine(self, version: DataVersion) -> pa.Table:
        """Return a load's bad rows, for people at this node: ``line``, ``reasons``, ``person``, raw texts."""
        return self.read_whole(version, "quarantine")

    def save_optouts(self, optouts: OptOuts, now: datetime.datetime) -> None:
        """Keep this list and only this; the one before it is removed, and its key."""
        with self.files.alone():
            key = self.files.seal([pa.table({"person": optouts.allowed})], OPTOUTS, "list")
            with self._database.transaction() as connection:
                epochs.require_in_force(connection, optouts.allowed[:1].tolist())
                before = connection.execute("SELECT file FROM optout_list").fetchall()
                self.files.vault.destroy(connection, [row["file"] for row in before])
                self._record_optouts(connection, optouts, key)
                facts = {"version": optouts.version, "as_of": optouts.as_of.isoformat()}
                self._audit.append(connection, OPTOUTS_LOADED, facts, at=stamp(now))

    def optouts(self) -> OptOuts:
        """Return the list that was loaded last; ``optouts-absent`` when none was: then nobody may be used."""
        row = self._optout_row()
        allowed = self.files.unseal(lambda: str(self._optout_row()["file"]))["person"].to_numpy()
        optouts = OptOuts.of(allowed.astype(str), datetime.date.fromisoformat(row["as_of"]))
        if optouts.version != row["version"]:  # the version covers the day too: an old list cannot be made to look new
            if self._optout_row()["version"] != row["version"]:
                return self.optouts()  # another process loaded a newer list between the question and the reading
            raise Tampered("store-tampered", "the opt-out list")
        return optouts

    def verify(self) -> None:
        """Hold the loads and the opt-out list in use against the log; ``store-tampered`` when they differ."""
        in_use = self._database.one("SELECT version, as_of FROM optout_list")
        check_history(self._audit.events(), self.all(), dict(in_use) if in_use else None)
        told = [e["facts"]["after"] for e in self._audit.events() if e["event"] == PSEUDONYMS_ROTATED]
        if told[-1:] != [str(tag) for tag in [epochs.committed(self._database)] if tag]:
            raise Tampered("store-tampered", "which key names people")

    @property
    def empty(self) -> bool:
        """Say whether nothing is here that names people: no version of anything, and no opt-out list."""
        return not self.all() and not self.has_optouts

    @property
    def has_optouts(self) -> bool:
        """Say whether an opt-out list was loaded, however old it is."""
        return self._database.one("SELECT 1 FROM optout_list") is not None

    def require_in_force(self, pseudonyms: Iterable[str]) -> None:
        """Return if these pseudonyms are of the key in force; ``pseudonyms-rotated`` otherwise."""
        with self._database.transaction() as connection:
            epochs.require_in_force(connection, pseudonyms)

    def _next_version(self, contract: Contract) -> int:
        """Return the number after all that were ever given: one that was erased never means other records."""
        agreed = [v.contract for v in self.versions(contract.name)]
        if any(a.version == contract.version and a.hash != contract.hash for a in agreed):
            raise Invalid("contract-changed", f"{contract.name}, version {contract.version}")
        loads = [leaf["facts"] for leaf in self._audit.events() if leaf["event"] == DATA_LOADED]
        return 1 + max((load["version"] for load in loads if load["data_set"] == contract.name), default=0)

    def _as_now(self, version: DataVersion) -> DataVersion:
        query = "SELECT * FROM data_version WHERE data_set = ? AND version = ?"
        row = self._database.one(query, (version.data_set, version.version))
        if row is None:
            raise Refusal("data-set-unknown", f"{version.name} is not here any more")
        return version_of(row)

    def _optout_row(self) -> Row:
        row = self._database.one("SELECT * FROM optout_list")
        if row is None:
            raise Refusal("optouts-absent")
        return row

    def _seal(self, swap: Swap) -> FileKey | None:
        if swap.optouts is not None:
            return self.files.seal([pa.table({"person": swap.optouts.allowed})], OPTOUTS, "list")
        if swap.parts is None:
            return None
        if swap.version is None:
            return self.files.seal(swap.parts, swap.links.split(".links")[0].rpartition(".")[0], "links")
        return self.files.seal(swap.parts, f"{swap.version.data_set}.{swap.version.version}", swap.kind)

    def _swap(self, connection: Connection, swap: Swap, key: FileKey | None) -> dict[str, JSON]:
        """Make one change in the caller's transaction, and return what its leaf says of it."""
        if swap.links:
            return self._swap_links(connection, swap.links, key)
        version = swap.version
        old = version.file_of(swap.kind) if version else str(self._optout_row()["file"])
        facts: dict[str, JSON] = {"kind": swap.kind if version else OPTOUTS, "before": self.files.sha256(old)}
        facts |= {"data_set": version.data_set, "version": version.version} if version else {}
        facts |= {"after": self.files.sha256(key.file), "file": key.file} if key else {}
        self.files.vault.destroy(connection, [old])
        if swap.optouts is not None and key is not None:
            self._record_optouts(connection, swap.optouts, key)
            facts |= {"optouts": swap.optouts.version, "as_of": swap.optouts.as_of.isoformat()}
        elif version is not None and key is not None:
            column = COLUMN_OF[swap.kind]
            connection.execute(f"UPDATE data_version SET {column} = ? WHERE {column} = ?", (key.file, old))  # noqa: S608 - ours
            self.files.vault.keep(connection, [key])
        elif version is None:
            connection.execute("DELETE FROM optout_list")
        else:
            where = (version.data_set, version.version)
            connection.execute("DELETE FROM data_version WHERE data_set = ? AND version = ?", where)
        return facts

    def _swap_links(self, connection: Connection, old: str, key: FileKey | None) -> dict[str, JSON]:
        facts: dict[str, JSON] = {"kind": "links", "before": self.files.sha256(old)}
        self.files.vault.destroy(connection, [old])
        connection.execute("UPDATE linkage_version SET file = ? WHERE file = ?", (key.file if key else "", old))
        if key:
            self.files.vault.keep(connection, [key])
            facts["after"] = self.files.sha256(key.file)
        return facts

    def _record_optouts(self, connection: Connection, optouts: OptOuts, key: FileKey) -> None:
        row = (optouts.version, optouts.as_of.isoformat(), key.file)
        connection.execute("INSERT OR REPLACE INTO optout_list VALUES (1, ?, ?, ?)", row)
        self.files.vault.keep(connection, [key])


__all__ = ["OPTOUTS", "SCHEMA", "Store", "Swap"]
