"""One SQLite file whose commits survive a power cut, and whose transactions never interleave."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from privacy.errors import Unreachable

LOCK_WAIT_SECONDS = 20.0


class Database:
    """A file of tables; each thread gets its own connection, each write is ``BEGIN IMMEDIATE … COMMIT``.

    ``synchronous=FULL`` with a write-ahead log: a commit that returned is on the disk (measured with simulated power
    cuts: NORMAL loses acknowledged commits, FULL none). After a write or commit that the disk failed, nothing is
    written any more until the process starts anew and the file recovers: what a second try finds may not be there.
    """

    def __init__(self, path: Path, schema: Iterable[str]) -> None:
        self.path = path
        self._local = threading.local()
        self._failed = False
        with self.transaction() as connection:
            for statement in schema:
                connection.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside one exclusive write; commit at the end, or roll back whatever happened."""
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise Unreachable("state-locked", str(self.path)) from error
        try:
            yield connection
            self._commit(connection)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._failed = True
            raise Unreachable("state-unwritable", str(self.path)) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads of this thread see one moment, whatever other processes commit meanwhile."""
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a read outside any transaction."""
        return self._connection().execute(query, values).fetchall()

    def one(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first row, or None."""
        row: sqlite3.Row | None = self._connection().execute(query, values).fetchone()
        return row

    def _connection(self) -> sqlite3.Connection:
        if self._failed:
            raise Unreachable("state-unwritable", str(self.path))
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _open(self.path)
            self._local.connection = connection
        return connection


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.OperationalError as error:
        raise Unreachable("state-unreadable", str(path)) from error
    path.chmod(0o600)
    return connection


__all__ = ["LOCK_WAIT_SECONDS", "Database"]
