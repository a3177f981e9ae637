"""One SQLite file whose commits survive a power cut, and whose transactions never interleave."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privacy.errors import HedgerowError, Refusal, Tampered, Unreachable

LOCK_WAIT_SECONDS = 20.0
LARGEST_IDLE_LOG = 16 * 2**20  # bytes that the write-ahead log keeps on the disk once all of it is in the file
COPY_PAGES = 256  # at a time, so that a copy of a file in use never holds up who writes to it
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

    A new file is of ``file_format``; one of an earlier format is ``state-old``, of a later one ``state-newer``. With
    ``new=False`` a file that is not there, or holds nothing, is ``state-damaged``: an empty log would be a lie. What
    SQLite cannot make sense of is ``state-damaged`` too, whenever it shows.
    """

    def __init__(self, path: Path, schema: Iterable[str], *, file_format: int = FIRST_FORMAT, new: bool = True) -> None:
        self.path = path
        self._local = threading.local()
        self._failed = False
        if not new:
            _require_state(path)
        with self.transaction() as connection:
            found = _format(connection)
            if not found and not new:
                raise Tampered("state-damaged", f"{path} holds nothing")
            if found not in (0, file_format):
                code = "state-old" if found < file_format else "state-newer"
                raise Refusal(code, f"{path} is of format {found}; this software reads {file_format}")
            for statement in schema:
                connection.execute(statement)
            if connection.execute("PRAGMA user_version").fetchone()[0] != file_format:  # who only reads writes nothing
                connection.execute(f"PRAGMA user_version = {file_format}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection inside one exclusive write; commit at the end, or roll back whatever happened."""
        connection = self._connection()
        with _told(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                self._commit(connection)
            except BaseException:
                self._roll_back(connection)
                raise

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._failed = True
            raise Unreachable("state-unwritable", str(self.path)) from error

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._failed = True

    @property
    def failed(self) -> bool:
        """Say whether the disk failed a commit: then this process writes and reads no more of the file."""
        return self._failed

    def close(self) -> None:
        """Close this thread's connection; the last one of all folds the log into the file."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def fold(self) -> None:
        """Bring what the log holds into the file, and force that to the disk: a program that begins to serve does.

        After a failed fsync the system may hold, as if written, a page that never was. Whatever was read back from the
        log at the start is hereby written anew.
        """
        with _told(self.path):
            self._connection().execute("PRAGMA wal_checkpoint(PASSIVE)")

    def check(self) -> None:
        """Read the whole file; pages that do not fit together are ``state-damaged``."""
        found = self.rows("PRAGMA quick_check(1)")
        if [row[0] for row in found] != ["ok"]:
            raise Tampered("state-damaged", str(self.path))

    def scrub(self) -> None:
        """Empty the write-ahead log into the file, so that what was deleted lies in neither; else ``state-locked``."""
        with _told(self.path):
            busy = self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise Unreachable("state-locked", f"{self.path}: deleted, but its log may still hold it")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads of this thread see one moment, whatever other processes commit meanwhile."""
        connection = self._connection()
        with _told(self.path):
            connection.execute("BEGIN")
            try:
                yield
            finally:
                self._roll_back(connection)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a read outside any transaction."""
        with _told(self.path):
            return self._connection().execute(query, values).fetchall()

    def one(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first row, or None."""
        with _told(self.path):
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


def migrate(
    path: Path,
    migrations: Iterable[Migration],
    *,
    note: Callable[[sqlite3.Connection, Migration], object] = lambda *_: None,
) -> list[Migration]:
    """Bring a file to the newest format, each step whole or not at all, and return the steps that were taken.

    ``note`` writes down, in the transaction of the step, that it was taken. Nobody else may have the file open.
    Whatever fails leaves it in the format that the last finished step made.
    """
    taken = []
    with closing(_open(path)) as connection:
        for migration in sorted(migrations, key=lambda m: m.format):
            with _told(path):
                connection.execute("BEGIN EXCLUSIVE")
            try:
                if _format(connection) == migration.format - 1:
                    for statement in migration.statements:
                        connection.execute(statement)
                    note(connection, migration)
                    connection.execute(f"PRAGMA user_version = {migration.format}")
                    taken.append(migration)
                connection.execute("COMMIT")
            except BaseException as error:
                connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise Unreachable("state-unwritable", str(path)) from error
                raise
    return taken


def format_of(path: Path) -> int:
    """Return the format of a state file; one that is absent or holds nothing is ``state-damaged``."""
    _require_state(path)
    with closing(_open(path)) as connection, _told(path):
        found = _format(connection)
    if not found:
        raise Tampered("state-damaged", f"{path} holds nothing")
    return found


def copy(path: Path, target: Path) -> None:
    """Write a copy of a state file in any format, as at one moment, into ``target``, while others go on writing.

    The copy is one file, without a log beside it; memory does not grow with it.
    """
    _require_state(path)
    with closing(_open(path)) as source, closing(sqlite3.connect(target)) as into, _told(path):
        source.execute("BEGIN")  # one moment: a writer meanwhile would make the copy begin again
        source.execute("SELECT 1 FROM sqlite_master").fetchone()
        source.backup(into, pages=COPY_PAGES)
        into.execute("PRAGMA journal_mode=DELETE")
    target.chmod(0o600)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that only reads a file that nobody writes, in whatever format it is."""
    with _told(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def _require_state(path: Path) -> None:
    try:
        if path.stat().st_size == 0 and not path.with_name(path.name + "-wal").exists():
            raise Tampered("state-damaged", f"{path} is empty")
    except OSError as error:
        raise Tampered("state-damaged", f"{path} is not there") from error


def _format(connection: sqlite3.Connection) -> int:
    """Return the format of a file, 0 when nothing was ever written to it."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return FIRST_FORMAT
    return version


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Give what SQLite says of a disk or a file its code; what it says of a statement stays as it is."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        told = _fault(error, path)
        if told is None:
            raise
        raise told from error


def _fault(error: sqlite3.DatabaseError, path: Path) -> HedgerowError | None:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the rest of it says more than a person could use
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unreachable("state-locked", str(path))
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_READONLY:
            return Unreachable("state-unwritable", str(path))
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Tampered("state-damaged", str(path))
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return Unreachable("state-unreadable", str(path))
    return None


def _open(path: Path) -> sqlite3.Connection:
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",  # a key that is deleted is overwritten, in the file and in its log
            f"journal_size_limit={LARGEST_IDLE_LOG}",
            "temp_store=MEMORY",  # nothing is written outside the program's one directory
        ):
            connection.execute(f"PRAGMA {pragma}")
        path.chmod(0o600)
    except (sqlite3.DatabaseError, OSError) as error:
        if connection is not None:
            connection.close()
        told = _fault(error, path) if isinstance(error, sqlite3.DatabaseError) else None
        raise told or Unreachable("state-unreadable", str(path)) from error
    return connection


__all__ = [
    "COPY_PAGES",
    "FIRST_FORMAT",
    "LARGEST_IDLE_LOG",
    "LOCK_WAIT_SECONDS",
    "Database",
    "Migration",
    "copy",
    "format_of",
    "migrate",
    "reading",
]
