"""The store's directory: encrypted files that count once the state says so, under one lock, with no orphan left."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from node.keystore import Keystore
from node.parquet import ROWS_IN_A_GROUP, SMALL, SUFFIX, Compression, seal, unseal, unsealed
from node.sharding import by_person
from node.vault import FileKey, Vault
from privacy.durable import Database
from privacy.errors import Invalid, Tampered, Unreachable

LOCK = "store.lock"
_NAMED_IN = {  # each table that names files, and what it says of them
    "data_version": "SELECT file, 0 AS is_list FROM data_version UNION SELECT quarantine, 0 FROM data_version",
    "optout_list": "SELECT file, 1 AS is_list FROM optout_list",
    "linkage_version": "SELECT file, 0 AS is_list FROM linkage_version WHERE file != ''",
    "linkage_model": "SELECT file, 0 AS is_list FROM linkage_model",
}


def recorded_in(tables: Collection[str]) -> str:
    """Return the query for the files that a state names, as far as it has the tables: earlier formats lack some."""
    return " UNION ".join(query for table, query in _NAMED_IN.items() if table in tables)


RECORDED = recorded_in(_NAMED_IN)
_WITHOUT_KEY = f"SELECT * FROM ({RECORDED}) WHERE file NOT IN (SELECT file FROM file_key)"  # noqa: S608 - no value


class Files:
    """Writes and reads the files that the state records; what a crash left unrecorded goes when it is next opened."""

    def __init__(self, directory: Path, keystore: Keystore, database: Database) -> None:
        self.directory = directory
        self.vault = Vault(keystore, database)
        self._database = database
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._remove_orphans()
        self.vault.adopt((row["file"], bool(row["is_list"])) for row in database.rows(_WITHOUT_KEY))

    def seal(
        self,
        tables: Iterable[pa.Table],
        stem: str,
        kind: str,
        *,
        rows_in_a_group: int = ROWS_IN_A_GROUP,
        compression: Compression = SMALL,
    ) -> FileKey:
        """Write tables into a file of a new name and a new key; both count once the key is kept."""
        key = self.vault.new(f"{stem}.{secrets.token_hex(8)}.{kind}{SUFFIX}")  # a name is never used twice
        path = self.directory / key.file
        seal(tables, path, key.secret, rows_in_a_group=rows_in_a_group, compression=compression)
        return key

    def unseal(self, find: Callable[[], str], columns: Sequence[str] | None = None) -> pa.Table:
        """Read the file that ``find`` names; again, should another have taken its place while it was being read."""
        name = find()
        try:
            return unseal(self.directory / name, self.vault.key(name), columns)
        except Tampered:
            if find() == name:
                raise
            return self.unseal(find, columns)

    def shards(self, name: str, columns: Sequence[str], shards: int, at_most: int | None = None) -> Iterator[pa.Table]:
        """Yield the columns of a file that is sorted by person, cut by person; see ``node.sharding``."""
        with self._opened(name, dictionaries=["person"]) as file:
            if unknown := sorted(set(columns) - set(file.schema_arrow.names)):
                raise Invalid("variable-unknown", ", ".join(unknown))
            yield from by_person(file, columns, shards, at_most)

    def parts(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield a file's row groups, in order."""
        with self._opened(name) as file:
            for i in range(file.metadata.num_row_groups):
                yield file.read_row_group(i, columns=columns)

    def rows(self, name: str) -> int:
        """Return how many rows a file has."""
        with self._opened(name) as file:
            return int(file.metadata.num_rows)

    def _opened(self, name: str, *, dictionaries: Sequence[str] = ()) -> AbstractContextManager[Any]:
        return unsealed(self.directory / name, self.vault.key(name), dictionaries=dictionaries)

    def sha256(self, name: str) -> str:
        """Return the hash of a file as it lies on the disk."""
        try:
            with (self.directory / name).open("rb") as file:
                return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            raise Tampered("store-tampered", name) from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the store's lock, which the operating system gives back even after a crash; leave no orphan behind."""
        descriptor = os.open(self.directory / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        with os.fdopen(descriptor, "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Unreachable("store-busy", str(self.directory)) from error
            try:
                yield
            finally:
                self.unlink_unrecorded()

    def unlink_unrecorded(self) -> None:
        """Remove every file that the state does not name; the caller holds the lock."""
        recorded = {row["file"] for row in self._database.rows(RECORDED)} | {LOCK}
        for path in self.directory.iterdir():
            if path.name not in recorded:
                path.unlink()

    def open_each(self) -> int:
        """Open every load's files, their sealed footers only, and return how many; else ``store-tampered``."""
        names = [row["file"] for row in self._database.rows(RECORDED) if row["file"]]
        for name in names:
            unseal(self.directory / name, self.vault.key(name), [])
        return len(names)

    def _remove_orphans(self) -> None:
        try:
            with self.alone():
                return
        except Unreachable:
            return  # a load is at work in another process: what is unrecorded is its own to clean up


__all__ = ["LOCK", "RECORDED", "Files", "recorded_in"]
