"""Two organisations merge: one node's people close its ledger, the other's count it in, by the command line."""

import contextlib
import json
import shutil
import sqlite3

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.audit import Scribe
from privacy.computation import PARTS as PEOPLE
from tests.functional.test_node_command import Desk

PARTS = PEOPLE["everyone"]
SIGN = ("--signed-by", "ada=keys/ada.key", "--signed-by", "ben=keys/ben.key")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Return the desk that hands over, with a study paid for, the desk that takes over, and their fingerprints."""
    old, new = (Desk(tmp_path_factory.mktemp(name)) for name in ("old", "new"))
    prints = [desk.init("--policy", "floors.toml").out.strip() for desk in (old, new)]
    for desk in (old, new):
        desk.load()
        desk.offer()
        for person in ("ada", "ben"):
            desk.run("study", "approve", "who", *desk.by(person))
    return old, new, *prints


def spent(desk):
    return {
        (a["people"], a["view"]): a["spent"] for a in json.loads(desk.run("ledger", "show", "--json").out)["accounts"]
    }


def test_a_ledger_is_handed_over_and_merged_once(two):
    old, new, from_, to = two
    one = spent(old)["training", "outside"]
    assert set({**spent(old), **spent(new)}.values()) == {one}
    assert old.code("ledger", "hand-over", "--to", to, "--out", "x", *SIGN[:2], status=5) == "same-person-twice"
    done = old.run("ledger", "hand-over", "--to", to, "--out", "old.statement", *SIGN)
    assert from_ in done.out
    assert "CLOSED" in old.run("ledger", "show").out
    old.run("audit", "verify")
    again = old.run("ledger", "hand-over", "--to", to, "--out", "again.statement", *SIGN)
    assert (old.place / "again.statement").read_bytes() == (old.place / "old.statement").read_bytes()
    assert again.out == done.out
    old.offer(name="later")
    assert "ledger-handed-over" in old.run("study", "list").out

    words = ["ledger", "merge", old.place / "old.statement", "--key-of", from_]
    new.run(*words, *SIGN, status=2)  # whether people may be in both is never guessed
    new.run(*words, *SIGN, "--populations", "both", status=2)
    words += ["--populations", "overlapping"]
    assert new.code(*words, *SIGN[:2], status=5) == "same-person-twice"
    assert new.code(*words[:3], *words[3:4], to, *words[5:], *SIGN, status=5) == "statement-not-trusted"
    assert spent(new)["training", "outside"] == one
    new.run(*words, *SIGN)
    assert set(spent(new).values()) == {2 * one}
    assert from_ in new.run("ledger", "show").out
    new.run("audit", "verify")
    assert new.code(*words, *SIGN, status=5) == "ledger-merged-before"


def test_files_that_are_not_what_they_should_be(two):
    _, new, from_, _ = two
    words = ["--key-of", from_, "--populations", "disjoint", *SIGN]
    assert new.code("ledger", "merge", "none", *words, status=4) == "file-unreadable"
    assert new.code("ledger", "merge", "join.kit", *words, status=3) == "statement-malformed"


def test_two_people_speak_for_a_node_whose_keystore_is_lost(tmp_path, two):
    """Only state and policy are left of it; the new node's people know both fingerprints."""
    _, new, _, to = two
    (tmp_path / "lost").mkdir()
    lost = Desk(tmp_path / "lost")
    from_ = lost.init("--policy", "floors.toml").out.strip()
    lost.load()
    lost.offer()
    for person in ("ada", "ben"):
        lost.run("study", "approve", "who", *lost.by(person))
    known = spent(lost)
    (lost.home / "keystore.json").unlink()
    (lost.place / "node.wrapping-key").unlink()
    state = dumped(lost)
    words = ["ledger", "hand-over", "--identity-lost", "join.kit", "--to", to, "--out", "lost.statement"]
    assert lost.code("ledger", "hand-over", *words[4:], *SIGN, status=4) in ("keystore-absent", "wrapping-key-absent")
    assert lost.code(*words, *SIGN[:2], status=5) == "same-person-twice"
    assert lost.code(*words[:3], "pass", *words[4:], *SIGN, status=3) == "kit-malformed"
    done = json.loads(lost.run(*words, *SIGN, "--json").out)
    assert (done["node"], len(done["signers"])) == (from_, 2)
    assert done["spent"] == {part: {view: known[part, view] for view in ("outside", "coordinator")} for part in PARTS}
    assert dumped(lost) == state

    merge = ["ledger", "merge", lost.place / "lost.statement", "--populations", "disjoint", *SIGN]
    assert new.code(*merge, "--key-of", from_, status=5) == "statement-not-trusted"
    assert new.code(*merge, "--key-of", done["signers"][0], status=5) == "statement-not-trusted"
    new.run(*merge, *(word for signer in done["signers"] for word in ("--key-of", signer)))
    assert from_ in new.run("ledger", "show").out
    new.run("audit", "verify")


