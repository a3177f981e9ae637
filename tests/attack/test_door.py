"""The one door against a bad coordinator: what it asks twice, what it changes, what it makes fail, what it sends."""

import json

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.computation import Batch
from privacy.release import NOTICE_BYTES, Notice, Release
from privacy.request import Request
from tests.approved import Approved, approved
from tests.computations.blurting import SECRET

ROUND = {"round": np.array([0.0])}


@pytest.fixture
def here(tmp_path) -> Approved:
    return approved(tmp_path)


def spent(here: Approved) -> dict[str, int]:
    return {f"{a.part}/{a.view}": a.spent for a in here.node.ledger.accounts()}


def test_an_approved_request_is_answered_with_a_paid_release(here):
    before = spent(here)
    release = here.ask(1, ROUND)
    assert isinstance(release, Release)
    mechanism = here.plan.places[1].mechanism
    assert release.receipt.mechanism == mechanism.document()
    assert spent(here)["training/outside"] - before["training/outside"] == mechanism.cost
    assert spent(here)["held-back/outside"] == before["held-back/outside"]
    people = release.vector().view(np.int64)[0] * mechanism.unit
    assert abs(people - 0.75 * 150) < 6 * mechanism.noise_sd + 30


def test_asking_again_gives_the_same_bytes_at_no_further_charge(here):
    first, paid = here.ask(1, ROUND), spent(here)
    assert here.ask(1, ROUND) == first
    assert spent(here) == paid


@pytest.mark.parametrize("change", ["state", "roster"])
def test_a_place_is_not_answered_for_another_state_or_roster(here, change):
    here.ask(1, ROUND)
    paid = spent(here)
    if change == "state":
        answer = here.ask(1, {"round": np.array([1.0])})
    else:  # the difference of two rosters' totals would be somebody's vector
        answer = here.ask(1, ROUND, roster=(here.node.fingerprint, *here.others[:2]))
    assert isinstance(answer, Notice)
    assert answer.code == "place-answered"
    assert spent(here) == paid


@pytest.mark.parametrize("roster", [(), ("3" * 40,), ("1" * 40, "2" * 40, "9" * 40), ("1" * 40, "2" * 40, "3" * 40)])
def test_a_roster_of_strangers_or_below_quorum_is_refused_before_any_charge(here, roster):
    paid = spent(here)
    answer = here.ask(1, ROUND, roster=roster)
    assert isinstance(answer, Notice)
    assert answer.code == "roster-wrong"
    assert spent(here) == paid


@pytest.mark.parametrize("place", [0, 4, 99, -1])
def test_only_places_of_the_plan_are_answered_and_never_the_nodes_own(here, place):
    paid = spent(here)
    answer = here.ask(place, ROUND)
    assert isinstance(answer, Notice)
    assert answer.code in ("place-unknown", "message-malformed")
    assert spent(here) == paid


def test_a_request_that_another_key_signed_is_refused(here):
    forged = Request.of(here.study.hash, 1, (here.node.fingerprint, *here.others), ROUND)
    answer = here.raw(forged.encode(Ed25519PrivateKey.generate()))
    assert len(answer) == NOTICE_BYTES
    assert b"signature-wrong" in answer


def test_a_study_that_nobody_approved_is_refused(here):
    other = Request.of("sha256:" + "0" * 64, 1, (here.node.fingerprint, *here.others), ROUND).encode(here.hub)
    assert b"study-not-approved" in here.raw(other)


def test_an_exception_with_an_nhs_number_sends_a_code_only(tmp_path, capsys):
    here = approved(tmp_path, use="blurting")
    answer = here.raw(here.request(1, ROUND))
    assert len(answer) == NOTICE_BYTES
    assert b"computation-failed" in answer
    assert SECRET.encode() not in answer
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err
    assert SECRET not in json.dumps(here.node.audit.events())
    # the control: the number is in the exception, so a door that passed its text on would have been caught
    with pytest.raises(ValueError, match=SECRET):
        here.node.finder.find("blurting").contributions({}, None, Batch(1, np.zeros(1, np.int64), {}))


