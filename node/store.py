"""The node's records at rest: encrypted, versioned, there whole or not at all."""

from __future__ import annotations

import datetime
import fcntl
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Row

import pyarrow as pa

from node.keystore import Keystore
from node.parquet import SUFFIX, seal, unseal
from privacy.audit import AuditLog
from privacy.canonical import JSON, canonical
from privacy.contract import Contract, contract_of
from privacy.durable import Database
from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from privacy.optouts import OptOuts

RECORDS_KEY, OPTOUTS_KEY = "store@1", "optouts@1"
DATA_LOADED, OPTOUTS_LOADED = "data-loaded", "optouts-loaded"
LOCK = "store.lock"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS data_version (
        data_set TEXT NOT NULL, version INTEGER NOT NULL, contract TEXT NOT NULL, loaded_at TEXT NOT NULL,
        source_sha256 TEXT NOT NULL, optouts_version TEXT NOT NULL, file TEXT NOT NULL UNIQUE,
        quarantine TEXT NOT NULL UNIQUE, PRIMARY KEY (data_set, version)) STRICT""",
    """CREATE TABLE IF NOT EXISTS optout_list (
        newest INTEGER PRIMARY KEY CHECK (newest = 1), version TEXT NOT NULL, as_of TEXT NOT NULL,
        file TEXT NOT NULL UNIQUE) STRICT""",
)

_RECORDED = """SELECT file FROM data_version UNION SELECT quarantine FROM data_version
    UNION SELECT file FROM optout_list"""


@dataclass(frozen=True)
class DataVersion:
    """One load of a data set. ``file`` and ``quarantine`` are names in the store's directory.

    ``source_sha256`` is keyed (HMAC-SHA256): this node can recognise the source file again, and nobody else
    can use it to test a guess at what is in it.
    """

    data_set: str
    version: int
    contract: Contract
    loaded_at: str
    source_sha256: str
    optouts_version: str
    file: str
    quarantine: str


class Store:
    """Keeps data sets, what was quarantined, and the newest opt-out list, as encrypted Parquet files.

    A file counts only once its row is in the database; the row and its audit leaf are one transaction. What a
    crash left behind is removed when the store is next opened.
    """

    def __init__(self, directory: Path, keystore: Keystore, database: Database, audit: AuditLog) -> None:
        self.directory = directory
        self._keystore = keystore
        self._database = database
        self._audit = audit
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._remove_orphans()

    def save(
        self,
        *,
        contract: Contract,
        records: pa.Table,
        quarantine: pa.Table,
        source_sha256: str,
        optouts_version: str,
        now: datetime.datetime,
    ) -> DataVersion:
        """Keep a load as the data set's next version.

        ``records`` has ``person`` (pseudonyms), ``held_back`` and the contract's stored columns. A contract
        that changed under its old version number is ``contract-changed``; another load at work is
        ``store-busy``.
        """
        with self._alone():
            number = self._next_version(contract)
            stem = f"{contract.name}.{number}.{secrets.token_hex(8)}"
            version = DataVersion(
                data_set=contract.name,
                version=number,
                contract=contract,
                loaded_at=_text(now),
                source_sha256=source_sha256,
                optouts_version=optouts_version,
                file=f"{stem}.records{SUFFIX}",
                quarantine=f"{stem}.quarantine{SUFFIX}",
            )
            try:
                seal(_in_order(records, contract), self.directory / version.file, self._keystore, RECORDS_KEY)
                seal(quarantine, self.directory / version.quarantine, self._keystore, RECORDS_KEY)
                self._record(version)
            except BaseException:
                self._unlink_unrecorded()
                raise
        return version

    def versions(self, data_set: str) -> list[DataVersion]:
        """Return all versions of a data set, oldest first; none when it was never loaded."""
        query = "SELECT * FROM data_version WHERE data_set = ? ORDER BY version"
        return [_version_of(row) for row in self._database.rows(query, [data_set])]

    def latest(self, data_set: str) -> DataVersion:
        """Return the newest version; ``data-set-unknown`` when the data set was never loaded."""
        row = self._database.one("SELECT * FROM data_version WHERE data_set = ? ORDER BY version DESC", [data_set])
        if row is None:
            raise Refusal("data-set-unknown", data_set)
        return _version_of(row)

    def read(self, version: DataVersion, columns: Sequence[str]) -> pa.Table:
        """Return ``person``, ``held_back`` and the columns asked for, each person's rows together.

        Rows are sorted by person, then period. Integers are int64, numbers float64, the rest
        dictionary-encoded text; missing values are null. A column that the store does not keep is
        ``variable-unknown``.
        """
        wanted = list(dict.fromkeys(["person", "held_back", *columns]))
        return unseal(self.directory / version.file, self._keystore, RECORDS_KEY, wanted).select(wanted)

    def read_quarantine(self, version: DataVersion) -> pa.Table:
        """Return a load's bad rows, for people at this node: ``line``, ``reasons``, ``person``, raw texts."""
        return unseal(self.directory / version.quarantine, self._keystore, RECORDS_KEY)

    def save_optouts(self, optouts: OptOuts, now: datetime.datetime) -> None:
        """Keep this list and only this; the one before it is removed."""
        with self._alone():
            name = f"optouts.{secrets.token_hex(8)}{SUFFIX}"
            try:
                seal(pa.table({"person": optouts.allowed}), self.directory / name, self._keystore, OPTOUTS_KEY)
                with self._database.transaction() as connection:
                    row = (optouts.version, optouts.as_of.isoformat(), name)
                    connection.execute("INSERT OR REPLACE INTO optout_list VALUES (1, ?, ?, ?)", row)
                    facts = {"version": optouts.version, "as_of": optouts.as_of.isoformat()}
                    self._audit.append(connection, OPTOUTS_LOADED, facts, at=_text(now))
            finally:
                self._unlink_unrecorded()

    def optouts(self) -> OptOuts:
        """Return the list that was loaded last; ``optouts-absent`` when none was: then nobody may be used."""
        row = self._database.one("SELECT * FROM optout_list")
        if row is None:
            raise Refusal("optouts-absent")
        try:
            allowed = unseal(self.directory / row["file"], self._keystore, OPTOUTS_KEY)["person"].to_numpy()
        except Tampered:
            newest = self._database.one("SELECT file FROM optout_list")
            if newest is None or newest["file"] == row["file"]:
                raise
            return self.optouts()  # another process loaded a newer list between the question and the reading
        optouts = OptOuts.of(allowed.astype(str), datetime.date.fromisoformat(row["as_of"]))
        if optouts.version != row["version"]:  # the version covers the day too: an old list cannot be made to look new
            raise Tampered("store-tampered", "the opt-out list")
        return optouts

    def verify(self) -> None:
        """Hold the loads and the opt-out list in use against the log; ``store-tampered`` when they differ."""
        events = self._audit.events()
        loads = [leaf["facts"] for leaf in events if leaf["event"] == DATA_LOADED]
        rows = self._database.rows("SELECT * FROM data_version")
        if sorted(map(canonical, loads)) != sorted(canonical(_facts(_version_of(row))) for row in rows):
            raise Tampered("store-tampered", "the loads")
        lists = [leaf["facts"] for leaf in events if leaf["event"] == OPTOUTS_LOADED]
        in_use = self._database.one("SELECT version, as_of FROM optout_list")
        if lists[-1:] != ([dict(in_use)] if in_use else []):
            raise Tampered("store-tampered", "the opt-out list")

    def _next_version(self, contract: Contract) -> int:
        versions = self.versions(contract.name)
        if any(v.contract.version == contract.version and v.contract.hash != contract.hash for v in versions):
            raise Invalid("contract-changed", f"{contract.name}, version {contract.version}")
        return versions[-1].version + 1 if versions else 1

    def _record(self, version: DataVersion) -> None:
        """Make a load count. The leaf holds no count of rows: a leaf may be shown outside the node."""
        row = (
            version.data_set,
            version.version,
            json.dumps(version.contract.document()),  # not canonical: that would sort the columns
            version.loaded_at,
            version.source_sha256,
            version.optouts_version,
            version.file,
            version.quarantine,
        )
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO data_version VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            self._audit.append(connection, DATA_LOADED, _facts(version), at=version.loaded_at)

    def _remove_orphans(self) -> None:
        try:
            with self._alone():
                self._unlink_unrecorded()
        except Unreachable:
            return  # a load is at work in another process: what is unrecorded is its own to clean up

    def _unlink_unrecorded(self) -> None:
        recorded = {row["file"] for row in self._database.rows(_RECORDED)} | {LOCK}
        for path in self.directory.iterdir():
            if path.name not in recorded:
                path.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the store's lock, which the operating system gives back even after a crash."""
        with (self.directory / LOCK).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Unreachable("store-busy", str(self.directory)) from error
            yield


def _in_order(records: pa.Table, contract: Contract) -> pa.Table:
    by = [("person", "ascending"), *([(contract.period, "ascending")] if contract.period else [])]
    return records.sort_by(by)


def _facts(version: DataVersion) -> dict[str, JSON]:
    return {
        "data_set": version.data_set,
        "version": version.version,
        "contract": version.contract.hash,
        "source": version.source_sha256,
        "optouts": version.optouts_version,
    }


def _version_of(row: Row) -> DataVersion:
    return DataVersion(**{**dict(row), "contract": contract_of(json.loads(row["contract"]))})


def _text(now: datetime.datetime) -> str:
    return now.astimezone(datetime.UTC).isoformat(timespec="seconds")


__all__ = [
    "DATA_LOADED",
    "LOCK",
    "OPTOUTS_KEY",
    "OPTOUTS_LOADED",
    "RECORDS_KEY",
    "SCHEMA",
    "DataVersion",
    "Store",
]
