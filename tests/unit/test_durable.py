"""A commit that returned is on the disk; a disk that failed is not written to again."""

import sqlite3

import pytest

from privacy.durable import Database, Migration, migrate
from privacy.errors import Refusal, Unreachable

SCHEMA = ("CREATE TABLE IF NOT EXISTS t (x BLOB) STRICT",)


def test_every_commit_is_synchronous(tmp_path):
    database = Database(tmp_path / "state.db", SCHEMA)
    assert database.one("PRAGMA synchronous")[0] == 2  # FULL
    assert database.one("PRAGMA journal_mode")[0] == "wal"
    assert (tmp_path / "state.db").stat().st_mode & 0o777 == 0o600


def test_a_fault_inside_rolls_back_and_the_next_write_goes_on(tmp_path):
    database = Database(tmp_path / "state.db", SCHEMA)
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as connection:
        connection.executemany("INSERT INTO t VALUES (?)", [(b"0",), ("not a blob",)])
    assert database.rows("SELECT * FROM t") == []
    with database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (x'01')")
    assert len(database.rows("SELECT * FROM t")) == 1


def test_after_a_failed_commit_nothing_is_written_until_the_file_is_opened_anew(tmp_path, monkeypatch):
    database = Database(tmp_path / "state.db", SCHEMA)
    fail = {"commit": True}

    class Failing:
        def __init__(self, inner):
            self.inner = inner

        def execute(self, query, *values):
            if query == "COMMIT" and fail["commit"]:
                raise sqlite3.OperationalError("disk I/O error")
            return self.inner.execute(query, *values)

        @property
        def in_transaction(self):
            return self.inner.in_transaction

    monkeypatch.setattr(database._local, "connection", Failing(database._local.connection))
    for _ in range(2):
        with pytest.raises(Unreachable, match="state-unwritable"), database.transaction() as connection:
            connection.execute("INSERT INTO t VALUES (x'00')")
        fail["commit"] = False  # the disk seems well again: too late for this process
    assert Database(tmp_path / "state.db", SCHEMA).rows("SELECT * FROM t") == []


def test_a_directory_that_is_not_there_has_a_code(tmp_path):
    with pytest.raises(Unreachable, match="state-unreadable"):
        Database(tmp_path / "absent" / "state.db", SCHEMA)


def test_a_snapshot_sees_one_moment_whatever_others_commit(tmp_path):
    database, other = (Database(tmp_path / "state.db", SCHEMA) for _ in range(2))
    with database.snapshot():
        before = database.rows("SELECT * FROM t")
        with other.transaction() as connection:
            connection.execute("INSERT INTO t VALUES (x'00')")
        assert database.rows("SELECT * FROM t") == before == []
    assert len(database.rows("SELECT * FROM t")) == 1  # the control: afterwards it is there


WIDER = Migration(2, "a second column", ("ALTER TABLE t ADD COLUMN y TEXT NOT NULL DEFAULT ''",))


def test_a_file_of_an_earlier_format_is_not_opened_before_it_is_migrated(tmp_path):
    path = tmp_path / "state.db"
    old = sqlite3.connect(path)  # as version 0.1 wrote it: no number
    old.execute(SCHEMA[0])
    old.execute("INSERT INTO t VALUES (x'01')")
    old.commit()
    old.close()
    with pytest.raises(Refusal, match="state-old"):
        Database(path, SCHEMA, file_format=2)
    assert migrate(path, [WIDER]) == [WIDER]
    assert migrate(path, [WIDER]) == []
    assert [tuple(row) for row in Database(path, SCHEMA, file_format=2).rows("SELECT * FROM t")] == [(b"\x01", "")]
    with pytest.raises(Refusal, match="state-newer"):
        Database(path, SCHEMA, file_format=1)


def test_a_migration_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "state.db"
    Database(path, SCHEMA)
    broken = Migration(2, "half of it", (*WIDER.statements, "ALTER TABLE absent ADD COLUMN z TEXT"))
    with pytest.raises(Unreachable, match="state-unwritable"):
        migrate(path, [broken])
    assert len(Database(path, SCHEMA).rows("PRAGMA table_info(t)")) == 1
