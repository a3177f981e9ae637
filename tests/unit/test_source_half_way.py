"""A source that dies, changes or turns out bad half-way leaves the store exactly as it was."""

import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from node.ingest.load import ingest
from node.optouts import current_optouts
from node.sources import columnar, delimited
from tests import warehouse
from tests.nodes import NOW, NodeData
from tests.postgres import PASSWORD, Server
from tests.sources import PLANTED, code_of

ROWS = 4_000


@pytest.fixture
def node(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1 << 14)
    monkeypatch.setattr(columnar, "BATCH_ROWS", 500)
    data = NodeData(tmp_path / "node")
    data.allow(warehouse.NUMBERS)
    return data


def table():
    return warehouse.admissions(ROWS).drop_columns(["ward_clerk"])


def load(node, location, tell=lambda _rows: None, **options):
    return ingest(
        contract=node.contract(warehouse.CONTRACT),
        location=location,
        options=options,
        tell=tell,
        store=node.store,
        keystore=node.keystore,
        optouts=current_optouts(node.store, now=NOW, at_most_days=30),
        now=NOW,
        allow_test_numbers=True,
    )


def once(act):
    """Return something to be told of rows: it acts when the first are read, and counts how often it is told."""
    told = []

    def tell(rows):
        told.append(rows)
        if len(told) == 1:
            act()

    return told, tell


def written(tmp_path, suffix):
    file = tmp_path / f"admissions{suffix}"
    if suffix == ".csv":
        pa_csv.write_csv(table(), file)
    else:
        pq.write_table(table(), file, row_group_size=500)
    return file


def overwrite(file):
    with file.open("r+b") as out:
        out.seek(file.stat().st_size // 2)
        out.write(PLANTED.encode() * 10)


CHANGES = {
    "longer": lambda file: file.open("ab").write(b"\n"),
    "other bytes": overwrite,
    "gone": Path.unlink,
    "another file": lambda file: shutil.copy(file, file.with_suffix(".new")) and file.with_suffix(".new").rename(file),
    "cut short": lambda file: file.open("r+b").truncate(file.stat().st_size // 2),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_loads_nothing(node, tmp_path, suffix, change):
    file = written(tmp_path, suffix)
    before = node.state()
    told, tell = once(lambda: CHANGES[change](file))
    code, _ = code_of(lambda: load(node, file, tell))
    assert code in ("file-changed", "file-ragged", "file-malformed") if suffix == ".csv" else code == "file-changed"
    assert told
    assert node.state() == before


def test_the_control_loads(node, tmp_path):
    for suffix in (".csv", ".parquet"):
        told, tell = once(lambda: None)
        assert load(node, written(tmp_path, suffix), tell).rows_read == ROWS
        assert len(told) > 3


def test_a_bad_row_at_the_very_end_loads_nothing(node, tmp_path):
    file = written(tmp_path, ".csv")
    file.write_text(file.read_text() + f"{PLANTED},1\n")
    before = node.state()
    assert code_of(lambda: load(node, file)) == ("file-ragged", f"1 rows; line {ROWS + 2}: 2 cells, not 5")
    assert node.state() == before


def test_a_part_that_vanishes_loads_nothing(node, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in range(4):
        pq.write_table(table().slice(part * 1_000, 1_000), folder / f"part-{part}.parquet")
    before = node.state()
    _, tell = once((folder / "part-3.parquet").unlink)
    assert code_of(lambda: load(node, folder, tell)) == ("file-changed", "part-3.parquet is gone")
    assert node.state() == before


@pytest.mark.services
def test_a_server_that_stops_half_way_loads_nothing(node):
    directory = Path(tempfile.mkdtemp(prefix="hedgerow-postgresql-"))
    with Server(directory) as server:
        many = pa.concat_tables([table()] * 400)
        server.do(rows=("admissions", many))
        (directory / "password").write_text(PASSWORD)
        before = node.state()
        told, tell = once(
            lambda: server.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
        )
        options = {"table": "public.admissions", "password_file": directory / "password"}
        assert code_of(lambda: load(node, server.address, tell, **options))[0] == "source-interrupted"
        assert told
        assert node.state() == before
    shutil.rmtree(directory)


@pytest.mark.services
def test_times_without_end_and_decimals_without_value_are_faults_and_no_crash(node):
    directory = Path(tempfile.mkdtemp(prefix="hedgerow-postgresql-"))
    with Server(directory) as server:
        server.do(rows=("admissions", table()))
        server.do(
            "ALTER TABLE admissions ALTER cost TYPE numeric",
            "UPDATE admissions SET admitted = 'infinity' WHERE spell_id = 'S20'",
            "UPDATE admissions SET admitted = '-infinity' WHERE spell_id = 'S21'",
            "UPDATE admissions SET admitted = '1899-12-31' WHERE spell_id = 'S22'",
            "UPDATE admissions SET cost = 'NaN' WHERE spell_id = 'S23'",
            "UPDATE admissions SET cost = 'Infinity' WHERE spell_id = 'S24'",
        )
        (directory / "password").write_text(PASSWORD)
        options = {"table": "public.admissions", "password_file": directory / "password"}
        report = load(node, server.address, **options)
    shutil.rmtree(directory)
    assert report.rows_quarantined == 3 + 5
    assert report.reasons["value-missing"] == 1
