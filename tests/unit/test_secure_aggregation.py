"""The machines of a round take what belongs to it and refuse the rest; asked again, they say the same bytes."""

import dataclasses
import hashlib

import numpy as np
import pytest

from privacy.errors import HedgerowError, Refusal, Tampered
from privacy.secure_aggregation import LETTER_BYTES, Dealer, Dealt, Round, masked, open_letters, threshold_of, unmasked
from privacy.shamir import PRIME
from tests.aggregation import REQUEST, Played, names


@pytest.fixture(scope="module")
def played():
    return Played(n=5)


@pytest.mark.parametrize(
    ("nodes", "quorum", "threshold"), [(3, 3, 3), (4, 3, 3), (5, 3, 4), (6, 3, 5), (6, 6, 6), (215, 100, 144)]
)
def test_the_threshold_is_above_two_thirds_and_never_below_the_quorum(nodes, quorum, threshold):
    assert threshold_of(nodes, quorum) == threshold
    assert 3 * threshold > 2 * nodes


@pytest.mark.parametrize("lost", [0, 1])
def test_the_sum_is_exact_over_the_survivors(played, lost):
    survivors = played.roster[lost:]
    assert (played.summed(survivors) == played.plain(survivors)).all()


@pytest.mark.parametrize(
    ("roster", "place", "quorum", "colluders"),
    [
        (names(2), 0, 3, 1),
        (names(251), 0, 3, 1),
        (names(4)[::-1], 0, 3, 1),
        ((*names(4), names(4)[3]), 0, 3, 1),
        (names(5), -1, 3, 1),
        (names(5), 0, 2, 1),
        (names(5), 0, 6, 1),
        (names(5), 0, 3, 0),
        (names(5), 0, 3, 3),
        (names(9), 0, 3, 3),  # nobody honest in a total of three
        (names(9), 0, 6, 5),  # 2 x 7 is not above 9 + 5
    ],
)
def test_a_round_that_keeps_no_promise_is_refused(roster, place, quorum, colluders):
    with pytest.raises(Refusal) as caught:
        Round("study", place, roster, quorum, colluders)
    assert caught.value.code == "roster-wrong"


def test_everything_that_a_round_is_is_in_its_binding(played):
    one = played.round
    others = [
        dataclasses.replace(one, **{word: other})
        for word, other in {
            "study": "another",
            "place": 1,
            "roster": names(6),
            "quorum": 4,
            "colluders": 2,
        }.items()
    ]
    assert len({one.binding, *(other.binding for other in others)}) == 6


# What must not change without a new label: keys of the two ends may be of two versions of this program.


def test_the_bytes_are_those_of_version_1():
    played = Played(n=4, width=3, seed=20261123)
    parts = [*played.publics.values(), *(x for m in played.roster for x in played.letters[m].values())]
    parts += [played.masked(m).tobytes() for m in played.roster]
    parts += [played.revealed(m, played.roster[1:]) for m in played.roster[1:]]
    assert (
        hashlib.sha256(b"".join(parts)).hexdigest()
        == "55eca780bec66cc3a5f6c0e550a774ccb2a77ad8dfa95c0d0ee818d0203994d3"
    )


def test_a_seed_is_all_of_a_node_in_a_round(played):
    seed = bytes(range(32))
    first, again = (Dealer(seed, played.round, played.roster[0]) for _ in range(2))
    channel, cards = played.channels[played.roster[0]], played.cards
    assert first.letters(channel, cards) == again.letters(channel, cards)
    assert first.own == again.own
    for other in (dataclasses.replace(played.round, place=1), dataclasses.replace(played.round, study="another")):
        differing = Dealer(seed, other, played.roster[0])
        assert {differing.mask_key, differing.self_mask}.isdisjoint({first.mask_key, first.self_mask})
    with pytest.raises(ValueError, match="seed"):
        Dealer(seed[:-1], played.round, played.roster[0])


