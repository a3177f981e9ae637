"""A key of its own for each file of the store, wrapped in the node's state: when its row goes, no copy of it opens."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node.keystore import KEY_BYTES, NONCE_BYTES, Keystore
from privacy.canonical import canonical
from privacy.durable import Database
from privacy.errors import Refusal, Tampered

FAMILY = "store"  # store@1, store@2 …: what wraps the keys of files
FIRST = f"{FAMILY}@1"
BEFORE = {False: FIRST, True: "optouts@1"}  # what keys of files were derived from before they had keys of their own

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS file_key (
        file TEXT PRIMARY KEY, wrapped_by TEXT NOT NULL, wrapped BLOB NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS file_note (file TEXT PRIMARY KEY, note BLOB NOT NULL) STRICT""",
)


@dataclass(frozen=True)
class FileKey:
    """The key of one file, random and used for nothing else; never shown."""

    file: str
    wrapped_by: str
    wrapped: bytes
    secret: bytes = field(repr=False)


class Vault:
    """Gives files their keys. Keys are kept and destroyed in the caller's transaction, with the rows of the files."""

    def __init__(self, keystore: Keystore, database: Database) -> None:
        self._keystore = keystore
        self._database = database

    def new(self, file: str) -> FileKey:
        """Return a fresh key, wrapped by the newest records key; it counts once ``keep`` is committed."""
        family = self._keystore.family(FAMILY)  # as it is now: whoever rotated has destroyed the key before
        if not family:
            raise Refusal("key-unknown", FIRST)
        return self._wrap(file, os.urandom(KEY_BYTES), family[-1])

    def key(self, file: str) -> bytes:
        """Return the key of a file; one that has none, any more or yet, is ``store-tampered``."""
        row = self._database.one("SELECT wrapped_by, wrapped FROM file_key WHERE file = ?", [file])
        if row is None:
            raise Tampered("store-tampered", f"{file} has no key")
        try:
            wrapped = row["wrapped"]
            return self._wrapping(row["wrapped_by"]).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], file.encode()
            )
        except InvalidTag:
            raise Tampered("store-tampered", f"the key of {file}") from None

    @staticmethod
    def keep(connection: sqlite3.Connection, keys: Iterable[FileKey]) -> None:
        """Keep keys inside the caller's transaction."""
        rows = [(key.file, key.wrapped_by, key.wrapped) for key in keys]
        connection.executemany("INSERT INTO file_key VALUES (?, ?, ?)", rows)

    @staticmethod
    def destroy(connection: sqlite3.Connection, files: Iterable[str]) -> None:
        """Destroy keys inside the caller's transaction; the state file overwrites what is deleted."""
        gone = [(file,) for file in files]
        connection.executemany("DELETE FROM file_key WHERE file = ?", gone)
        connection.executemany("DELETE FROM file_note WHERE file = ?", gone)

    def note(self, file: str, content: bytes) -> None:
        """Keep what was worked out from a file, sealed under its key: it goes when the key goes, in copies too."""
        secret = self.key(file)
        with self._database.transaction() as connection:
            self.keep_note(connection, file, secret, content)

    @staticmethod
    def keep_note(connection: sqlite3.Connection, file: str, secret: bytes, content: bytes) -> None:
        """Keep a note inside the caller's transaction; ``secret`` is the file's key."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + _note_key(file, secret).encrypt(nonce, content, file.encode())
        connection.execute("INSERT OR REPLACE INTO file_note VALUES (?, ?)", (file, sealed))

    def noted(self, file: str) -> bytes | None:
        """Return what was kept of a file, None where nothing was; one that was changed is ``store-tampered``."""
        row = self._database.one("SELECT note FROM file_note WHERE file = ?", [file])
        if row is None:
            return None
        try:
            key = _note_key(file, self.key(file))
            return key.decrypt(row["note"][:NONCE_BYTES], row["note"][NONCE_BYTES:], file.encode())
        except InvalidTag:
            raise Tampered("store-tampered", f"what is noted of {file}") from None

    def under(self, key_id: str) -> list[str]:
        """Return the files whose keys one records key wraps."""
        rows = self._database.rows("SELECT file FROM file_key WHERE wrapped_by = ? ORDER BY file", [key_id])
        return [str(row["file"]) for row in rows]

    def adopt(self, files: Iterable[tuple[str, bool]]) -> None:
        """Give files of version 0.1, whose keys were derived, those keys as their own; the flag is for opt-out lists.

        Such a key can be derived again until the records key is rotated with ``--rewrite``.
        """
        old = [(f, BEFORE[is_list]) for f, is_list in files if BEFORE[is_list] in self._keystore.key_ids]
        keys = [self._wrap(f, self._keystore.derive(key_id, purpose=f"file/{f}"), FIRST) for f, key_id in old]
        if keys:
            with self._database.transaction() as connection:
                self.keep(connection, keys)

    def _wrap(self, file: str, secret: bytes, key_id: str) -> FileKey:
        nonce = os.urandom(NONCE_BYTES)
        return FileKey(file, key_id, nonce + self._wrapping(key_id).encrypt(nonce, secret, file.encode()), secret)

    def _wrapping(self, key_id: str) -> AESGCM:
        return AESGCM(self._keystore.derive(key_id, purpose="file keys"))


def _note_key(file: str, secret: bytes) -> AESGCM:
    info = canonical(["hedgerow/vault/note/v1", file])
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret))


__all__ = ["BEFORE", "FAMILY", "FIRST", "SCHEMA", "FileKey", "Vault"]
