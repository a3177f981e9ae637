"""`ledger verify`: counted again from the log, beside another accountant; what was changed ends with status 6."""

import contextlib
import json
import sqlite3

import pytest

from node import second_opinion
from privacy import accountant
from tests.functional.test_node_command import Desk


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
