"""A coordinator that does everything but break ciphers reads no node's vector; each attack reads it when we are weak.

Every attack is written once, and run twice: on the machines as they are, where it ends in an error or in noise, and on
machines with one planted weakness, where the same lines return the victim's vector, exactly. What the node's door must
refuse besides (a second reveal, a place asked twice, a roster of strangers) is attacked there, not here.
"""

import itertools
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from privacy import secure_aggregation as machines
from privacy import shamir
from privacy.errors import HedgerowError
from privacy.masks import Masks
from privacy.round_keys import KEY_BYTES, channel_public, derived
from privacy.secure_aggregation import Dealer, Dealt, Round, masked, open_letters, revealed
from tests import aggregation
from tests.aggregation import REQUEST, Played

DEAD_REQUEST = "sha256:" + "de" * 32
SHARE = shamir.SHARE_BYTES


def share_of(one, reveal, member):
    """Return a member's one share from what a node revealed."""
    at = SHARE * one.roster.index(member)
    return reveal[at : at + SHARE]


def combined(one, shares):
    """Return a secret from shares by holder, as many as the coordinator could get."""
    return shamir.combine({one.roster.index(h) + 1: share for h, share in shares.items()}, one.round.threshold)


def peeled(one, victim, *, self_mask, mask_key, of=None):
    """Return what is under a victim's masks, if these are its secrets."""
    whole = one.masked(victim)
    masks = machines.Masks((of or one).round.binding, REQUEST, whole.size)
    peers = {m: one.publics[m] for m in one.roster if m != victim}
    return (whole - masks.of_self(victim, self_mask) - masks.of_pairs(victim, mask_key, peers))[:-1]


# The attacks: each returns the vector it claims to be the victim's, with the round it was in


def ask_two_halves_for_two_kinds_of_share():
    """Show half of the nodes a surviving set with the victim, the others one without; colluders give both kinds."""
    one = Played(n=7, quorum=3, colluders=1)
    victim, colluder, *honest = one.roster
    everybody, without = one.roster, tuple(m for m in one.roster if m != victim)
    for shown in itertools.product((True, False), repeat=len(honest)):
        alive = {h: share_of(one, one.revealed(h, everybody), victim) for h, s in zip(honest, shown, strict=True) if s}
        gone = {h: share_of(one, one.revealed(h, without), victim) for h, s in zip(honest, shown, strict=True) if not s}
        held = one.shares[colluder][victim]
        try:
            self_mask = combined(one, alive | {colluder: held.self_mask})
            mask_key = combined(one, gone | {colluder: held.mask_key})
        except HedgerowError:
            continue
        return one, victim, peeled(one, victim, self_mask=self_mask, mask_key=mask_key)
    return one, victim, None


def have_it_alive_in_one_round_and_dropped_in_the_next():
    """Open the self-mask of one round, the mask key of the next, and use both on the first."""
    first = Played(n=5, place=0)
    second = Played(n=5, place=1, channels=first.channels)
    victim, *others = first.roster
    alive = {m: share_of(first, first.revealed(m, first.roster), victim) for m in others}
    gone = {m: share_of(second, second.revealed(m, tuple(others)), victim) for m in others}
    secrets = {"self_mask": combined(first, alive), "mask_key": combined(second, gone)}
    return first, victim, peeled(first, victim, **secrets)


def replay_the_deal_of_an_earlier_round():
    """Have everybody hold the old shares in the new round, where the victim is dropped: the other kind of share."""
    first = Played(n=5, place=0)
    again = replace(first.round, place=1)
    victim, *others = first.roster
    alive = {m: share_of(first, first.revealed(m, first.roster), victim) for m in others}
    gone = {}
    for m in others:
        shares = open_letters(again, m, first.channels[m], first.cards, first.dealt(m))
        reveal = revealed(again, tuple(others), shares | {m: first.dealers[m].own})
        gone[m] = share_of(first, reveal, victim)
    secrets = {"self_mask": combined(first, alive), "mask_key": combined(first, gone)}
    return first, victim, peeled(first, victim, **secrets)


def send_the_others_a_dead_model():
    """Send the victim the model and everybody else one whose gradient is zero (Pasquini et al., CCS 2022)."""
    one = Played(n=5)
    victim, *others = one.roster
    one.vectors |= {m: np.zeros(one.width, np.uint64) for m in others}
    inputs = {victim: one.masked(victim), **{m: one.masked(m, DEAD_REQUEST) for m in others}}
    return one, victim, one.unmasked(inputs, {m: one.revealed(m, one.roster) for m in one.roster})


def be_everybody_else():
    """Give the victim mask keys of our own beside its peers' real letters, and take off what we know."""
    one = Played(n=5)
    victim, *others = one.roster
    ours = {m: bytes([i]) * 32 for i, m in enumerate(others, start=1)}
    dealt = {m: Dealt(channel_public(ours[m]), one.letters[m][victim]) for m in others}
    open_letters(one.round, victim, one.channels[victim], one.cards, dealt)
    publics = {m: d.mask_public for m, d in dealt.items()}
    whole = masked(one.vectors[victim], dealer=one.dealers[victim], publics=publics, request=REQUEST)
    masks = machines.Masks(one.round.binding, REQUEST, whole.size)
    for m, key in ours.items():
        whole += masks.of_pairs(m, key, {victim: one.publics[victim]})  # the opposite of what the victim added
    self_mask = combined(one, {m: share_of(one, one.revealed(m, one.roster), victim) for m in others})
    return one, victim, (whole - masks.of_self(victim, self_mask))[:-1]


