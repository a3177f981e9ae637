"""``doctor`` on sound and on broken homes: it says what is wrong by a code, what to type, no value; it never breaks."""

import base64
import datetime
import gc
import json
import os
import shutil
import sqlite3

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.doctor.checks import all_checks as coordinator_checks
from coordinator.doctor.subject import Subject as CoordinatorSubject
from node.assemble import open_node
from node.doctor.checks import all_checks as node_checks
from node.doctor.outside import Outside
from node.doctor.subject import Subject as NodeSubject
from node.federation.hub import News
from node.witness import witness_of
from privacy.errors import CATALOGUE, Refusal, Tampered, Unreachable
from privacy.health import Check, Look, examine, report, well, worst
from privacy.witnessing import seal
from tests import coordinators
from tests.approved import a_node
from tests.nodes import NOW

PLANTED = "9434765919"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A node and a coordinator in which nothing is wrong; tests look at copies."""
    place = tmp_path_factory.mktemp("sound")
    a_node(place, Ed25519PrivateKey.generate())
    coordinators.new_home(place / "hub")
    home = coordinators.new_home(place / "hub2")
    with coordinators.serving(home, coordinators.sites(), coordinators.Clock()):
        pass
    gc.collect()  # closes what is open: each state is one file, and a copy of it whole
    return place


@pytest.fixture
def node(sound, tmp_path):
    shutil.copytree(sound / "node", tmp_path / "node")
    shutil.copy2(sound / "node.wrapping-key", tmp_path)
    text = (tmp_path / "node/node.toml").read_text().replace(str(sound), str(tmp_path))
    (tmp_path / "node/node.toml").write_text(text)
    return tmp_path / "node"


@pytest.fixture
def hub(sound, tmp_path):
    return shutil.copytree(sound / "hub2", tmp_path / "hub")


def at_node(home, *, at=NOW, environ=None, offline=True):
    return {f.check: f for f in examine(node_checks(NodeSubject(home, environ or {}, lambda: at), offline=offline))}


def at_hub(home, *, at=NOW):
    environ = {"HEDGEROW_COORDINATOR_API_PORT": "18731", "HEDGEROW_COORDINATOR_FLEET_PORT": "18732"}
    return {f.check: f for f in examine(coordinator_checks(CoordinatorSubject(home, environ, lambda: at)))}


def codes(findings):
    return {name: found.code for name, found in findings.items() if found.state == "fail"}


def test_a_sound_node_has_no_failure(node):
    found = at_node(node)
    assert codes(found) == {"authority": "root-certificate-unreadable"}  # the helper's join kit has none
    assert found["budget"].found.count("epsilon") == 4
    assert found["service"].state == "warn"


def test_a_sound_coordinator_has_no_failure(hub):
    found = at_hub(hub)
    assert codes(found) == {}
    assert {name for name, each in found.items() if each.state == "warn"} == {"api"}


def test_a_node_that_signed_two_histories_is_told_of(hub):
    database = sqlite3.connect(hub / "coordinator.db")
    with database:
        row = ("ab" * 20, 7, "cd" * 32, b"word", NOW.isoformat())
        database.execute("INSERT INTO forked_checkpoint VALUES (?, ?, ?, ?, ?)", row)
    database.close()
    assert codes(at_hub(hub))["nodes"] == "audit-tampered"


@pytest.mark.parametrize("content", [b"", PLANTED.encode(), b'{"format": ' + PLANTED.encode(), os.urandom(5000)])
def test_no_broken_file_breaks_it_or_is_printed(node, content):
    for path in sorted(p for p in node.rglob("*") if p.is_file() and "state" not in p.name and "lock" not in p.name):
        before = path.read_bytes()
        path.write_bytes(content)
        found = at_node(node)
        path.write_bytes(before)
        text = report(list(found.values())) + json.dumps([f.document() for f in found.values()])
        assert PLANTED not in text, path
        assert "fault" not in codes(found).values(), (path, found)
        if path.name != "enrolment.txt":  # sent once, and not needed after that
            assert set(codes(found)) - {"authority"}, path
    assert set(codes(at_node(node))) == {"authority"}  # all is as before: looking changed nothing


def test_no_broken_file_of_a_coordinator_breaks_it_or_is_printed(hub):
    for path in sorted(p for p in hub.rglob("*") if p.is_file() and ".db" not in p.name):
        before = path.read_bytes()
        path.write_bytes(PLANTED.encode())
        found = at_hub(hub)
        path.write_bytes(before)
        assert PLANTED not in report(list(found.values())), path
        assert "fault" not in codes(found).values(), (path, found)
        if path.name not in {"join.kit", "authority.key"}:
            assert codes(found), path
    assert codes(at_hub(hub)) == {}


def test_lost_or_broken_state_is_told_and_takes_no_record_with_it(node, hub):
    records = {path.name for path in (node / "store").iterdir()}
    for content in (b"", PLANTED.encode() * 999, os.urandom(9000)):
        for place, look, name in ((node, at_node, "state.sqlite"), (hub, at_hub, "coordinator.db")):
            (place / name).write_bytes(content)
            found = look(place)
            assert codes(found)["state"] == "state-damaged"
            assert "fault" not in codes(found).values()
            assert (place / name).read_bytes() == content
    (node / "state.sqlite").unlink()
    assert codes(at_node(node))["state"] == "state-damaged"
    assert {path.name for path in (node / "store").iterdir()} == records


@pytest.mark.parametrize(
    ("break_it", "check", "code"),
    [
        (lambda home: home.chmod(0o755), "permissions", "home-exposed"),
        (lambda home: (home / "keystore.json").chmod(0o644), "permissions", "home-exposed"),
        (lambda home: (home / "ada.key").write_text("-----BEGIN PRIVATE KEY-----"), "permissions", "home-exposed"),
        (lambda home: home.with_name("node.wrapping-key").chmod(0o640), "keys", "wrapping-key-exposed"),
        (lambda home: home.with_name("node.wrapping-key").unlink(), "keys", "wrapping-key-absent"),
        (lambda home: (home / "node.toml").write_text('name = "here"\npoll = 3\n'), "settings", "settings-wrong"),
        (lambda home: (home / "policy.toml").write_text("purposes = []"), "policy", "policy-malformed"),
        (lambda home: edit(home, "UPDATE account SET spent = 1"), "log", "ledger-tampered"),
        (lambda home: edit(home, "DELETE FROM audit_leaf WHERE position = 1"), "log", "audit-tampered"),
        (lambda home: edit(home, "PRAGMA user_version = 99"), "state", "state-newer"),
        (lambda home: damage(home / "state.sqlite"), "state", "state-damaged"),
    ],
    ids=range(11),
)
def test_each_fault_has_its_check_and_code(node, break_it, check, code):
    break_it(node)
    found = at_node(node)
    assert codes(found)[check] == code
    assert found[check].next_step
    assert found[check].exit_status in {3, 4, 5, 6}


def edit(home, statement):
    with sqlite3.connect(home / "state.sqlite") as connection:
        connection.execute(statement)
    connection.close()


def damage(path):
    content = bytearray(path.read_bytes())
    content[4096:8192] = os.urandom(4096)
    path.write_bytes(content)


def test_a_clock_that_went_back_and_a_list_that_went_stale_are_found(node):
    assert codes(at_node(node, at=NOW - datetime.timedelta(days=1)))["clock"] == "clock-behind"
    found = at_node(node, at=NOW + datetime.timedelta(days=6))
    assert found["opt-outs"].state == "warn"
    assert codes(at_node(node, at=NOW + datetime.timedelta(days=9)))["opt-outs"] == "optouts-stale"


def test_a_certificate_is_told_of_a_month_before_it_ends(hub):
    assert at_hub(hub, at=NOW + datetime.timedelta(days=70))["certificate"].state == "warn"
    assert codes(at_hub(hub, at=NOW + datetime.timedelta(days=95)))["certificate"] == "certificate-expired"


def test_a_port_that_somebody_else_has_is_told_from_our_own(hub, monkeypatch):
    import socket

    with socket.create_server(("127.0.0.1", 18731)):
        found = at_hub(hub)
    assert codes(found)["api"] == "port-unavailable"
    assert found["fleet"].state == "skip"  # and not well: that both are taken says nothing about ours


@pytest.mark.parametrize("look", [at_node, at_hub])
def test_where_nothing_is_nobody_damaged_anything(look, tmp_path):
    found = look(tmp_path / "absent")
    assert set(codes(found).values()) == {"home-absent"}
    assert worst(list(found.values())) == 4


def test_a_paused_node_is_not_all_well(node):
    assert at_node(node)["studies"].state == "ok"
    open_node(node, {}, lambda: NOW).governance.register.pause(at=NOW.isoformat())
    gc.collect()
    assert at_node(node)["studies"].next_step == "hedgerow-node resume"


def test_a_full_disk_is_told_before_it_stops_anything(node, monkeypatch):
    import privacy.soundness

    monkeypatch.setattr(privacy.soundness, "SCARCE_BYTES", 2**70)
    assert at_node(node)["disk"].state == "warn"
    monkeypatch.setattr(privacy.soundness, "LEAST_FREE_BYTES", 2**70)
    assert codes(at_node(node))["disk"] == "disk-full"


def test_a_coordinator_that_is_away_is_told_once(node):
    found = at_node(node, offline=False)
    assert [found[name].state for name in ("api", "certificate", "clocks", "token", "newest", "fleet")] == ["skip"] * 6


def test_a_log_shorter_than_the_coordinators_copy_is_told_by_newest(node):
    """The coordinator's word is given here as data; the log, the copy's signature and the comparison are real."""

    def newest(word):
        outside = Outside(NodeSubject(node, {}, lambda: NOW))
        outside.__dict__["_news"] = News(checkpoint=word)
        return examine([check for check in outside.checks() if check.name == "newest"])[0]

    here = open_node(node, {}, lambda: NOW)
    short = node.with_name("short.sqlite")
    with sqlite3.connect(node / "state.sqlite") as state, sqlite3.connect(short) as copy:
        state.backup(copy)
    state.close()
    copy.close()
    here.governance.register.pause(at=NOW.isoformat())
    signed = here.sign_log()
    (said,) = witness_of(here).words(signed)
    word = base64.b64encode(seal(said, here.key)).decode()
    assert (newest(word).state, newest("").state, newest("bm9ib2R5").state) == ("ok", "ok", "warn")
    del here
    gc.collect()
    for old in node.glob("state.sqlite-*"):
        old.unlink()
    shutil.copy2(short, node / "state.sqlite")
    assert newest(word).code == "state-behind"


def test_the_worst_failure_gives_the_status_and_a_broken_check_counts_least():
    def raises(error):
        def look() -> Look:
            raise error

        return look

    def status(*errors):
        return worst(
            examine([Check(f"c{n}", raises(e)) for n, e in enumerate(errors)] + [Check("w", lambda: well(""))])
        )

    assert status() == 0
    assert status(ValueError(PLANTED)) == 1
    assert status(ValueError(), Unreachable("disk-full"), Refusal("node-paused")) == 5
    assert status(Tampered("audit-tampered"), Refusal("node-paused")) == 6
    found = examine([Check("c", raises(ValueError(PLANTED)))])
    assert PLANTED not in report(found)
    assert found[0].code in CATALOGUE
