"""Two organisations merge: one node's people close its ledger, the other's count it in, by the command line."""

import contextlib
import json
import sqlite3

import pytest

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
    state = (lost.home / "state.sqlite").read_bytes()
    words = ["ledger", "hand-over", "--identity-lost", "join.kit", "--to", to, "--out", "lost.statement"]
    assert lost.code("ledger", "hand-over", *words[4:], *SIGN, status=4) in ("keystore-absent", "wrapping-key-absent")
    assert lost.code(*words, *SIGN[:2], status=5) == "same-person-twice"
    assert lost.code(*words[:3], "pass", *words[4:], *SIGN, status=3) == "kit-malformed"
    done = json.loads(lost.run(*words, *SIGN, "--json").out)
    assert (done["node"], len(done["signers"])) == (from_, 2)
    assert done["spent"] == {part: {view: known[part, view] for view in ("outside", "coordinator")} for part in PARTS}
    assert (lost.home / "state.sqlite").read_bytes() == state

    merge = ["ledger", "merge", lost.place / "lost.statement", "--populations", "disjoint", *SIGN]
    assert new.code(*merge, "--key-of", from_, status=5) == "statement-not-trusted"
    assert new.code(*merge, "--key-of", done["signers"][0], status=5) == "statement-not-trusted"
    new.run(*merge, *(word for signer in done["signers"] for word in ("--key-of", signer)))
    assert from_ in new.run("ledger", "show").out
    new.run("audit", "verify")


def test_a_lost_nodes_edited_ledger_is_found(tmp_path):
    lost = Desk(tmp_path)
    lost.init("--policy", "floors.toml")
    lost.load()
    lost.offer()
    for person in ("ada", "ben"):
        lost.run("study", "approve", "who", *lost.by(person))
    with contextlib.closing(sqlite3.connect(lost.home / "state.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE account SET spent = 0")
    words = ["ledger", "hand-over", "--identity-lost", "join.kit", "--to", "ab" * 20, "--out", "x", *SIGN]
    assert lost.code(*words, status=6) == "ledger-tampered"