def test_the_polynomials_of_the_two_secrets_have_no_coefficient_in_common(played):
    """With common ones, every holder's two shares would differ by the same: the difference of the secrets."""
    owner = played.roster[0]
    pairs = [played.shares[m][owner] for m in played.roster]
    differences = {(int.from_bytes(p.mask_key) - int.from_bytes(p.self_mask)) % PRIME for p in pairs}
    assert len(differences) == len(played.roster)


def test_a_node_that_is_not_a_member_deals_nothing(played):
    with pytest.raises(Refusal) as caught:
        Dealer(bytes(32), played.round, "ff" * 20)
    assert caught.value.code == "roster-wrong"


# Letters


def test_a_letter_is_short_and_for_one_peer(played):
    lengths = {len(letter) for letters in played.letters.values() for letter in letters.values()}
    assert lengths == {LETTER_BYTES}
    assert all(set(played.letters[m]) == set(played.roster) - {m} for m in played.roster)


def spoiled_letters(played):
    """Return, by name, what a node could be sent instead of its letters."""
    me, peer, other = played.roster[:3]
    good = played.dealt(me)
    public, letter = good[peer].mask_public, good[peer].letter
    elsewhere = Played(n=5, seed=1, channels=played.channels)
    later = Played(n=5, place=1, channels=played.channels)

    def with_peer(*dealt):
        return good | {peer: Dealt(*dealt)}

    return {
        "one missing": {p: d for p, d in good.items() if p != peer},
        "one too many": good | {"ff" * 20: good[peer]},
        "one's own": good | {me: good[peer]},
        "a flipped bit": with_peer(public, bytes([letter[0] ^ 1]) + letter[1:]),
        "cut short": with_peer(public, letter[:-1]),
        "empty": with_peer(public, b""),
        "one byte more": with_peer(public, letter + b"\0"),
        "another's letter": with_peer(public, good[other].letter),
        "another's all": with_peer(good[other].mask_public, good[other].letter),
        "for somebody else": with_peer(public, played.letters[peer][other]),
        "our own, sent back": with_peer(played.publics[me], played.letters[me][peer]),
        "beside another mask key": with_peer(played.publics[other], letter),
        "of another seed's": with_peer(public, elsewhere.letters[peer][me]),
        "of another round": with_peer(later.publics[peer], later.letters[peer][me]),
    }


SPOILED = sorted(spoiled_letters(Played(n=5)))


@pytest.mark.parametrize("kind", SPOILED)
def test_a_letter_that_is_not_the_one_written_opens_nothing(played, kind):
    me = played.roster[0]
    dealt = spoiled_letters(played)[kind]
    with pytest.raises(Tampered) as caught:
        open_letters(played.round, me, played.channels[me], played.cards, dealt)
    assert caught.value.code == "letter-wrong"


def test_letters_do_not_open_under_another_card_or_channel(played):
    me, peer = played.roster[:2]
    other = played.channels[played.roster[2]]
    cards = played.cards | {peer: played.cards[played.roster[2]]}
    for channel, held in ((other, played.cards), (played.channels[me], cards)):
        with pytest.raises(Tampered, match="letter-wrong"):
            open_letters(played.round, me, channel, held, played.dealt(me))


def test_a_peer_without_a_card_or_a_public_key_is_no_member(played):
    me, peer = played.roster[:2]
    cards = {m: card for m, card in played.cards.items() if m != peer}
    publics = {m: public for m, public in played.publics.items() if m != peer}
    calls = (
        lambda: played.dealers[me].letters(played.channels[me], cards),
        lambda: open_letters(played.round, me, played.channels[me], cards, played.dealt(me)),
        lambda: masked(played.vectors[me], dealer=played.dealers[me], publics=publics, request=REQUEST),
    )
    for call in calls:
        with pytest.raises(Refusal) as caught:
            call()
        assert caught.value.code == "roster-wrong"


# Vectors, survivors, sums


@pytest.mark.parametrize("vector", [np.zeros(4), np.zeros(4, np.int64), np.zeros((2, 2), np.uint64)])
def test_only_a_vector_of_the_ring_is_masked(played, vector):
    me = played.roster[0]
    with pytest.raises(ValueError, match="ring"):
        masked(vector, dealer=played.dealers[me], publics=played.publics, request=REQUEST)


