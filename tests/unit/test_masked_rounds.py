"""Rounds of secure aggregation between a real coordinator's loop and real doors: exact, or nothing revealed."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import journal as journals
from coordinator import rounds
from coordinator.journal import Journal
from coordinator.rounds import Stopped, run_study
from privacy.durable import Database
from privacy.errors import HedgerowError
from privacy.release import decode, encode
from privacy.signing import PublicKey
from tests.builders import FINDER, plan_of
from tests.masked import WHEN, QuietGrid, peers_of

PLANNED = 7
FIRST = 1  # the place of the first sum
SPARE = 2
SECOND = 3  # the first gradient


class Killed(BaseException):
    """The coordinator is gone."""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Return four nodes, of which three must survive, and a coordinator whose sums are looked at."""
    key = Ed25519PrivateKey.generate()
    peers, study = peers_of(tmp_path, PublicKey.of(key))
    sums, total_of = [], rounds.total_of

    def looked_at(ring, shares, mechanism):
        sums.append((ring.copy(), shares))
        return total_of(ring, shares, mechanism)

    monkeypatch.setattr(rounds, "total_of", looked_at)
    handlers = {peer.name: peer.answer for peer in peers}

    def run(journal="j", **changes):
        database = Database(tmp_path / f"{journal}.db", journals.SCHEMA)
        arguments = {
            "study": study,
            "finder": FINDER,
            "grid": QuietGrid(handlers),
            "key": key,
            "roster": {peer.name: peer.public for peer in peers},
            "journal": Journal(database),
            "deadline_seconds": 5.0,
            "now": lambda: WHEN,
            "progress": lambda _: None,
            "stop": threading.Event(),
        }
        return run_study(**arguments | changes)

    return SimpleNamespace(peers=peers, handlers=handlers, run=run, key=key, study=study, sums=sums, home=tmp_path)


def answered(hub, outcome):
    """Return for each place that counted, in the order asked, what the survivors had before it was masked."""
    by_place = {}
    for receipt in outcome.receipts:
        peer = next(p for p in hub.peers if p.name == receipt.node)
        by_place.setdefault(receipt.place, []).append(peer.sums.unmasked[receipt.place])
    return by_place


def assert_exact(hub, outcome):
    found = answered(hub, outcome)
    assert len(found) == len(hub.sums) == PLANNED
    for (ring, shares), inputs in zip(hub.sums, found.values(), strict=True):
        assert shares == len(inputs)
        np.testing.assert_array_equal(ring, np.sum(inputs, axis=0, dtype=np.uint64))


def refused(hub, **arguments):
    with pytest.raises(HedgerowError) as caught:
        hub.run(**arguments)
    return caught.value


def test_totals_are_exactly_what_the_nodes_had(hub):
    outcome = hub.run()
    assert_exact(hub, outcome)
    assert len(outcome.receipts) == 4 * PLANNED
    for peer in hub.peers:
        peer.books.ledger.verify(peer.books.ceilings)
        peer.books.audit.verify()


def test_three_exchanges_a_place_one_to_share_a_step_and_one_to_advertise(hub):
    hub.run()
    asked = {told for peer in hub.peers for told in peer.stages}
    counts = {stage: sum(told[0] == stage for told in asked) for stage, _ in asked}
    assert counts == {"advertise": 1, "share": 2, "input": PLANNED, "confirm": PLANNED, "unmask": PLANNED}


def test_what_crosses_the_wire_is_not_what_the_node_had(hub):
    seen = {}

    def listening(peer):
        def answer(content):
            reply = peer.answer(content)
            if peer.told(content)[0] == "input":
                seen[peer.name, peer.told(content)[1][0]] = decode(reply, peer.public).vector()
            return reply

        return answer

    hub.handlers.update({peer.name: listening(peer) for peer in hub.peers})
    hub.run()
    for peer in hub.peers:
        for place, had in peer.sums.unmasked.items():
            sent = seen[peer.name, place]
            assert len(sent) == len(had) + 1  # the node counts itself
            assert not np.any(sent[:-1] == had)
            assert np.abs((sent[:-1] - had).view(np.int64)).min() > 2**32  # masks fill the ring


@pytest.mark.parametrize("stage", ["advertise", "share", "input", "confirm", "unmask"])
def test_a_node_lost_at_any_stage_leaves_an_exact_sum(hub, stage):
    hub.peers[1].lose(stage, 0 if stage == "advertise" else FIRST)
    assert_exact(hub, hub.run())


