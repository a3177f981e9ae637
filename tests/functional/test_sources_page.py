"""Every line of docs/sources.md, typed at a node beside a real PostgreSQL server, prints what the page shows."""

import re
import shlex
import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests import warehouse
from tests.functional.test_node_command import FLOORS, TODAY, Desk
from tests.postgres import PASSWORD, USER, Server

PAGE = (Path(__file__).parents[2] / "docs/sources.md").read_text(encoding="utf-8")
ADDRESS = "postgresql://reader@db.example.nhs.uk/warehouse"
SQL = "SELECT nhs_number, spell_id, admitted, diagnosis, cost FROM care.admissions"


def steps():
    """Return every line that the page has people type, with what it shows of the answer, if it does."""
    found = re.findall(r"```sh\n(.*?)```(?:\n\n```\n(.*?)```)?", PAGE, re.DOTALL)
    return [(line, shown if block.count("\n") == 1 else "") for block, shown in found for line in block.splitlines()]


@pytest.fixture
def server():
    # not pytest's own directory, which another user may not enter
    directory = Path(tempfile.mkdtemp(prefix="hedgerow-postgresql-"))
    with Server(directory) as running:
        running.do("CREATE SCHEMA care", f"GRANT USAGE ON SCHEMA care TO {USER}")
        running.do(rows=("admissions", warehouse.admissions()), schema="care")
        yield running
    shutil.rmtree(directory)


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    (tmp_path / "floors.toml").write_text(FLOORS)
    desk.init("--policy", "floors.toml")
    (tmp_path / "allowed.txt").write_text("\n".join(warehouse.NUMBERS[:-10]))
    desk.run("optout", "load", "allowed.txt", "--as-of", TODAY)
    (tmp_path / "admissions.toml").write_text(warehouse.CONTRACT)
    (tmp_path / "admissions.sql").write_text(SQL + ";\n")
    (tmp_path / "warehouse.password").write_text(PASSWORD + "\n")
    (tmp_path / "omop").mkdir()
    for name, table in warehouse.omop().items():
        pq.write_table(table, tmp_path / "omop" / f"{name}.parquet")
    return desk


@pytest.mark.services
def test_the_page_shows_what_is_printed(desk, server):
    assert TODAY > warehouse.LAST, "the made-up events would be in the future"
    assert len(steps()) == 7
    for line, shown in steps():
        said = desk.run(*shlex.split(line.replace(ADDRESS, server.address))[1:])
        if shown:
            assert said.out == shown, said.out
        for contract in desk.place.glob("*.toml"):  # a person fills in what is still to do
            contract.write_text(contract.read_text().replace("TODO: ", "our "))
        assert PASSWORD not in said.out + said.err