@pytest.mark.parametrize(
    "survivors",
    [(), names(5)[:3], names(5)[::-1], (*names(5), names(5)[4]), (*names(5)[:4], "ff" * 20), ("x", "y", "z", "zz")],
)
def test_no_share_is_given_for_survivors_whom_no_round_has(played, survivors):
    with pytest.raises(Refusal) as caught:
        played.revealed(played.roster[0], survivors)
    assert caught.value.code == "survivors-wrong"


def spoiled_sums(played):
    """Return, by name, inputs and reveals that make no sum, and what the coordinator is told."""
    roster, survivors = played.roster, played.roster[1:]
    inputs = {m: played.masked(m) for m in survivors}
    reveals = {m: played.revealed(m, survivors) for m in survivors}
    late, one = roster[0], survivors[0]
    elsewhere = Played(n=5, place=1, channels=played.channels)
    outsider = {m: v for m, v in inputs.items() if m != one} | {"ff" * 20: inputs[one]}
    return {
        "too few inputs": (dict(list(inputs.items())[:3]), reveals, "quorum-lost"),
        "too few reveals": (inputs, dict(list(reveals.items())[:3]), "quorum-lost"),
        "an outsider's input": (outsider, reveals, "survivors-wrong"),
        "a dropped one's reveal": (inputs, reveals | {late: played.revealed(late, survivors)}, "survivors-wrong"),
        "late, and still summed": (inputs | {late: played.masked(late)}, reveals, "unmasking-failed"),
        "another dropped": ({m: played.masked(m) for m in roster[:4]}, reveals, "survivors-wrong"),
        "one of another length": (inputs | {one: inputs[one][1:]}, reveals, "unmasking-failed"),
        "floats": ({m: v.astype(float) for m, v in inputs.items()}, reveals, "unmasking-failed"),
        "no vectors": ({m: v[0] for m, v in inputs.items()}, reveals, "unmasking-failed"),
        "no elements": ({m: v[:0] for m, v in inputs.items()}, reveals, "unmasking-failed"),
        "of another round": (inputs | {one: elsewhere.masked(one)}, reveals, "unmasking-failed"),
        "not masked": (inputs | {one: np.append(played.vectors[one], np.uint64(1))}, reveals, "unmasking-failed"),
        "reveal cut short": (inputs, reveals | {one: reveals[one][:-33]}, "share-wrong"),
        "all reveals cut short": (inputs, {m: reveal[:-33] for m, reveal in reveals.items()}, "share-wrong"),
        "no field's elements": (inputs, reveals | {one: b"\xff" * 165}, "share-wrong"),
    }


@pytest.mark.parametrize("kind", sorted(spoiled_sums(Played(n=5))))
def test_what_makes_no_sum_is_refused(played, kind):
    inputs, reveals, code = spoiled_sums(played)[kind]
    with pytest.raises(HedgerowError) as caught:
        played.unmasked(inputs, reveals)
    assert caught.value.code == code


def test_a_dropped_members_key_that_does_not_fit_its_public_one_is_named(played):
    late, *survivors = played.roster
    inputs, reveals = {m: played.masked(m) for m in survivors}, {m: played.revealed(m, survivors) for m in survivors}
    publics = played.publics | {late: played.publics[survivors[0]]}
    with pytest.raises(Tampered, match=late) as caught:
        unmasked(inputs, this_round=played.round, request=REQUEST, publics=publics, revealed=reveals)
    assert caught.value.code == "unmasking-failed"


def test_the_sum_does_not_depend_on_the_order_of_what_comes_in(played):
    survivors = played.roster[:4]
    inputs = {m: played.masked(m) for m in reversed(survivors)}
    reveals = {m: played.revealed(m, survivors) for m in (survivors[2], survivors[0], survivors[3], survivors[1])}
    assert (played.unmasked(inputs, reveals) == played.plain(survivors)).all()
