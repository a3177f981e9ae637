"""A state file that is gone, cut short or overwritten: a code and a next step, and nothing is overwritten."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from node.assemble import open_node
from privacy.errors import CATALOGUE, HedgerowError
from tests.approved import FINDER, approved
from tests.coordinators import new_home
from tests.nodes import NOW

TREE = Path(__file__).resolve().parents[2]


def content(home):
    return {p: p.read_bytes() for p in home.rglob("*") if p.is_file() and not p.name.endswith(("-shm", ".lock"))}


def opened(home):
    return open_node(home, {}, lambda: NOW, finder=FINDER)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    here = approved(tmp_path_factory.mktemp("made"))
    here.node.sign_log()
    here.node.database.close()
    return here.node.home


@pytest.fixture
def home(made, tmp_path):
    shutil.copytree(made, tmp_path / "node")
    return tmp_path / "node"


def gone(state):
    state.unlink()


def emptied(state):
    state.write_bytes(b"")


def cut(state):
    with state.open("r+b") as file:
        file.truncate(state.stat().st_size // 2)


def cut_in_the_first_page(state):
    with state.open("r+b") as file:
        file.truncate(700)


def zeroed(state):
    state.write_bytes(bytes(state.stat().st_size))


def other(state):
    state.write_bytes(b"This is not the file that you are looking for.\n" * 200)


def every_page_but_the_first(state):
    with state.open("r+b") as file:
        for at in range(4096, state.stat().st_size, 4096):
            file.seek(at)
            file.write(os.urandom(512))


DAMAGE = [gone, emptied, cut, cut_in_the_first_page, zeroed, other, every_page_but_the_first]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
def test_a_node_says_so_and_leaves_it_as_it_is(home, damage):
    damage(home / "state.sqlite")
    before = content(home)
    with pytest.raises(HedgerowError) as caught:
        opened(home).verify()
    assert caught.value.code == "state-damaged"
    assert content(home) == before


@pytest.mark.parametrize("page", range(1, 30, 4))
def test_one_page_overwritten_is_found(home, page):
    state = home / "state.sqlite"
    assert state.stat().st_size > (page + 1) * 4096 or pytest.skip("no such page")
    with state.open("r+b") as file:
        file.seek(page * 4096)
        file.write(os.urandom(4096))
    with pytest.raises(HedgerowError) as caught:
        opened(home).verify()
    assert caught.value.code in {"state-damaged", "audit-tampered", "ledger-tampered"}


def test_the_command_gives_a_code_and_a_next_step(home):
    cut(home / "state.sqlite")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEDGEROW")}
    environ |= {"PYTHONPATH": str(TREE), "HEDGEROW_NODE_HOME": str(home)}
    for words in (["study", "list"], ["ledger", "show"], ["pause"], ["audit", "verify"], ["serve"], ["upgrade"]):
        command = [sys.executable, "-P", "-c", "from node.command import main; main()", *words]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 6, (words, done.stderr)
        assert "state-damaged" in done.stderr
        assert CATALOGUE["state-damaged"].next_step in done.stderr
        assert "Traceback" not in done.stderr


def test_a_log_beside_the_state_that_is_cut_or_gone_loses_no_more_than_itself(home, tmp_path):
    """What the log beside the file held is lost with it; only somebody who kept a checkpoint can tell: state-behind."""
    node = opened(home)
    node.verify()
    with closing(sqlite3.connect(home / "state.sqlite")) as reader:  # keeps the log from being folded in
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM audit_leaf").fetchone()
        node.governance.register.pause(at=NOW.isoformat())
        signed = node.audit.as_it_stands()
        for name, size in (("cut", 40), ("gone", None)):
            shutil.copytree(home, tmp_path / name)
            beside = tmp_path / name / "state.sqlite-wal"
            assert beside.stat().st_size > 4096
            (tmp_path / name / "state.sqlite-shm").unlink()
            beside.unlink() if size is None else os.truncate(beside, size)
    for name in ("cut", "gone"):
        found = opened(tmp_path / name)
        found.verify()
        assert found.audit.size < signed.size
        with pytest.raises(HedgerowError, match="state-behind"):
            found.audit.check_newest(size=signed.size, root=signed.root)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
def test_a_coordinator_says_so_too(tmp_path, damage):
    from coordinator.assemble import SCHEMAS

    home = new_home(tmp_path / "hub")
    home.database(*SCHEMAS).close()
    damage(home.path / "coordinator.db")
    before = content(home.path)
    with pytest.raises(HedgerowError) as caught:
        home.database(*SCHEMAS).check()
    assert caught.value.code == "state-damaged"
    assert content(home.path) == before