def leave_the_victim_alone_with_a_colluder():
    """Say that nobody else survived, and subtract the colluder's vector from the total."""
    one = Played(n=5)
    victim, colluder, *_ = survivors = one.roster[:2]
    inputs = {m: one.masked(m) for m in survivors}
    reveals = {m: one.revealed(m, survivors) for m in one.roster}  # everybody answers what it is asked
    reveals = {m: reveal for m, reveal in reveals.items() if m in survivors}
    return one, victim, one.unmasked(inputs, reveals) - one.vectors[colluder]


def take_the_victims_channel_key_when_the_round_is_over():
    """Open the letters that the victim wrote, kept from the wire, with the one key of its that outlives the round."""
    one = Played(n=5)
    victim, *others = one.roster
    secrets = machines.shared_secrets(one.channels[victim], {m: one.cards[m] for m in others})
    shares = {}
    for m in others:
        uses = (one.round.binding, "letter", victim, m, one.publics[victim])
        with suppress(InvalidTag):
            cipher = ChaCha20Poly1305(machines.derived(secrets[m], *uses))
            shares[m] = cipher.decrypt(bytes(12), one.letters[victim][m], None)
    if len(shares) < one.round.threshold:
        return one, victim, None
    mask_key = combined(one, {m: both[:SHARE] for m, both in shares.items()})
    self_mask = combined(one, {m: both[SHARE:] for m, both in shares.items()})
    return one, victim, peeled(one, victim, self_mask=self_mask, mask_key=mask_key)


def ask_again_with_one_node_fewer():
    """Have all others mask the same vector without the victim: the difference is what each shares with it."""
    one = Played(n=5)
    victim, *others = one.roster
    small = Round(one.study, one.place, tuple(others), one.quorum, one.colluders)
    dealers = {m: Dealer(one.seeds[m], small, m) for m in others}
    publics = {m: dealer.mask_public for m, dealer in dealers.items()}
    whole = one.masked(victim)
    for m in others:
        whole += one.masked(m) - masked(one.vectors[m], dealer=dealers[m], publics=publics, request=REQUEST)
    self_mask = combined(one, {m: share_of(one, one.revealed(m, one.roster), victim) for m in others})
    masks = machines.Masks(one.round.binding, REQUEST, whole.size)
    return one, victim, (whole - masks.of_self(victim, self_mask))[:-1]


# The weaknesses: each is what another design might have done