def dumped(desk):
    """Return all that the state says; its bytes also depend on when the write-ahead log is folded in."""
    with contextlib.closing(sqlite3.connect(desk.home / "state.sqlite")) as connection:
        return list(connection.iterdump())


SPEAK = ["ledger", "hand-over", "--identity-lost", "join.kit", "--to", "ab" * 20, "--out", "x"]


def with_a_charge(tmp_path):
    lost = Desk(tmp_path)
    lost.init("--policy", "floors.toml")
    lost.load()
    lost.offer()
    for person in ("ada", "ben"):
        lost.run("study", "approve", "who", *lost.by(person))
    return lost


def edited(desk, work):
    """Do what somebody can do who can write the disk, and has no key."""
    with contextlib.closing(sqlite3.connect(desk.home / "state.sqlite", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA ignore_check_constraints=ON")
        work(connection)


def test_a_lost_nodes_edited_ledger_is_found(tmp_path):
    lost = with_a_charge(tmp_path)
    edited(lost, lambda connection: connection.execute("UPDATE account SET spent = 0"))
    assert lost.code(*SPEAK, *SIGN, status=6) == "ledger-tampered"


def add_a_charge(connection, place, cost):
    """Add a charge of this cost with its leaf, and change the accounts to what the log then says."""
    row = {**connection.execute("SELECT * FROM charge").fetchone(), "study": "sha256:" + "9" * 64}  # none has set aside
    facts = {key: row[key] for key in ("study", "title", "people", "request")}
    facts |= {"place": place, "cost": cost, "mechanism": json.loads(row["mechanism"])}
    leaf = Scribe(Ed25519PrivateKey.generate()).append(connection, "charged", facts, at=row["at"])
    changed = {**row, "id": None, "place": place, "cost": cost, "cost_coordinator": cost, "leaf": leaf}
    connection.execute(f"INSERT INTO charge VALUES ({', '.join('?' * len(changed))})", list(changed.values()))
    connection.execute("UPDATE account SET spent = spent + ?", [cost])


def test_a_forged_leaf_cannot_lower_what_a_lost_node_spent(tmp_path):
    """Nobody can check the seals of a node without its key: leaves after its newest checkpoint may be anybody's."""
    lost = with_a_charge(tmp_path)
    honest = json.loads(lost.run(*SPEAK, *SIGN, "--json").out)["spent"]["training"]["outside"]
    edited(lost, lambda connection: add_a_charge(connection, 98, 1))
    more = json.loads(lost.run(*SPEAK, *SIGN, "--json").out)["spent"]["training"]["outside"]
    assert more == honest + 1  # the control: such a forgery is sound in all other ways
    edited(lost, lambda connection: add_a_charge(connection, 99, -honest))
    assert lost.code(*SPEAK, *SIGN, status=6) == "ledger-tampered"


def test_a_former_approver_does_not_speak_for_a_lost_node(tmp_path):
    """An earlier policy put back on the disk is signed by two as well; the log tells that another came after it."""
    lost = with_a_charge(tmp_path)
    files = [lost.home / name for name in ("policy.toml", "policy.signatures.json")]
    for file in files:
        shutil.copy(file, tmp_path)
    changed = lost.run("policy", "show").out.replace("least_quorum = 1", "least_quorum = 2")
    (tmp_path / "changed.toml").write_text(changed)
    lost.run("policy", "change", "changed.toml", *SIGN)
    lost.run(*SPEAK, *SIGN)  # the control: people of the last policy do
    edited(lost, lambda connection: connection.execute("DELETE FROM policy WHERE position = 2"))
    for file in files:
        shutil.copy(tmp_path / file.name, file)
    assert lost.code(*SPEAK, *SIGN, status=5) == "policy-unsigned"