def test_every_failure_has_one_shape(tmp_path):
    here = approved(tmp_path, use="blurting")
    answers = [
        here.raw(b""),
        here.raw(b"\x00" * 100),
        here.raw(here.request(1, ROUND)),
        here.raw(here.request(3, ROUND)),
        here.raw(here.request(77, ROUND)),
        here.raw(here.request(2, ROUND, roster=("9" * 40,))),
    ]
    assert {len(answer) for answer in answers} == {NOTICE_BYTES}


def test_a_pause_stops_the_next_request(here):
    here.node.governance.register.pause(at="2027-03-01T00:00:00+00:00")
    answer = here.ask(1, ROUND)
    assert isinstance(answer, Notice)
    assert answer.code == "node-paused"


def test_a_crash_after_the_charge_is_computed_again_on_that_charge(here, monkeypatch):
    settle = type(here.node.ledger).settle
    monkeypatch.setattr(type(here.node.ledger), "settle", lambda *_, **__: (_ for _ in ()).throw(OSError("disk")))
    assert isinstance(here.ask(1, ROUND), Notice)
    paid = spent(here)
    monkeypatch.setattr(type(here.node.ledger), "settle", settle)
    assert isinstance(here.ask(1, ROUND), Release)
    assert spent(here) == paid


def test_stale_optouts_refuse_before_any_charge(here, monkeypatch):
    import datetime

    from tests.nodes import NOW

    paid = spent(here)
    monkeypatch.setattr(here.node.sums, "_now", lambda: NOW + datetime.timedelta(days=8))
    answer = here.ask(1, ROUND)
    assert isinstance(answer, Notice)
    assert answer.code == "optouts-stale"
    assert spent(here) == paid


def test_what_an_opted_out_person_had_is_not_in_the_next_sum(tmp_path, monkeypatch):
    """Opt-outs count at every request: with noise off, the sum drops by exactly those who left the list."""
    from node import sums as node_sums
    from node.optouts import load_optouts
    from privacy.private_sum import PrivateSum
    from tests.nodes import NOW, nhs_numbers

    here = approved(tmp_path)
    quiet = lambda self, noise=None: self._sum  # noqa: E731 - the sum without its noise
    monkeypatch.setattr(node_sums.PrivateSum, "noised", quiet)
    assert PrivateSum.noised is quiet
    first = here.ask(1, ROUND).vector().view(np.int64)[0] * here.plan.places[1].mechanism.unit
    (tmp_path / "allowed.txt").write_text("\n".join(nhs_numbers(140)))
    data = {"store": here.node.store, "keystore": here.node.keystore, "now": NOW, "allow_test_numbers": True}
    load_optouts(file=tmp_path / "allowed.txt", as_of=NOW.date(), **data)
    second = here.ask(2, {"round": np.array([1.0])}).vector().view(np.int64)[0] * here.plan.places[2].mechanism.unit
    from node.persons import recognise

    left = recognise(nhs_numbers(150)[140:], here.node.keystore, allow_test_numbers=True)
    assert first - second == np.count_nonzero(~left.held_back) > 0


def test_audit_and_ledger_verify_afterwards(here):
    here.ask(1, ROUND)
    here.ask(1, {"round": np.array([5.0])})
    here.ask(2, ROUND)
    here.node.verify()


@pytest.mark.parametrize(("work_seconds", "slots"), [(0.0, 1), (0.03, 1), (0.15, 2), (0.25, 4)])
def test_an_answer_leaves_at_a_slot_whatever_the_work_took(here, monkeypatch, work_seconds, slots):
    """The time of an answer tells at most the order of magnitude of the work: slots double."""
    import dataclasses
    import time

    waited: list[float] = []
    door = dataclasses.replace(here.node.door, slot_seconds=0.1, sleep=waited.append)
    decide = type(door)._decide
    monkeypatch.setattr(type(door), "_decide", lambda *a: (time.sleep(work_seconds), decide(*a))[1])
    started = time.monotonic()
    door.answer(b"nothing of ours", lambda _: None)
    worked = time.monotonic() - started
    assert len(waited) == 1
    assert worked + waited[0] == pytest.approx(0.1 * slots, abs=0.02)