@pytest.mark.parametrize("stage", ["input", "confirm", "unmask"])
def test_below_the_threshold_a_round_ends_with_nothing_revealed_and_a_spare_is_asked(hub, stage):
    for peer in hub.peers[1:3]:
        peer.lose(stage, FIRST)
    outcome = hub.run()
    assert_exact(hub, outcome)
    assert SPARE in {receipt.place for receipt in outcome.receipts}
    revealed = [bool(peer.round(FIRST)["revealed"]) for peer in hub.peers]
    assert sum(revealed) < 3  # fewer than the threshold: no secret of the round can be put together


def test_with_no_spare_left_it_says_who_was_missing(hub):
    for peer in hub.peers[1:3]:
        peer.lose("input")
    error = refused(hub)
    assert error.code == "quorum-lost"


def test_who_did_not_help_to_unmask_is_named(hub):
    for peer in hub.peers[1:3]:
        peer.lose("unmask")
    error = refused(hub)
    assert error.code == "quorum-lost"
    assert "site 1: silent" in error.detail
    assert "site 2: silent" in error.detail


def reveals_nonsense(hub, peer, nonsense):
    def answer(content):
        said = decode(peer.answer(content), peer.public)
        if peer.told(content)[0] == "unmask":
            said = replace(said, content=nonsense)
        return encode(said, peer.key)

    hub.handlers[peer.name] = answer


@pytest.mark.parametrize("nonsense", [b"", b"\xff" * 132], ids=["nothing", "no field's elements"])
def test_for_a_node_that_reveals_nonsense_another_stands_in(hub, nonsense):
    reveals_nonsense(hub, hub.peers[1], nonsense)
    assert_exact(hub, hub.run())


def test_who_revealed_nonsense_is_named_where_nobody_can_stand_in(hub):
    reveals_nonsense(hub, hub.peers[1], bytes(131))
    hub.peers[2].lose("unmask")
    error = refused(hub)
    assert error.code == "quorum-lost"
    assert "site 1: share-wrong" in error.detail


def test_a_coordinator_without_its_journal_has_nothing_dealt_anew_for_a_place_that_was_answered(hub):
    hub.run()
    error = refused(hub, journal="lost")
    assert error.code == "quorum-lost"
    assert "site 1: place-answered" in error.detail


