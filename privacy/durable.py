"""One SQLite file whose commits survive a power cut, and whose transactions never interleave."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privacy.errors import Refusal, Unreachable

LOCK_WAIT_SECONDS = 20.0
FIRST_FORMAT = 1  # of files that were written before formats had numbers, whose user_version is 0


@dataclass(frozen=True)
class Migration:
    """How a file of the format before becomes one of ``format``: statements, run in one transaction.

    Only what already exists needs one: a new table is made, empty, when the file is next opened.
    """

    format: int
    title: str
    statements: tuple[str, ...]


class Database:
    """A file of tables; each thread gets its own connection, each write is ``BEGIN IMMEDIATE … COMMIT``.

    ``synchronous=FULL`` with a write-ahead log: a commit that returned is on the disk (measured with simulated power
    cuts: NORMAL loses acknowledged commits, FULL none). After a write or commit that the disk failed, nothing is
    written any more until the process starts anew and the file recovers: what a second try finds may not be there.

    A new file is of ``file_format``; one of an earlier format is ``state-old``, of a later one ``state-newer``.
    """

    def __init__(self, path: Path, schema: Iterable[str], *, file_format: int = FIRST_FORMAT) -> None:
        self.path = path
        self._local = threading.local()
        self._failed = False
        with self.transaction() as connection:
            found = _format(connection) or file_format
            if found != file_format:
                code = "state-old" if found < file_format else "state-newer"
                raise Refusal(code, f"{path} is of format {found}; this software reads {file_format}")
            for statement in schema:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {file_format}")

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


def migrate(path: Path, migrations: Iterable[Migration]) -> list[Migration]:
    """Bring a file to the newest format, each step whole or not at all, and return the steps that were taken.

    Nobody else may have the file open. Whatever fails leaves it in the format that the last finished step made.
    """
    taken = []
    with closing(_open(path)) as connection:
        for migration in sorted(migrations, key=lambda m: m.format):
            connection.execute("BEGIN EXCLUSIVE")
            try:
                if _format(connection) == migration.format - 1:
                    for statement in migration.statements:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {migration.format}")
                    taken.append(migration)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                connection.execute("ROLLBACK")
                raise Unreachable("state-unwritable", str(path)) from error
    return taken


def _format(connection: sqlite3.Connection) -> int:
    """Return the format of a file, 0 when nothing was ever written to it."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return FIRST_FORMAT
    return version


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


__all__ = ["FIRST_FORMAT", "LOCK_WAIT_SECONDS", "Database", "Migration", "migrate"]
