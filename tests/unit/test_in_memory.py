"""The engine's promise: whatever is asked of it, nothing is written, read from a file, or loaded."""

import duckdb
import pyarrow as pa
import pytest

from models.in_memory import CLOSED, connect

PLANTED = "9990000018 planted"
TOO_MUCH = f"CREATE TABLE big AS SELECT '{PLANTED}' || i AS text, random() AS r FROM range(5_000_000) t(i)"


def test_arrow_goes_in_and_comes_out():
    with connect() as engine:
        engine.register("events", pa.table({"person": ["a", "a", "b"]}))
        assert engine.execute("SELECT person, count(*) FROM events GROUP BY 1 ORDER BY 1").fetchall() == [
            ("a", 2),
            ("b", 1),
        ]


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{place}/out.csv'",
        "SELECT * FROM read_csv('{place}/in.csv')",
        "ATTACH '{place}/other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET temp_directory = '{place}'",
        "SET enable_external_access = true",
    ],
)
def test_no_statement_reaches_the_disk(tmp_path, statement):
    (tmp_path / "in.csv").write_text("a\n1\n")
    with connect() as engine, pytest.raises(duckdb.Error):
        engine.execute(statement.format(place=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_what_does_not_fit_fails_instead_of_spilling(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with connect(memory="50MB") as engine, pytest.raises(duckdb.OutOfMemoryException):
        engine.execute(TOO_MUCH)
    assert list(tmp_path.iterdir()) == []


def test_positive_control_an_open_engine_spills_in_clear(tmp_path):
    with duckdb.connect(config={"memory_limit": "50MB", "temp_directory": str(tmp_path)}) as engine:
        engine.execute(TOO_MUCH.replace("CREATE TABLE big AS ", "CREATE TEMP TABLE big AS "))
        spilled = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert CLOSED["temp_directory"] == ""
    assert b"planted" in spilled
