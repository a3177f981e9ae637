"""A node's and a coordinator's state in one file and back, as it is typed, while others write; and upgrades."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coordinator.command.program import run as coordinator_run
from node import backup as node_backup
from node.assemble import open_node
from node.backup import back_up, restore, upgrade
from privacy.alone import alone
from privacy.archive import restored
from privacy.durable import Migration
from privacy.errors import HedgerowError, Unreachable
from privacy.release import Release
from tests.approved import FINDER, approved
from tests.coordinators import NOW, Clock, new_home, serving, sites, study_document

TREE = Path(__file__).resolve().parents[2]
NODE = [sys.executable, "-P", "-c", "from node.command import main; main()"]
ROUND = {"round": np.array([0.0])}
PASSPHRASE = "four small words more"


@pytest.fixture
def here(tmp_path):
    return approved(tmp_path)


def code_of(work, *arguments, **more):
    with pytest.raises(HedgerowError) as caught:
        work(*arguments, **more)
    return caught.value.code


def node_types(*words, home=None):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEDGEROW")}
    environ |= {"PYTHONPATH": str(TREE), "NO_COLOR": "1"} | ({"HEDGEROW_NODE_HOME": str(home)} if home else {})
    return subprocess.run(
        [*NODE, *map(str, words)], env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def opened(home):
    return open_node(home, {}, lambda: NOW, finder=FINDER)


def test_a_node_comes_back_as_it_was_and_answers_with_the_same_bytes(here, tmp_path):
    answer = here.ask(1, ROUND)
    file, again, key = tmp_path / "node.backup", tmp_path / "again", tmp_path / "moved.key"
    made = node_types("backup", file, "--json", home=here.node.home)
    assert made.returncode == 0, made.stderr
    assert "100 %" in made.stderr
    assert json.loads(made.stdout)["leaves"] == here.node.audit.size
    key.write_bytes(here.node.settings.wrapping_key_file.read_bytes())
    key.chmod(0o600)
    back = node_types("restore", file, again, "--wrapping-key", key, "--json")
    assert back.returncode == 0, back.stderr
    here.node.database.close()
    node = opened(again)
    assert node.settings.wrapping_key_file == key
    assert node.audit.events() == here.node.audit.events()
    restored_one = replace(here, node=node)
    assert restored_one.ask(1, ROUND) == answer
    assert isinstance(restored_one.ask(2, {**ROUND}), Release)
    node.verify()
    wrapping = here.node.settings.wrapping_key_file.read_bytes()
    assert wrapping not in file.read_bytes()
    assert not any(wrapping in path.read_bytes() for path in again.rglob("*") if path.is_file())


def test_a_backup_is_of_one_moment_whoever_writes_meanwhile(here, tmp_path):
    register, stop = here.node.governance.register, threading.Event()

    def write():
        while not stop.is_set():
            register.pause(at=NOW.isoformat())
            register.resume(at=NOW.isoformat())

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(3):
            back_up(here.node, tmp_path / f"{number}.backup")
    finally:
        stop.set()
        thread.join()
    for number in range(3):
        restore(
            tmp_path / f"{number}.backup",
            tmp_path / f"home-{number}",
            wrapping_key=here.node.settings.wrapping_key_file,
            environ={},
            now=lambda: NOW,
        )
    leaves = [opened(tmp_path / f"home-{number}").audit.size for number in range(3)]
    assert leaves == sorted(leaves)
    assert leaves[0] < leaves[-1] <= here.node.audit.size


def test_a_backup_that_does_not_fit_leaves_nothing(here, tmp_path):
    file, home, key = tmp_path / "node.backup", tmp_path / "again", here.node.settings.wrapping_key_file
    back_up(here.node, file)
    more = {"environ": {}, "now": lambda: NOW}
    assert code_of(back_up, here.node, here.node.home / "inside.backup") == "backup-inside"
    assert code_of(restore, file, here.node.home, wrapping_key=key, **more) == "home-exists"
    assert code_of(restore, file, home, wrapping_key=home / "inside.key", **more) == "wrapping-key-inside"
    other = tmp_path / "other.key"
    other.write_text("A" * 43 + "=")
    other.chmod(0o600)
    assert code_of(restore, file, home, wrapping_key=other, **more) == "wrapping-key-wrong"
    assert code_of(restore, tmp_path / "absent", home, wrapping_key=key, **more) == "file-unreadable"
    assert not home.exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    with alone(here.node.home / "store" / "store.lock", Unreachable("store-busy")):
        assert code_of(back_up, here.node, tmp_path / "second.backup") == "store-busy"
    restore(file, home, wrapping_key=key, **more)  # the control


@pytest.mark.parametrize("name", ["notes.txt", "node.toml", "models/x.model", "models"])
def test_a_link_never_brings_the_wrapping_key_into_a_backup(here, tmp_path, name, monkeypatch):
    key, backup, planted = here.node.settings.wrapping_key_file, tmp_path / "b.backup", here.node.home / name
    planted.parent.mkdir(exist_ok=True)
    planted.unlink(missing_ok=True)
    planted.symlink_to(key.parent if name == "models" else key)
    assert code_of(back_up, here.node, backup) == "backup-link"
    assert not backup.exists()
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)  # it came after the look
    if name != "models":
        assert code_of(back_up, here.node, backup) == "file-unreadable"
        assert not backup.exists()
    monkeypatch.setattr(node_backup, "open_itself", lambda path: path.open("rb"))
    monkeypatch.setattr("privacy.archive.open_itself", lambda path: path.open("rb"))
    if name == "notes.txt":
        back_up(here.node, backup)
        assert key.read_bytes() in backup.read_bytes()  # the control: followed, it is in it


def test_a_backup_whose_log_was_edited_inside_is_found(here, tmp_path):
    """Signed again by whoever has the keys: the restored state is still held against its own log."""
    with closing(sqlite3.connect(here.node.home / "state.sqlite")) as state:
        state.execute("UPDATE account SET spent = 0")
        state.commit()
    back_up(here.node, tmp_path / "node.backup")
    key = here.node.settings.wrapping_key_file
    found = code_of(
        restore, tmp_path / "node.backup", tmp_path / "again", wrapping_key=key, environ={}, now=lambda: NOW
    )
    assert found == "ledger-tampered"
    assert not (tmp_path / "again").exists()


STEPS = (
    *node_backup.MIGRATIONS,
    Migration(node_backup.FORMAT + 1, "made up", ("ALTER TABLE switch ADD COLUMN made_up TEXT NOT NULL DEFAULT ''",)),
)


@pytest.fixture
def newer(monkeypatch):
    """Software whose state is one format ahead of ours."""
    for module in (node_backup, sys.modules["node.assemble"]):
        monkeypatch.setattr(module, "FORMAT", len(STEPS) + 1)
    monkeypatch.setattr(node_backup, "MIGRATIONS", STEPS)


def test_an_upgrade_backs_up_migrates_notes_and_verifies(here, tmp_path, newer):
    here.node.database.close()
    node = opened(here.node.home)
    assert code_of(lambda: node.database) == "state-old"
    with alone(node.home / "serve.lock", Unreachable("node-running")):
        assert code_of(upgrade, node, backup=None) == "node-running"
    done = upgrade(node, backup=tmp_path / "before.backup")
    assert (done.steps, done.backup) == (["made up"], tmp_path / "before.backup")
    newest = node.audit.events()[-1]
    assert newest["event"] == "upgraded"
    assert newest["facts"] == {"from": len(STEPS), "to": len(STEPS) + 1}
    again = upgrade(opened(here.node.home), backup=tmp_path / "second.backup")
    assert (again.steps, again.backup) == ([], None)
    assert not (tmp_path / "second.backup").exists()
    key = node.settings.wrapping_key_file  # the backup is of the earlier format: it is brought up as it is restored
    restore(tmp_path / "before.backup", tmp_path / "again", wrapping_key=key, environ={}, now=lambda: NOW)
    assert opened(tmp_path / "again").audit.events()[-1]["event"] == "upgraded"


@pytest.mark.parametrize("cut_after", ["backup", "statements", "migration"])
def test_an_upgrade_that_was_cut_off_is_finished_by_another(here, tmp_path, newer, monkeypatch, cut_after):
    here.node.database.close()
    target = {"backup": "_migrate", "statements": "Scribe.append", "migration": "Node.verify"}[cut_after]
    module = node_backup if cut_after != "migration" else sys.modules["node.assemble"]

    class Killed(BaseException):
        pass

    def killed(*_arguments, **_more):
        raise Killed

    with monkeypatch.context() as patch:
        owner, _, name = target.rpartition(".")
        patch.setattr(getattr(module, owner) if owner else module, name, killed)
        with pytest.raises(Killed):
            upgrade(opened(here.node.home), backup=tmp_path / "before.backup")
    node = opened(here.node.home)
    upgrade(node, backup=None)
    assert [e["facts"] for e in node.audit.events() if e["event"] == "upgraded"] == [
        {"from": len(STEPS), "to": len(STEPS) + 1}
    ]
    node.verify()


@pytest.fixture
def hub(tmp_path, capsys):
    home, members = new_home(tmp_path / "hub"), sites()
    with serving(home, members, Clock()) as opened_hub:
        opened_hub.studies.submit(study_document(members), at=NOW)
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    return home


def operator(capsys, *words, home=None, tmp_path):
    environ = {"HEDGEROW_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
    environ |= {"HEDGEROW_COORDINATOR_HOME": str(home)} if home else {}
    status = coordinator_run([*map(str, words), "--json"], environ=environ, now=lambda: NOW, sleep=lambda _: None)
    out, err = capsys.readouterr()
    return status, json.loads(out if status == 0 else err.strip().splitlines()[-1])


def test_a_coordinator_comes_back_with_its_keys_and_studies(hub, tmp_path, capsys):
    file, again = tmp_path / "hub.backup", tmp_path / "again"
    assert operator(capsys, "backup", file, home=hub.path, tmp_path=tmp_path)[0] == 0
    assert (hub.path / "keys" / "identity.key").read_bytes() not in file.read_bytes()
    assert b"north" not in file.read_bytes()
    status, said = operator(capsys, "restore", file, again, tmp_path=tmp_path)
    assert (status, said["name"]) == (0, "north")
    for name in ("keys/identity.key", "keys/authority.key", "join.kit", "coordinator.toml"):
        assert (again / name).read_bytes() == (hub.path / name).read_bytes(), name
    status, said = operator(capsys, "node", "list", home=again, tmp_path=tmp_path)
    assert [node["name"] for node in said["nodes"]] == ["hull", "leeds", "york"]
    (tmp_path / "passphrase").write_text("another four small words")
    status, said = operator(capsys, "restore", file, tmp_path / "third", tmp_path=tmp_path)
    assert (status, said["code"]) == (5, "passphrase-wrong")
    assert not (tmp_path / "third").exists()


def test_each_program_refuses_the_other_s_backup(hub, here, tmp_path, capsys):
    back_up(here.node, tmp_path / "node.backup")
    assert operator(capsys, "backup", tmp_path / "hub.backup", home=hub.path, tmp_path=tmp_path)[0] == 0
    status, said = operator(capsys, "restore", tmp_path / "node.backup", tmp_path / "again", tmp_path=tmp_path)
    assert (status, said["code"]) == (5, "backup-foreign")
    key = here.node.settings.wrapping_key_file
    done = node_types("restore", tmp_path / "hub.backup", tmp_path / "again", "--wrapping-key", key, "--json")
    assert (done.returncode, json.loads(done.stderr)["code"]) == (5, "backup-foreign")
    with restored(tmp_path / "hub.backup", tmp_path / "again", passphrase=PASSPHRASE):
        pass  # the control: whole it is


def test_a_coordinator_is_upgraded_once_and_not_while_it_serves(hub, tmp_path, capsys):
    shutil.rmtree(hub.path)
    with tarfile.open(TREE / "tests" / "fixtures" / "state-0.1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    status, said = operator(capsys, "node", "list", home=hub.path, tmp_path=tmp_path)
    assert (status, said["code"]) == (5, "state-old")
    with hub.alone():
        status, said = operator(capsys, "upgrade", home=hub.path, tmp_path=tmp_path)
        assert (status, said["code"]) == (4, "coordinator-running")
    status, said = operator(capsys, "upgrade", home=hub.path, tmp_path=tmp_path)
    assert (status, said["steps"]) == (0, ["0.1 to 0.2"])
    assert Path(said["backup"]).parent == tmp_path
    assert operator(capsys, "upgrade", home=hub.path, tmp_path=tmp_path)[1] == {"steps": [], "backup": None}
    assert operator(capsys, "node", "list", home=hub.path, tmp_path=tmp_path)[0] == 0