def test_a_door_without_slots_would_show_the_work(here):
    """The control: with no slot, work of 0 and of 0.15 s are told apart at once."""
    import time

    started = time.monotonic()
    here.node.door._decide(b"nothing of ours")
    assert time.monotonic() - started < 0.1


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"round": np.zeros(())},
        {"round": np.zeros(2)},
        {"round": np.zeros((1, 1))},
        {"round": np.zeros((150, 1))},
        {"round": np.zeros(1, np.int64)},
        {"round": np.zeros(1), "more": np.zeros(1)},
        {"other": np.zeros(1)},
    ],
)
def test_a_state_that_the_plan_does_not_name_is_refused_before_any_charge(here, state):
    """A shape that fits only some numbers of rows would tell, without noise, how many there are."""
    paid = spent(here)
    answer = here.ask(1, state)
    assert isinstance(answer, Notice)
    assert answer.code == "state-wrong"
    assert spent(here) == paid
    assert isinstance(here.ask(1, {"round": np.zeros(1)}), Release)  # the control: the planned one is answered


@pytest.mark.parametrize("shape", [(), (1,), (3,), (40, 3), (40, 1), (1, 1, 3), (2, 40, 3)])
def test_no_shape_of_weights_but_the_models_own_reaches_a_row(shape):
    from models.gradients import row_gradients
    from models.risk import log_odds
    from privacy.errors import Invalid

    batch = Batch(40, np.arange(40), {"a": np.linspace(0, 1, 40), "b": np.ones(40)})
    if shape == (3,):
        assert log_odds(batch, ["a", "b"], {"weights": np.ones(shape)}).shape == (40,)
        assert row_gradients(np.ones(shape), np.ones((40, 3)), np.ones(40)).shape == (40, 3)
        return
    with pytest.raises(Invalid, match="contribution-shape"):
        log_odds(batch, ["a", "b"], {"weights": np.ones(shape)})
    with pytest.raises(Invalid, match="contribution-shape"):
        row_gradients(np.ones(shape), np.ones((40, 3)), np.ones(40))


def test_a_contract_that_changed_under_an_approved_study_stops_it_whatever_the_records(here, tmp_path):
    """Were the study run over another contract, a value that does not fit could make the difference."""
    from node.ingest.load import ingest
    from privacy.contract_file import read_contract
    from tests.approved import rows
    from tests.nodes import CONTRACT, NOW

    changed = tmp_path / "changed.toml"
    text = CONTRACT.replace("version = 1", "version = 2").replace(
        'type = "number"\nlow = 0\nhigh = 120', 'type = "text"'
    )
    changed.write_text(text.replace('unit = "years"\n', "", 1))
    extract = tmp_path / "extract2.csv"
    extract.write_text(rows().replace(",40,", ",forty,"))
    store = here.node.store
    common = {"store": store, "keystore": here.node.keystore, "now": NOW, "allow_test_numbers": True}
    ingest(contract=read_contract(changed), location=extract, optouts=store.optouts(), **common)
    paid = spent(here)
    answer = here.ask(1, ROUND)
    assert isinstance(answer, Notice)
    assert answer.code == "variable-unknown"
    assert spent(here) == paid


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE account SET ceiling = 9000000000000000000",
        "UPDATE optout_list SET as_of = '2027-03-02'",
        "UPDATE data_version SET version = 7",
        "DELETE FROM released",
        "UPDATE released SET receipt = replace(receipt, 'visits@1', 'three people over sixty')",
        "UPDATE charge SET cost = 1",
        "UPDATE study SET state = 'finished'",
        "DELETE FROM audit_leaf WHERE position > 8",
    ],
)
def test_whoever_can_write_to_the_disk_and_no_more_is_found_out(here, edit):
    from privacy.errors import HedgerowError

    here.ask(1, ROUND)
    here.node.sign_log()
    here.node.verify()  # the control: as it was, everything holds
    with here.node.database.transaction() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute(edit)
    with pytest.raises(HedgerowError):
        here.node.verify()


def test_an_edited_receipt_is_never_signed(here):
    here.ask(1, ROUND)
    with here.node.database.transaction() as connection:
        edit = "UPDATE released SET receipt = replace(receipt, 'visits@1', 'three people over sixty')"
        connection.execute(edit)
    answer = here.raw(here.request(1, ROUND))
    assert b"three people" not in answer
    assert b"ledger-tampered" in answer
