"""A node and a coordinator as version 0.1 left them, in the very files that it wrote, open in this version.

`tests/fixtures/state-0.1.tar.gz` was made by the code of commit 004aa9a: a node with records, a study that two people
approved and one answered request; a coordinator with a study that three nodes answered. Its keys opened nothing else.
"""

import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.assemble import SCHEMAS
from coordinator.backup import upgrade as upgrade_coordinator
from coordinator.home import open_home
from coordinator.register import Register
from coordinator.runs import Runs
from node.assemble import open_node
from node.backup import upgrade
from privacy.errors import HedgerowError
from privacy.release import Notice, Release, decode
from privacy.signing import PublicKey
from tests.approved import FINDER
from tests.nodes import NOW

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "state-0.1.tar.gz"


@pytest.fixture
def old(tmp_path):
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def opened(old):
    return open_node(
        old / "node", {"HEDGEROW_NODE_WRAPPING_KEY_FILE": str(old / "node.wrapping-key")}, lambda: NOW, finder=FINDER
    )


def spent(node):
    return sum(account.spent for account in node.ledger.accounts())


def ask(node, content):
    sent = []
    node.door.answer(content, sent.append)
    return sent[0]


def test_a_node_of_0_1_is_upgraded_verified_and_answers_with_the_same_bytes(old, monkeypatch):
    about = json.loads((old / "about.json").read_text())
    with pytest.raises(HedgerowError, match="state-old"):
        opened(old).verify()
    done = upgrade(opened(old), backup=old / "before.backup")
    assert done.steps == ["0.1 to 0.2", "0.2 to 0.3", "0.3 to 0.4"]
    node = opened(old)
    node.verify()
    assert spent(node) == about["spent"]
    assert len(node.audit.events()) >= about["leaves"] + 1
    assert "upgraded" in {event["event"] for event in node.audit.events()[about["leaves"] :]}
    asked, answered = (old / "asked").read_bytes(), (old / "answered").read_bytes()
    refused = decode(ask(node, asked), PublicKey.of(node.key))
    assert isinstance(refused, Notice)
    assert refused.code == "software-differs"  # what two people approved named the software of then
    monkeypatch.setattr("node.assemble.package_sha256", lambda: about["package"])
    node = opened(old)
    first, again = (decode(content, PublicKey.of(node.key)) for content in (answered, ask(node, asked)))
    assert isinstance(again, Release)
    assert again == first
    assert spent(node) == about["spent"]


def test_the_backup_from_before_is_what_0_1_had(old):
    from node.backup import restore

    with closing(sqlite3.connect(old / "node" / "state.sqlite")) as state:
        charges = state.execute("SELECT * FROM charge").fetchall()
    upgrade(opened(old), backup=old / "before.backup")
    shutil.rmtree(old / "node")
    key = old / "node.wrapping-key"
    restore(old / "before.backup", old / "node", wrapping_key=key, environ={}, now=lambda: NOW)
    node = opened(old)
    assert [charge["id"] for charge in node.ledger.charges()] == [charge[0] for charge in charges]
    node.verify()


def test_a_coordinator_of_0_1_is_upgraded_with_its_nodes_and_what_they_answered(old):
    home = open_home(old / "hub", environ={})
    with pytest.raises(HedgerowError, match="state-old"):
        home.database(*SCHEMAS)
    phrase = "four small words more"
    done = upgrade_coordinator(home, backup=old / "hub.backup", passphrase=phrase, now=lambda: NOW)
    assert done.steps == ["0.1 to 0.2"]
    assert (old / "hub.backup").is_file()
    database = home.database(*SCHEMAS)
    assert [node.name for node in Register(database).nodes()] == ["hull", "leeds", "york"]
    (study,) = (row["hash"] for row in database.rows("SELECT hash FROM study"))
    run = Runs(database).last(study)
    assert run is not None
    assert run.state == "finished"
    kept = database.one("SELECT count(*) FROM answer WHERE study = ? AND place = 1 AND counted = 1", [study])
    assert kept[0] == 3
    assert upgrade_coordinator(home, backup=None, passphrase="", now=lambda: NOW).steps == []
