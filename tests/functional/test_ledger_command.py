"""`ledger verify`: counted again from the log, beside another accountant; what was changed ends with status 6."""

import contextlib
import json
import sqlite3

import pytest

from node import second_opinion
from privacy import accountant
from tests.functional.test_node_command import FLOORS, Desk


@pytest.fixture
def desk(tmp_path):
    own = Desk(tmp_path)
    own.init("--policy", "floors.toml")
    own.load()
    own.offer()
    for person in ("ada", "ben"):
        own.run("study", "approve", "who", *own.by(person))
    return own


def test_what_was_spent_is_counted_again_beside_another_accountant(desk):
    data = json.loads(desk.run("ledger", "verify", "--json").out)
    assert (data["verified"], data["dp_accounting"]) == (True, "0.6.0")
    shown = json.loads(desk.run("ledger", "show", "--json").out)["accounts"]
    assert [(a["people"], a["view"], a["spent"]) for a in data["accounts"]] == [
        (a["people"], a["view"], a["spent"]) for a in shown
    ]
    for account in data["accounts"]:
        assert account["sums"] == 1  # the cohort's size, at approval
        assert account["spent"] == account["counted_again"] > 0
        assert 0 < account["epsilon_loss_distribution"] < account["epsilon"]
        assert account["epsilon"] == pytest.approx(account["epsilon_renyi"], rel=0.01, abs=1e-3)
    assert "COUNTED AGAIN" in desk.run("ledger", "verify").out


def test_without_the_other_accountant_it_counts_again_and_says_what_is_missing(desk, monkeypatch):
    monkeypatch.setattr(second_opinion, "PACKAGE", "not-installed-anywhere")
    done = desk.run("ledger", "verify", "--json")
    assert "hedgerow[verify]" in done.err
    data = json.loads(done.out)
    assert data["dp_accounting"] is None
    assert {a["epsilon_renyi"] for a in data["accounts"]} == {None}


def test_an_accountant_that_promises_too_much_is_found(desk, monkeypatch):
    honest = accountant.epsilon
    monkeypatch.setattr(accountant, "epsilon", lambda units, delta: honest(units, delta) / 2)
    assert desk.code("ledger", "verify", status=6) == "accountants-differ"


@pytest.mark.parametrize(
    "statement",
    ["UPDATE account SET spent = spent - 1 WHERE view = 'outside'", "UPDATE charge SET cost = cost + 1"],
)
def test_a_ledger_that_was_edited_is_found(desk, statement):
    with contextlib.closing(sqlite3.connect(desk.home / "state.sqlite", isolation_level=None)) as state:
        state.execute(statement)
    assert desk.code("ledger", "verify", status=6) == "ledger-tampered"


def test_a_price_says_what_would_be_left_and_the_approval_sets_it_aside(tmp_path):
    own = Desk(tmp_path)
    own.init("--policy", "floors.toml")
    own.load()
    own.offer()
    before = json.loads(own.run("study", "price", "who", "--json").out)
    assert before["fits"]
    for person in ("ada", "ben"):
        own.run("study", "approve", "who", *own.by(person))
    after = json.loads(own.run("study", "price", "who", "--json").out)
    shown = json.loads(own.run("ledger", "show", "--json").out)
    assert {r["study"] for r in shown["reservations"]} == {own.offer().hash}
    assert "set aside for: who" in own.run("ledger", "show").out
    for one, two, account in zip(before["accounts"], after["accounts"], shown["accounts"], strict=True):
        assert one["left"] == two["left"] == account["left"]
        assert (one["spent"], one["others"]) == (0, 0)
        assert two["study"] == account["reserved"] == one["study"] - account["spent"]
    assert "WITH THIS STUDY" in own.run("study", "price", "who").out
    assert "with this study too" in own.run("study", "explain", "who").out
    own.run("study", "refuse", "who", *own.by("ada"), "--reason", "changed our minds")
    ended = json.loads(own.run("ledger", "show", "--json").out)
    assert ended["reservations"] == []
    assert [a["spent"] for a in ended["accounts"]] == [a["spent"] for a in shown["accounts"]]
    own.run("ledger", "verify")
    own.run("audit", "verify")


def test_a_study_that_another_one_leaves_no_room_for_is_refused_and_says_so(tmp_path):
    own = Desk(tmp_path)
    (tmp_path / "floors.toml").write_text(FLOORS.replace("= 8.0", "= 3.2"))
    own.init("--policy", "floors.toml")
    own.load()
    own.offer()
    waiting = own.offer(name="second")
    assert waiting.state == "awaiting-first-approval"  # each fits, asked alone
    for person in ("ada", "ben"):
        own.run("study", "approve", "who", *own.by(person))
    assert "does not fit" in own.run("study", "price", "second").out
    own.run("study", "approve", "second", *own.by("ada"))
    assert own.code("study", "approve", "second", *own.by("ben"), status=5) == "budget-too-small"
    assert own.offer(name="third").code == "budget-too-small"
    own.run("audit", "verify")


def test_a_purpose_with_a_share_spends_no_more(tmp_path):
    own = Desk(tmp_path)
    share = '\n[[allocations]]\npurpose = "research"\nshare = 0.1\n'
    (tmp_path / "floors.toml").write_text(FLOORS + share)
    own.init("--policy", "floors.toml")
    own.load()
    assert own.offer().code == "purpose-spent"
    assert "purpose research" in own.run("ledger", "show").out