@pytest.mark.parametrize("stage", ["advertise", "share", "input", "confirm", "unmask"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_coordinator_killed_at_any_stage_goes_on_to_the_same_end(hub, stage, when):
    killing = [True]

    def deadly(peer):
        def answer(content):
            told = peer.told(content)
            if killing and told[0] == stage and (stage in ("advertise", "share") or told[1] == (FIRST,)):
                if when == "after":
                    peer.answer(content)
                killing.clear()
                raise Killed
            return peer.answer(content)

        return answer

    hub.handlers.update({peer.name: deadly(peer) for peer in hub.peers})
    with pytest.raises(Killed):
        hub.run()
    outcome = hub.run()
    assert len(outcome.receipts) == 4 * PLANNED
    totals = [ring for ring, _ in hub.sums][-PLANNED:]
    for ring, inputs in zip(totals, answered(hub, outcome).values(), strict=True):
        np.testing.assert_array_equal(ring, np.sum(inputs, axis=0, dtype=np.uint64))
    for peer in hub.peers:
        assert len(peer.books.ledger.charges()) == PLANNED
        peer.books.ledger.verify(peer.books.ceilings)


@pytest.mark.parametrize("stage", ["advertise", "share", "input", "confirm", "unmask"])
def test_a_run_that_is_stopped_at_any_stage_is_no_failure_and_goes_on_later(hub, stage):
    stop = threading.Event()

    def stopping(peer):
        def answer(content):
            if peer.told(content)[0] == stage:
                stop.set()
            return peer.answer(content)

        return answer

    hub.handlers.update({peer.name: stopping(peer) for peer in hub.peers})
    with pytest.raises(Stopped):
        hub.run(stop=stop)
    stop.clear()
    hub.handlers.update({peer.name: peer.answer for peer in hub.peers})
    hub.sums.clear()
    assert_exact(hub, hub.run())


@pytest.mark.parametrize("after", [False, True])
def test_a_node_killed_at_any_of_its_commits_is_asked_again_and_the_total_is_exact(hub, monkeypatch, after):
    peer, commit, killed = hub.peers[1], Database._commit, []
    left = None  # commits until the node dies; None while it is not to

    def deadly(database, connection):
        nonlocal left
        if left is None or database is not peer.books.database:
            return commit(database, connection)
        left -= 1
        if left >= 0:
            return commit(database, connection)
        if after:
            commit(database, connection)
        raise Killed

    def patient(content):
        """Die at the first commit, then at the second of the next try …, each time started again with its state."""
        nonlocal left
        for commits in range(20):
            left = commits
            try:
                return peer.answer(content)
            except Killed:
                killed.append(peer.told(content))
                peer.approve(hub.study)
                peer.plan = plan_of(hub.study)
            finally:
                left = None
        pytest.fail("it never ends")

    monkeypatch.setattr(Database, "_commit", deadly)
    hub.handlers[peer.name] = patient
    assert_exact(hub, hub.run())
    assert len(killed) > 5 * PLANNED  # to charge, to keep, to settle, to confirm, to reveal
    assert len(peer.books.ledger.charges()) == PLANNED
    peer.books.ledger.verify(peer.books.ceilings)
    peer.books.audit.verify()


def test_a_coordinator_that_lost_its_journal_is_given_what_was_not_unmasked_and_no_more_is_paid(hub):
    cut_off(hub, "lost", "confirm", FIRST)
    outcome = hub.run(journal="new")
    assert_exact(hub, outcome)
    assert all(len(peer.books.ledger.charges()) == PLANNED for peer in hub.peers)


def test_and_uses_a_spare_for_what_was(hub):
    cut_off(hub, "lost", "input", SECOND)
    outcome = hub.run(journal="new")
    places = {receipt.place for receipt in outcome.receipts}
    assert SPARE in places
    assert FIRST not in places
    for receipt in outcome.receipts:
        assert receipt.node in {peer.name for peer in hub.peers}
    assert all(len(peer.books.ledger.charges()) == PLANNED + 1 for peer in hub.peers)


def test_with_no_spare_left_it_says_that_the_place_was_answered(hub):
    for journal in ("lost", "lost too"):
        cut_off(hub, journal, "input", SECOND)
    error = refused(hub, journal="new")
    assert error.code == "quorum-lost"
    assert "place-answered" in error.detail


def cut_off(hub, journal, stage, place):
    """Run until a stage of a place is asked, and lose the coordinator there."""

    def dying(peer):
        def answer(content):
            if peer.told(content) == (stage, (place,)):
                raise Killed
            return peer.answer(content)

        return answer

    hub.handlers.update({peer.name: dying(peer) for peer in hub.peers})
    with pytest.raises(Killed):
        hub.run(journal=journal)
    hub.handlers.update({peer.name: peer.answer for peer in hub.peers})
    hub.sums.clear()


def test_a_finished_run_is_replayed_from_the_journal_without_asking(hub):
    first = hub.run()
    asked = [len(peer.stages) for peer in hub.peers]
    again = hub.run()
    assert [len(peer.stages) for peer in hub.peers] == asked
    assert again.results["risk"].arrays["weights"].tobytes() == first.results["risk"].arrays["weights"].tobytes()


def test_a_rounds_secrets_are_gone_once_the_next_is_asked(hub):
    hub.run()
    for peer in hub.peers:
        row = peer.round(FIRST)
        assert (row["seed"], row["shares"]) == (b"", b"")
    assert sum(bool(peer.round(FIRST)["revealed"]) for peer in hub.peers) == 3  # as many as were needed
    spare = hub.peers[0].round(SPARE)
    assert spare["seed"]  # control: one that was dealt and not asked is still there


def test_a_node_that_lost_its_state_between_stages_is_a_lost_node(hub):
    peer = hub.peers[3]

    def forgetful(content):
        if peer.told(content) == ("input", (FIRST,)):
            with peer.books.database.transaction() as connection:
                connection.execute("DELETE FROM masking_round")
        return peer.answer(content)

    hub.handlers[peer.name] = forgetful
    outcome = hub.run()
    assert_exact(hub, outcome)
    assert sum(receipt.place == FIRST for receipt in outcome.receipts) == 3
