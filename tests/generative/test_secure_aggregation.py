"""Whoever is lost at whatever stage: the exact total of the survivors, or an error; and nobody says both of a peer."""

import math
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.errors import HedgerowError, Refusal
from privacy.secure_aggregation import LEAST_NODES, MOST_NODES, Round, threshold_of
from tests.aggregation import REQUEST, Played, names

OTHER_REQUEST = "sha256:" + "cd" * 32
WIDTHS = st.sampled_from([1, 2, 7, 8, 9, 65])


@cache
def played(n, quorum, colluders, width, place=0):
    return Played(n=n, quorum=quorum, colluders=colluders, width=width, place=place, seed=n * 1000 + width)


@st.composite
def rounds(draw):
    n = draw(st.integers(LEAST_NODES, 9))
    quorum = draw(st.integers(LEAST_NODES, n))
    most = min(quorum - 1, 2 * threshold_of(n, quorum) - n - 1)
    return played(n, quorum, draw(st.integers(1, most)), draw(WIDTHS))


def some(draw, members, least=0):
    """Draw some of the members, in their order."""
    return tuple(sorted(draw(st.sets(st.sampled_from(members), min_size=least)))) if members else ()


@settings(deadline=None)
@given(one=rounds(), data=st.data())
def test_any_loss_at_any_stage_gives_the_exact_total_or_an_error(one, data):
    survivors = some(data.draw, one.roster)
    confirmed = some(data.draw, survivors)
    answered = some(data.draw, confirmed)
    enough = one.round.threshold
    if len(survivors) < enough:
        with pytest.raises(Refusal) as refused:
            one.revealed(one.roster[0], survivors)
        assert refused.value.code == "survivors-wrong"
    if len(survivors) < enough or len(answered) < enough:
        inputs = {m: one.masked(m) for m in survivors}
        with pytest.raises(Refusal) as lost:
            one.unmasked(inputs, dict.fromkeys(answered, b""))
        assert lost.value.code == "quorum-lost"
    else:
        assert (one.summed(survivors, answered) == one.plain(survivors)).all()


@settings(deadline=None)
@given(one=rounds(), data=st.data())
def test_a_smaller_roster_after_losses_at_the_deal_is_a_round_of_its_own(one, data):
    left = some(data.draw, one.roster, least=LEAST_NODES)
    quorum = one.round.quorum
    if len(left) < quorum or 2 * threshold_of(len(left), quorum) <= len(left) + one.round.colluders:
        with pytest.raises(Refusal):
            Round("study", 0, left, quorum, one.round.colluders)
    else:
        again = Round("study", 0, left, quorum, one.round.colluders)
        assert (again.binding == one.round.binding) == (left == one.roster)


@settings(deadline=None)
@given(one=rounds(), data=st.data())
def test_a_node_gives_one_share_of_each_member_never_both(one, data):
    survivors = some(data.draw, one.roster, least=one.round.threshold)
    node = data.draw(st.sampled_from(survivors))
    given_away = one.revealed(node, survivors)
    for at, member in enumerate(one.roster):
        share, held = given_away[33 * at : 33 * at + 33], one.shares[node][member]
        assert share == (held.self_mask if member in survivors else held.mask_key)
        assert share != (held.mask_key if member in survivors else held.self_mask)


@settings(deadline=None)
@given(one=rounds(), data=st.data())
def test_a_node_that_was_sent_another_request_turns_the_sum_into_noise_that_is_found(one, data):
    survivors = some(data.draw, one.roster, least=one.round.threshold)
    fooled = some(data.draw, survivors[1:], least=1)
    inputs = {m: one.masked(m, OTHER_REQUEST if m in fooled else REQUEST) for m in survivors}
    reveals = {m: one.revealed(m, survivors) for m in survivors}
    for request in (REQUEST, OTHER_REQUEST):
        with pytest.raises(HedgerowError) as caught:
            one.unmasked(inputs, reveals, request)
        assert caught.value.code == "unmasking-failed"


@settings(deadline=None)
@given(one=rounds(), data=st.data())
def test_any_change_on_the_way_is_found(one, data):
    survivors = some(data.draw, one.roster, least=one.round.threshold)
    inputs = {m: one.masked(m) for m in survivors}
    reveals = {m: one.revealed(m, survivors) for m in survivors[: one.round.threshold]}
    who = data.draw(st.sampled_from(sorted(reveals)))
    other = who
    kind = data.draw(st.sampled_from(["share", "short", "count", "length", "swapped"]))
    if kind in ("share", "short"):
        raw = bytearray(reveals[who])
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        reveals[who] = bytes(raw)[: -1 if kind == "short" else None]
    elif kind == "count":
        inputs[who][-1:] += np.uint64(data.draw(st.integers(1, 2**64 - 1)))
    elif kind == "length":
        inputs[who] = inputs[who][:-1]
    else:  # two holders' shares, each said to be the other's
        other = data.draw(st.sampled_from([m for m in reveals if m != who]))
        reveals[who], reveals[other] = reveals[other], reveals[who]
    if kind == "swapped" and reweighted_alike(one, reveals, who, other):
        assert (one.unmasked(inputs, reveals) == one.plain(survivors)).all()
        return
    with pytest.raises(HedgerowError) as caught:
        one.unmasked(inputs, reveals)
    assert caught.value.code in ("unmasking-failed", "share-wrong")


def reweighted_alike(one, reveals, *two):
    """Say whether two holders' shares weigh the same at 0, as those of holders 1 and 3 of 4 do: swapped, no harm."""
    xs = [one.roster.index(m) + 1 for m in reveals]
    of_two = [one.roster.index(m) + 1 for m in two]
    return len({math.prod(Fraction(z, z - x) for z in xs if z != x) for x in of_two}) == 1


def test_both_kinds_of_share_of_one_peer_never_meet_in_any_round_that_is_allowed():
    """Colluders give both kinds, everybody else one: by counting, over every round that the rules let pass."""
    allowed = 0
    for n in (*range(LEAST_NODES, 40), 100, 215, MOST_NODES):
        for quorum in range(LEAST_NODES, n + 1):
            for c in range(1, quorum):
                t = threshold_of(n, quorum)
                if 2 * t <= n + c:
                    continue
                allowed += 1
                assert all(min(self_masks + c, n - self_masks) < t for self_masks in range(n - c + 1))
                assert t - c >= quorum - c >= 1  # honest noise in every total
    assert allowed > 10_000


@pytest.mark.slow
def test_215_nodes_with_none_ten_and_thirty_per_cent_lost_at_every_stage():
    one = Played(n=215, quorum=100, colluders=10, width=40)
    for lost in (0, 21, 64):
        order = one.rng.permutation(one.n)
        alive = tuple(sorted(one.roster[i] for i in order[lost:]))
        assert (one.summed(alive) == one.plain(alive)).all()  # all of them at the request
        half = tuple(sorted(one.roster[i] for i in order[lost // 2 :]))
        assert (one.summed(half, alive) == one.plain(half)).all()  # half then, half before they reveal
    too_few = one.roster[: one.round.threshold - 1]
    with pytest.raises(Refusal, match="quorum-lost"):
        one.unmasked({m: one.masked(m) for m in one.roster}, {m: one.revealed(m, one.roster) for m in too_few})
    assert names(215) == one.roster