def a_threshold_of_half(monkeypatch):
    monkeypatch.setattr(Round, "__post_init__", lambda _: None)
    monkeypatch.setattr(machines, "threshold_of", lambda nodes, _quorum: nodes // 2)


def a_mask_key_for_life(monkeypatch):
    class ForLife(Dealer):
        def _drawn(self, seed, use):
            if use != "mask key":
                return super()._drawn(seed, use)
            split = {"holders": len(self.round.roster), "threshold": self.round.threshold}
            secret = derived(b"for life", "", self.node)
            return secret, shamir.split(secret, **split, randomness=bytes(48 * (self.round.threshold - 1)))

    monkeypatch.setattr(aggregation, "Dealer", ForLife)


def keys_that_know_no_round(monkeypatch):
    monkeypatch.setattr(Round, "binding", "")


def masks_that_know_no_request(monkeypatch):
    monkeypatch.setattr(machines, "Masks", lambda binding, _request, size: Masks(binding, "", size))


def letters_that_know_no_mask_key(monkeypatch):
    def loose(secret, binding, *uses):
        if uses[0] == "letter":
            secret, uses = secret[:KEY_BYTES], uses[:-1]  # of the channel keys alone
        return derived(secret, binding, *uses)

    monkeypatch.setattr(machines, "derived", loose)


def a_threshold_of_two(monkeypatch):
    monkeypatch.setattr(Round, "__post_init__", lambda _: None)
    monkeypatch.setattr(machines, "threshold_of", lambda _nodes, _quorum: 2)


ATTACKS = [
    (ask_two_halves_for_two_kinds_of_share, a_threshold_of_half, None),
    (have_it_alive_in_one_round_and_dropped_in_the_next, a_mask_key_for_life, None),
    (replay_the_deal_of_an_earlier_round, keys_that_know_no_round, "letter-wrong"),
    (send_the_others_a_dead_model, masks_that_know_no_request, "unmasking-failed"),
    (be_everybody_else, letters_that_know_no_mask_key, "letter-wrong"),
    (take_the_victims_channel_key_when_the_round_is_over, letters_that_know_no_mask_key, None),
    (ask_again_with_one_node_fewer, keys_that_know_no_round, None),
    (leave_the_victim_alone_with_a_colluder, a_threshold_of_two, "survivors-wrong"),
]
EACH = pytest.mark.parametrize(("attack", "weakness", "code"), ATTACKS, ids=[a[0].__name__ for a in ATTACKS])


def reads_the_victim(attack):
    one, victim, claimed = attack()
    return claimed is not None and bool((claimed == one.vectors[victim]).all())


@EACH
def test_it_ends_in_an_error_or_in_noise(attack, weakness, code):
    if code is None:
        assert not reads_the_victim(attack)
    else:
        with pytest.raises(HedgerowError) as caught:
            attack()
        assert caught.value.code == code


@EACH
def test_control_a_weak_machine_gives_the_victims_vector(attack, weakness, code, monkeypatch):
    weakness(monkeypatch)
    assert reads_the_victim(attack)


# Why survivors sign who they are before anything is unmasked


def test_control_without_signatures_ten_nodes_shown_different_sets_unmask_a_total_of_six():
    """Kinds of share do not meet here: four members are called dead, each by seven, and never two by all the same."""
    one = Played(n=10, quorum=3, colluders=1)
    assert one.round.threshold == 7
    (colluder, *honest), dead = one.roster[:6], one.roster[6:]
    spared = {h: dead[i % 4] for i, h in enumerate(honest)} | {d: d for d in dead}
    shown = {h: tuple(m for m in one.roster if m not in dead or m == spared[h]) for h in spared}
    said = {h: one.revealed(h, survivors) for h, survivors in shown.items()}  # seven survivors each: all in order
    total = np.sum([one.masked(m) for m in one.roster[:6]], axis=0, dtype=np.uint64)
    masks = Masks(one.round.binding, REQUEST, total.size)
    for m in one.roster[:6]:
        shares = {h: share_of(one, said[h], m) for h in said}
        total -= masks.of_self(m, combined(one, shares))
    for m in dead:
        shares = {h: share_of(one, said[h], m) for h in said if m not in shown[h]}
        key = combined(one, shares | {colluder: one.shares[colluder][m].mask_key})
        total += masks.of_pairs(m, key, {alive: one.publics[alive] for alive in one.roster[:6]})
    assert (total[:-1] == one.plain(one.roster[:6])).all()
    # signed by whom each was shown to, and by the colluder: of seven signatures, no set has more than four
    assert max(Counter(shown.values()).values()) + 1 == 4


# What the attackers may know and what lies on the wire


def what_colluders_leave(one, victim, colluders):
    """Take off the victim's vector every mask that these colluders and the coordinator know together."""
    whole = one.masked(victim)
    masks = Masks(one.round.binding, REQUEST, whole.size)
    whole -= masks.of_self(victim, one.dealers[victim].self_mask)  # a survivor's is opened
    for m in colluders:
        whole += masks.of_pairs(m, one.dealers[m].mask_key, {victim: one.publics[victim]})
    return whole[:-1]


@pytest.mark.parametrize("n", [3, 6, 9])
def test_all_but_one_honest_peer_together_find_noise(n):
    """More than the colluders a study tolerates: one honest peer is enough to hide the vector in its sum with ours."""
    one = Played(n=n, width=512)
    victim, honest, *others = one.roster
    left = what_colluders_leave(one, victim, others) - one.vectors[victim]
    assert is_uniform(left)
    total = one.summed(one.roster) - np.sum([one.vectors[m] for m in others] or [0], axis=0, dtype=np.uint64)
    assert (total == one.vectors[victim] + one.vectors[honest]).all()  # what they may know


def test_control_with_every_peer_against_it_a_node_is_read():
    one = Played(n=6)
    victim, *others = one.roster
    assert (what_colluders_leave(one, victim, others) == one.vectors[victim]).all()


def is_uniform(ring):
    """Say whether the bytes are spread as random ones are: chi squared of 255 degrees of freedom, six deviations."""
    counts = np.bincount(np.frombuffer(ring.tobytes(), np.uint8), minlength=256)
    expected = ring.nbytes / 256
    return abs(((counts - expected) ** 2 / expected).sum() - 255) < 6 * (2 * 255) ** 0.5


def on_the_wire(width=4096):
    """Return the masked vectors of nodes that all hold zeros, over two rounds."""
    for place in (0, 1):
        one = Played(n=4, width=width, place=place)
        one.vectors = {m: np.zeros(width, np.uint64) for m in one.roster}
        yield from (one.masked(m) for m in one.roster)


def test_bytes_on_the_wire_say_nothing_of_zeros_and_nodes_and_rounds_have_nothing_in_common():
    wires = list(on_the_wire())
    assert all(is_uniform(wire) for wire in wires)
    assert all(is_uniform(one - other) for one, other in itertools.combinations(wires, 2))


def test_control_without_streams_or_with_one_for_all_rounds_bytes_are_not_random(monkeypatch):
    with monkeypatch.context() as weak:
        weak.setattr(Round, "binding", "")
        wires = list(on_the_wire())
        assert not all(is_uniform(one - other) for one, other in itertools.combinations(wires, 2))
    monkeypatch.setattr(Masks, "_ring", lambda masks, _: np.zeros(masks.size, np.uint64))
    assert not any(is_uniform(wire) for wire in on_the_wire())
