"""``audit``: what an auditor, a person who kept a checkpoint, and two people who give up, type and see."""

import json

import pytest

from node.offline import ANSWER, QUESTION, leave_question
from node.witness import witness_of
from privacy.witnessing import seal
from tests.functional.test_node_command import Desk

SIGN = ("--signed-by", "ada=keys/ada.key", "--signed-by", "ben=keys/ben.key")


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.print = made.init("--policy", "floors.toml").out.strip()
    return made


def kept(desk, name):
    """Return a file with the node's word about its log, as a coordinator would have kept it."""
    node = desk.node()
    (word,) = witness_of(node).words(node.sign_log())
    (desk.place / name).write_bytes(seal(word, node.key))
    return word


def test_evidence_is_written_here_and_checked_anywhere(desk, tmp_path):
    word = kept(desk, "last-year")
    desk.load()
    desk.offer()
    for person in ("ada", "ben"):
        desk.run("study", "approve", "who", *desk.by(person))
    desk.run("audit", "export", "--out", "leeds.evidence", "--checkpoint", "last-year")
    content = (desk.place / "leeds.evidence").read_text()
    assert all(event not in content for event in ("data-loaded", "optouts-loaded"))
    check = ["audit", "check", "leeds.evidence", "--node", desk.print]
    found = json.loads(desk.run(*check, "--checkpoint", "last-year", "--json", HEDGEROW_NODE_HOME="").out)
    assert (found["events"]["charged"], found["node"]) == (1, desk.print)
    shown = json.loads(desk.run("ledger", "show", "--json").out)["accounts"]
    assert {(a["people"], a["view"]): a["spent"] for a in shown} == {
        (part, view): units for part, views in found["spent"].items() for view, units in views.items()
    }
    assert f"{found['shown']} of {found['size']} leaves are shown" in desk.run(*check).out
    assert desk.code(*check[:3], "--node", "ab" * 20, status=3) == "evidence-foreign"
    desk.run("pause")
    kept(desk, "later")
    assert desk.code(*check, "--checkpoint", "later", status=6) == "state-behind"
    (desk.place / "leeds.evidence").write_text(content.replace('"charged', '"chArged'))
    assert desk.code(*check, status=6) == "proof-wrong"
    (desk.place / "leeds.evidence").write_text(content.replace('"leaves"', '"leavs"'))
    assert desk.code(*check, status=3) == "message-malformed"
    assert word.size < found["size"]
    assert "signed" not in desk.run("audit", "verify").out  # nobody else has


def test_a_person_answers_on_a_machine_of_their_own(desk):
    word = kept(desk, "kept")
    node = desk.node()
    leave_question(desk.home, seal(witness_of(node).asks_anybody(), node.key), node.audit.public_key)
    words = ["audit", "vouch", desk.home / QUESTION, "--kept", "kept", "--key", "keys/ada.key", "--out"]
    said = json.loads(desk.run(*words, "ada.word", "--json", HEDGEROW_NODE_HOME="").out)
    assert (said["node"], said["size"], said["now"]) == (desk.print, word.size, node.audit.size)
    desk.run("audit", "admit", "ada.word")
    assert (desk.home / ANSWER).exists()
    desk.run("pause")
    kept(desk, "kept-after")  # a longer log than the question tells of: as if an older state asked
    words[4] = "kept-after"
    assert desk.code(*words, "again.word", status=6) == "state-behind"
    assert not (desk.place / "again.word").exists()
    assert desk.code("audit", "admit", "kept", status=3) == "message-malformed"


def test_two_people_give_up_the_budget_for_good(desk):
    assert desk.code("audit", "forfeit", *SIGN[:2], status=5) == "same-person-twice"
    desk.run("audit", "forfeit", *SIGN)
    desk.run("audit", "verify")
    desk.run("ledger", "verify")
    accounts = json.loads(desk.run("ledger", "show", "--json").out)["accounts"]
    assert all(account["spent"] == account["ceiling"] for account in accounts)
    assert "budget-forfeited" in desk.run("audit", "show").out


def test_what_is_seen_of_others_is_listed(desk):
    assert json.loads(desk.run("audit", "seen", "--json").out) == []
    assert desk.code("audit", "seen", "--of", "ab" * 20, "--out", "x", status=3) == "log-unseen"
