"""A node that lies about its sum: what the coordinator can notice, what it cannot, and what the lie can never do.

Masks hide a node's sum from the coordinator, and with it a lie. So these tests say what is true, not what we should
like: a lie within the form of a message is not noticed. It spoils a result; it tells nobody anything about a person.
"""

import threading
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator import journal as journals
from coordinator.journal import Journal
from coordinator.rounds import run_study
from privacy.durable import Database
from privacy.errors import HedgerowError
from privacy.private_sum import PrivateSum
from privacy.release import decode
from privacy.signing import PublicKey
from tests.builders import FINDER
from tests.masked import WHEN, QuietGrid, peers_of


@pytest.fixture(params=["secure-aggregation", "none"])
def hub(tmp_path, request):
    """Return a function that runs a study over four nodes, of which the first answers what ``lie`` makes of its sum."""
    masked = request.param == "secure-aggregation"

    def run(lie=None, name="honest", spoil=None):
        key = Ed25519PrivateKey.generate()
        (home := tmp_path / name).mkdir()
        peers, study = peers_of(home, PublicKey.of(key), **({} if masked else {"masking": "none"}))
        if lie:
            peers[0].sums.compute = lying(peers[0].sums, lie)
        if spoil:
            spoil(peers[0])
        run.liar, run.peers, run.database = peers[0].name, peers, Database(home / "j.db", journals.SCHEMA)
        return run_study(
            study=study,
            finder=FINDER,
            grid=QuietGrid({peer.name: peer.answer for peer in peers}),
            key=key,
            roster={peer.name: peer.public for peer in peers},
            journal=Journal(run.database),
            deadline_seconds=5.0,
            now=lambda: WHEN,
            progress=lambda _: None,
            stop=threading.Event(),
        )

    run.masked = masked
    return run


def lying(sums, lie):
    """Return a node's way to its sum, with a lie in the place of what it had; all else as it should be."""
    compute = sums.compute

    def answer(plan, charge, state, mask=None):
        noised = PrivateSum.noised

        def lied(self, *noise):
            return lie(noised(self, *noise).view(np.int64), charge.place).astype(np.int64).view(np.uint64)

        PrivateSum.noised = lied
        try:
            return compute(plan, charge, state, mask)
        finally:
            PrivateSum.noised = noised

    return answer


def weights(outcome):
    return outcome.results["risk"].arrays["weights"]


def a_thousand_times(had, place):
    return had * 1000 if place.sum == "gradient" else had


def anything(had, place):
    """Return any 64 bits: whatever a NaN or an infinity would have been on another wire."""
    return np.random.default_rng(place.index).integers(-(2**63), 2**63 - 1, len(had))


def a_perfect_model(had, place):
    """Count ten thousand people whom the model ranks as their outcomes are."""
    if place.step != "evaluation":
        return had
    told = np.zeros((2, len(had) // 2), np.int64)
    told[0, 0] = told[1, -1] = 10_000 * place.mechanism.clip_units
    return told.ravel()


def test_an_honest_run_is_the_measure(hub):
    honest, again = hub(), hub(name="again")
    assert np.linalg.norm(weights(honest) - weights(again)) < 100


def test_a_sum_a_thousand_times_too_large_is_not_noticed_and_spoils_the_model(hub):
    honest, lied = hub(), hub(a_thousand_times, "lied")
    assert len(lied.receipts) == len(honest.receipts)  # nobody was refused
    assert np.linalg.norm(weights(lied)) > 5 * np.linalg.norm(weights(honest))


def test_false_counts_are_not_noticed_and_make_a_model_look_perfect(hub):
    lied = hub(a_perfect_model, "lied").results["evaluation"].facts
    assert lied["auc"] > 0.9
    assert hub().results["evaluation"].facts["auc"] < 0.9


def test_no_lie_is_a_nan_nor_stops_a_run(hub):
    """On a wire of whole numbers every byte is a number; what is made of any is finite, or is said not to be known."""
    outcome = hub(anything, "lied")
    for result in outcome.results.values():
        assert all(np.isfinite(array).all() for array in result.arrays.values())
        assert all(fact is None or np.isfinite(fact) for fact in result.facts.values() if isinstance(fact, float))


def odd_one_out(hub):
    """Return the node whose vector of the last gradient is by far the largest, as the coordinator's journal has it."""
    place = max(p.index for p in hub.peers[0].plan.places if p.sum == "gradient" and p.occurrence == 4)
    found = {}
    for peer in hub.peers:
        query = "SELECT content FROM answer WHERE place = ? AND node = ?"
        sent = decode(hub.database.one(query, [place, peer.name])["content"], peer.public).vector()
        found[peer.name] = np.abs(sent.view(np.int64).astype(float)).mean()
    first, second = sorted(found, key=found.get, reverse=True)[:2]
    return first if found[first] > 50 * found[second] else None


def test_who_lied_is_plain_where_nothing_is_masked_and_hidden_where_it_is(hub):
    hub(a_thousand_times, "lied")
    assert odd_one_out(hub) == (None if hub.masked else hub.liar)


@pytest.mark.parametrize("how", ["short", "long"])
def test_a_vector_of_another_length_is_left_out(hub, how):
    def cut(had, _place):
        return had[:-1] if how == "short" else np.append(had, 0)

    answered = {receipt.node for receipt in hub(cut, "lied").receipts}
    assert answered == {peer.name for peer in hub.peers} - {hub.liar}


def wrong_mask(places):
    """Return what makes a node answer some places with a vector that no mask comes off."""

    def spoil(peer):
        begin = peer.masking.begin

        def spoilt(study, place, *rest):
            mask = begin(study, place, *rest)
            random = np.random.default_rng(place)
            return (
                replace(mask, apply=lambda ring: random.integers(0, 2**64, len(mask.apply(ring)), np.uint64))
                if place in places
                else mask
            )

        peer.masking.begin = spoilt

    return spoil


@pytest.mark.parametrize("hub", ["secure-aggregation"], indirect=True)
def test_a_wrong_mask_spoils_a_round_and_a_spare_is_asked(hub):
    outcome = hub(spoil=wrong_mask({1}))
    assert 1 not in {receipt.place for receipt in outcome.receipts}
    with pytest.raises(HedgerowError) as caught:
        hub(name="always", spoil=wrong_mask({1, 2}))
    assert caught.value.code in ("unmasking-failed", "quorum-lost")
