"""A coordinator that holds its key and says whatever it likes at the doors of real nodes: it reads no node's vector.

Where an attack could read one, it is run again on nodes with one planted weakness, and then it does. What a coordinator
could do to the machines themselves is in ``test_secure_aggregation.py``.
"""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.masking import Masking
from node.round_store import RoundStore, shares_in
from privacy import secure_aggregation as machines
from privacy.canonical import canonical
from privacy.envelope import Envelope
from privacy.errors import Invalid
from privacy.masks import Masks
from privacy.private_sum import PrivateSum
from privacy.protocol import CALL, Call, Card, cards_of, with_letters
from privacy.release import NOTICE_BYTES, Notice, Protocol, Release
from privacy.request import Request
from privacy.round_keys import derived
from privacy.secure_aggregation import revealed
from privacy.signing import PublicKey, sign
from tests.masked import masked_study, peers_of
from tests.rehearsal import no_noise
from tests.scripted import Script, code

PLACE, NEXT = 1, 2  # the first sum, and its spare


@pytest.fixture
def bad(tmp_path):
    """Return a script over four nodes, of which three must survive."""
    key = Ed25519PrivateKey.generate()
    peers, study = peers_of(tmp_path, PublicKey.of(key))
    return Script(key, peers, study)


def quiet(monkeypatch):
    """Let nodes add no noise, so that what is read can be told from what is not, to the last bit."""
    noised = PrivateSum.noised
    monkeypatch.setattr(PrivateSum, "noised", lambda self: noised(self, no_noise))


def books_of(bad):
    """Return what all nodes have paid and revealed."""
    return {
        name: (
            [a.spent for a in peer.books.ledger.accounts()],
            [row["place"] for row in peer.books.database.rows("SELECT place FROM masking_round WHERE revealed != x''")],
        )
        for name, peer in bad.peers.items()
    }


def answered(bad, place=PLACE, state=None):
    """Play a round up to the masked answers of everybody."""
    dealt, request = bad.dealt(bad.roster, place), bad.request(bad.roster, place, state)
    return dealt, request, {node: bad.input(node, request, dealt) for node in bad.roster}


def test_control_an_honest_round_by_the_same_script_is_exact(bad):
    dealt, request, inputs = answered(bad)
    total = bad.total(request, inputs, dealt, bad.opened(request, bad.roster))
    had = [peer.sums.unmasked[PLACE] for peer in bad.peers.values()]
    np.testing.assert_array_equal(total, np.sum(had, axis=0, dtype=np.uint64))


# Who is in a round


def invented(bad):
    """Return a roster in which one node is a key of ours, with a good card."""
    ours = Ed25519PrivateKey.generate()
    card = Card.sign(ours, bad.study.hash, bytes(range(32)))
    roster = tuple(sorted([*bad.roster[1:], card.node]))
    return roster, [*bad.cards(bad.roster[1:]), card]


def alone(bad):
    return bad.roster[:1], bad.cards(bad.roster[:1])


def two(bad):
    return bad.roster[:2], bad.cards(bad.roster[:2])


def without_itself(bad):
    """Return a roster from which the last, who is asked too, is missing."""
    return bad.roster[:-1], bad.cards(bad.roster[:-1])


@pytest.mark.parametrize("of", [alone, two, invented, without_itself])
def test_a_roster_that_is_tiny_invented_or_of_others_is_dealt_nothing(bad, of):
    roster, cards = of(bad)
    asked = bad.roster[-1] if of is without_itself else next(n for n in roster if n in bad.peers)
    answer = bad.say(asked, "share", (PLACE,), roster, content=cards_of(cards))
    assert code(answer) == "roster-wrong"
    assert bad.peers[asked].round(PLACE) is None  # nothing was drawn
    assert isinstance(bad.share(bad.roster)[asked], Protocol)  # the control: the study's own roster is dealt to


def forged(bad, cards):
    """Sign for the last node with a key of ours."""
    return [*cards[:-1], replace(cards[-1], signature=sign(Ed25519PrivateKey.generate(), "channel-key", {}))]


def swapped(bad, cards):
    """Give the last node our channel key, under its own signature for its own."""
    return [*cards[:-1], replace(cards[-1], channel=bytes(range(32)))]


def of_another_study(bad, cards):
    """Give the card that the last node signed for another study."""
    key = bad.peers[cards[-1].node].key
    return [*cards[:-1], Card.sign(key, "sha256:" + "0" * 64, cards[-1].channel)]


def one_too_few(bad, cards):
    return cards[:-1]


def one_twice(bad, cards):
    return [*cards[:-1], cards[0]]


def one_of_ours_in_its_place(bad, cards):
    """Put a good card of our own in the place of an invited node's."""
    return [*cards[:-1], Card.sign(Ed25519PrivateKey.generate(), bad.study.hash, bytes(range(32)))]


@pytest.mark.parametrize("spoil", [forged, swapped, of_another_study, one_too_few, one_twice, one_of_ours_in_its_place])
def test_no_peer_is_invented_by_its_card(bad, spoil):
    cards = spoil(bad, bad.cards(bad.roster))
    for node, answer in bad.share(bad.roster, cards=cards).items():
        assert code(answer) in ("signature-wrong", "message-malformed")
        assert bad.peers[node].round(PLACE) is None


def test_a_request_for_another_roster_than_was_dealt_to_is_not_answered(bad):
    paid = books_of(bad)
    dealt = bad.dealt(bad.roster)
    fewer = bad.roster[:-1]
    for node in fewer:
        answer = bad.input(node, bad.request(fewer), {n: dealt[n] for n in fewer})
        assert code(answer) == "round-not-dealt"
    assert books_of(bad) == paid


def test_rosters_that_differ_by_one_are_never_both_answered_for_a_place(bad):
    _, _, inputs = answered(bad)
    assert all(isinstance(each, Release) for each in inputs.values())
    paid, fewer = books_of(bad), bad.roster[:-1]
    assert {code(a) for a in bad.share(fewer).values()} == {"place-answered"}
    for node in fewer:
        plain = bad.raw(node, bad.request(fewer).encode(bad.key))
        assert code(plain) == "round-not-dealt"
    assert books_of(bad) == paid


def test_control_totals_of_rosters_that_differ_by_one_give_the_vector(bad, monkeypatch):
    """Two places, two rosters, and no noise: the difference is the victim's vector, exactly."""
    quiet(monkeypatch)
    totals, victim = [], bad.roster[-1]
    for place, roster in ((PLACE, bad.roster), (NEXT, bad.roster[:-1])):
        dealt, request = bad.dealt(roster, place), bad.request(roster, place)
        inputs = {node: bad.input(node, request, dealt) for node in roster}
        opened = bad.opened(request, roster)
        bad.roster, whole = roster, bad.roster
        totals.append(bad.total(request, inputs, dealt, opened))
        bad.roster = whole
    np.testing.assert_array_equal(totals[0] - totals[1], bad.peers[victim].sums.unmasked[PLACE])


# Different models, same round


def apart(bad, victim):
    """Send the victim a model and everybody else a dead one, take off every mask that nodes give, and return what is
    there beside what the victim had, in those cells into which nobody else counted."""
    (place, *_) = bad.peers[victim].plan.of("evaluation", "scores-by-outcome")
    dealt = bad.dealt(bad.roster, place.index)
    states = {n: {"weights": ALIVE if n == victim else DEAD} for n in bad.roster}
    requests = {n: bad.request(bad.roster, place.index, state) for n, state in states.items()}
    inputs = {n: bad.input(n, requests[n], dealt).vector() for n in bad.roster}
    signatures = {n: bad.confirm(n, requests[n], bad.roster) for n in bad.roster}
    opened = {n: bad.unmask(n, requests[n], bad.roster, signatures) for n in bad.roster}
    total = np.sum(list(inputs.values()), axis=0, dtype=np.uint64)
    for node in bad.roster:
        masks = Masks(bad.round(place.index).binding, requests[node].hash, total.size)
        total -= masks.of_self(node, bad.secret(place.index, node, opened))
    had = bad.peers[victim].sums.unmasked[place.index]
    return tuple(ring.reshape(2, -1)[:, :-1] for ring in (total[:-1], had)), opened


ALIVE, DEAD = np.array([0.5, 0.5, -3.0]), np.array([0.0, 0.0, 99.0])  # the dead one puts everybody into the last cells


def test_of_different_models_for_different_nodes_only_noise_is_left(bad, monkeypatch):
    """Self-masks come off, as three nodes were asked alike. Masks between pairs do not: they know the request."""
    quiet(monkeypatch)
    victim = bad.roster[0]
    (read, had), opened = apart(bad, victim)
    assert code(opened[victim]) == "survivors-unconfirmed"
    assert not np.any(read == had)
    assert np.abs((read - had).view(np.int64)).min() > 2**32


def test_control_when_masks_do_not_know_the_model_the_victim_is_read(bad, monkeypatch):
    quiet(monkeypatch)
    monkeypatch.setattr(Request, "hash", property(lambda self: "sha256:" + f"{self.place:064x}"))
    (read, had), _ = apart(bad, bad.roster[0])
    np.testing.assert_array_equal(read, had)


# Who survived


def both_shares(bad, victim):
    """Ask everybody to unmask with the victim alive, then with it gone; return its vector, if that was enough."""
    dealt, request, inputs = answered(bad)
    others = tuple(n for n in bad.roster if n != victim)
    alive = bad.opened(request, bad.roster, others)
    gone = bad.opened(request, others, others)
    secrets = {"self_mask": bad.secret(PLACE, victim, alive), "mask_key": bad.secret(PLACE, victim, gone)}
    if None in secrets.values():
        return None
    return bad.peeled(request, victim, inputs[victim], dealt, **secrets)


def gives_both(monkeypatch):
    """Plant the weakness: a node that signs any set, and answers for each."""
    monkeypatch.setattr(RoundStore, "confirm", lambda *_: None)

    def unmask(self, study, call):
        kept = self._answered(study, call)
        return revealed(kept.of, call.nodes, shares_in(kept))

    monkeypatch.setattr(Masking, "unmask", unmask)


def test_both_shares_of_a_node_are_never_given(bad):
    victim = bad.roster[0]
    assert both_shares(bad, victim) is None
    kept = bad.peers[bad.roster[1]].round(PLACE)
    assert json.loads(kept["survivors"]) == list(bad.roster)  # the first set stands
    assert (kept["seed"], kept["shares"]) == (b"", b"")  # and nothing is left to give another


def test_control_nodes_that_answer_for_two_sets_give_the_vector(bad, monkeypatch):
    gives_both(monkeypatch)
    victim = bad.roster[0]
    np.testing.assert_array_equal(both_shares(bad, victim), bad.peers[victim].sums.unmasked[PLACE])


def test_two_sets_shown_to_two_halves_are_both_unconfirmed(bad):
    """No coordinator gets two sets signed by a threshold: everybody signs one, and thresholds overlap."""
    _, request, _ = answered(bad)
    first, others = bad.roster, bad.roster[1:]
    signed = {n: bad.confirm(n, request, first if i < 2 else others) for i, n in enumerate(bad.roster)}
    assert all(isinstance(each, Protocol) for each in signed.values())
    for survivors, node in itertools.product((first, others), bad.roster[1:]):
        told = {n: s for n, s in signed.items() if n in survivors}
        answer = bad.unmask(node, request, survivors, told)
        assert code(answer) in ("survivors-unconfirmed", "survivors-changed")
    assert all(not places for _, places in books_of(bad).values())


def test_fewer_than_the_threshold_or_strangers_are_no_survivors(bad):
    _, request, _ = answered(bad)
    node = bad.roster[0]
    for survivors in (bad.roster[:1], bad.roster[:2], bad.roster[1:], tuple(sorted([*bad.roster[:2], "f" * 40]))):
        assert code(bad.confirm(node, request, survivors)) in ("survivors-wrong", "roster-wrong")


@pytest.mark.parametrize("how", ["none", "few", "forged", "of another set", "of another place", "by a stranger"])
def test_no_share_without_a_threshold_of_signatures_over_this_very_set(bad, how):
    _, request, _ = answered(bad)
    good = {n: bad.confirm(n, request, bad.roster) for n in bad.roster}
    texts = {n: s.content.decode() for n, s in good.items()}
    statement = {"study": bad.study.hash, "place": PLACE, "request": request.hash, "survivors": list(bad.roster)}
    others = {"of another set": {"survivors": list(bad.roster[1:])}, "of another place": {"place": NEXT}}
    match how:
        case "none":
            texts = {}
        case "few":
            texts = dict(list(texts.items())[:2])
        case "forged":
            texts = {n: sign(bad.key, "survivors", statement).encode().decode() for n in texts}
        case "by a stranger":
            texts |= {"f" * 40: texts[bad.roster[0]]}
        case _:
            said = statement | others[how]
            texts = {n: sign(bad.peers[n].key, "survivors", said) for n in texts}
    answer = bad.say(bad.roster[0], "unmask", (PLACE,), bad.roster, request=request.hash, content=canonical(texts))
    assert code(answer) in ("survivors-unconfirmed", "message-malformed")
    assert isinstance(bad.unmask(bad.roster[0], request, bad.roster, good), Protocol)  # the control: with all of them


def called_dead_and_asked_late(bad, victim):
    """Unmask a round without the victim, whose mask key is given up for it; then let it answer, and peel off pairs."""
    dealt, request = bad.dealt(bad.roster), bad.request(bad.roster)
    others = tuple(n for n in bad.roster if n != victim)
    inputs = {node: bad.input(node, request, dealt) for node in others}
    opened = bad.opened(request, others)
    assert bad.total(request, inputs, dealt, opened) is not None  # an honest end of the round, as when a node is slow
    late = bad.input(victim, request, dealt)
    secrets = {"self_mask": bytes(32), "mask_key": bad.secret(PLACE, victim, opened)}
    peeled = bad.peeled(request, victim, late, dealt, **secrets)
    masks = Masks(bad.round(PLACE).binding, request.hash, late.vector().size)
    return peeled + masks.of_self(victim, bytes(32))[:-1]  # what was peeled off without being known is put back


def test_who_was_called_dead_and_answers_late_is_hidden_by_its_own_mask(bad):
    victim = bad.roster[0]
    read = called_dead_and_asked_late(bad, victim)
    had = bad.peers[victim].sums.unmasked[PLACE]
    assert np.abs((read - had).view(np.int64)).min() > 2**32
    assert {code(a) for a in bad.opened(bad.request(bad.roster), bad.roster).values()} == {"survivors-unconfirmed"}


def test_control_with_one_mask_for_each_pair_and_none_of_its_own_it_is_read(bad, monkeypatch):
    """Why masks are double (Bonawitz et al. 2017, section 4)."""
    monkeypatch.setattr(Masks, "of_self", lambda self, *_: np.zeros(self.size, np.uint64))
    victim = bad.roster[0]
    read = called_dead_and_asked_late(bad, victim)
    np.testing.assert_array_equal(read, bad.peers[victim].sums.unmasked[PLACE])


def test_nodes_that_deal_anew_strand_an_answer_that_was_given_for_the_roster_before(bad):
    """One node answers; the others, who have not, deal to each other without it. What it sent opens for nobody."""
    victim, *rest = bad.roster
    dealt, request = bad.dealt(bad.roster), bad.request(bad.roster)
    assert isinstance(bad.input(victim, request, dealt), Release)
    fewer = tuple(rest)
    again, smaller = bad.dealt(fewer), bad.request(fewer)
    for node in fewer:
        assert code(bad.input(node, request, dealt)) == "round-not-dealt"  # of the roster before nothing is left
        assert isinstance(bad.input(node, smaller, again), Release)
    assert {code(bad.confirm(node, request, bad.roster)) for node in fewer} == {"round-not-dealt"}
    assert all(isinstance(each, Protocol) for each in bad.opened(smaller, fewer).values())
    assert code(bad.unmask(victim, request, bad.roster, {})) == "survivors-unconfirmed"


# One round and the next


def alive_then_dropped(bad, victim):
    """Open the victim's self-mask in one round and its mask key in the next; use both on the first."""
    dealt, request, inputs = answered(bad)
    alive = bad.opened(request, bad.roster)
    _, second, _ = answered(bad, NEXT)
    others = tuple(n for n in bad.roster if n != victim)
    gone = bad.opened(second, others)
    secrets = {"self_mask": bad.secret(PLACE, victim, alive), "mask_key": bad.secret(NEXT, victim, gone)}
    assert None not in secrets.values()  # each kind is given, as it must be: of another round
    return bad.peeled(request, victim, inputs[victim], dealt, **secrets)


def test_alive_in_one_round_and_dropped_in_the_next_is_read_in_neither(bad):
    victim = bad.roster[0]
    assert not np.any(alive_then_dropped(bad, victim) == bad.peers[victim].sums.unmasked[PLACE])


def test_control_a_mask_key_for_life_gives_the_vector(bad, monkeypatch):
    drawn = machines.Dealer._drawn

    def for_life(self, seed, use):
        if use == "self-mask":
            return drawn(self, seed, use)
        secret = derived(self.node.encode()[:32], "", self.node, use)
        threshold, holders = self.round.threshold, len(self.round.roster)
        randomness = bytes(machines.shamir.COEFFICIENT_BYTES * (threshold - 1))
        return secret, machines.shamir.split(secret, holders=holders, threshold=threshold, randomness=randomness)

    monkeypatch.setattr(machines.Dealer, "_drawn", for_life)
    victim = bad.roster[0]
    np.testing.assert_array_equal(alive_then_dropped(bad, victim), bad.peers[victim].sums.unmasked[PLACE])


# Again, and after a restart


def restarted(bad):
    for peer in bad.peers.values():
        peer.approve(bad.study)


@pytest.mark.parametrize("between", [lambda _: None, restarted])
def test_asked_again_a_node_says_the_same_bytes_at_no_charge(bad, between):
    dealt, request, inputs = answered(bad)
    opened = bad.opened(request, bad.roster)
    paid = books_of(bad)
    between(bad)
    assert {n: bad.input(n, request, dealt) for n in bad.roster} == inputs
    assert bad.opened(request, bad.roster) == opened
    assert books_of(bad) == paid


def test_a_round_that_has_served_is_not_dealt_again(bad):
    _, request, _ = answered(bad)
    bad.opened(request, bad.roster)
    assert {code(answer) for answer in bad.share(bad.roster).values()} == {"place-answered"}


def test_letters_of_one_round_open_nothing_in_another(bad):
    first = bad.dealt(bad.roster, PLACE)
    bad.dealt(bad.roster, NEXT)
    paid = books_of(bad)
    answer = bad.input(bad.roster[0], bad.request(bad.roster, NEXT), first)
    assert code(answer) == "letter-wrong"
    assert books_of(bad) == paid


@pytest.mark.parametrize("charge", ["its own", "of the newest leaf", "of no leaf", "gone"])
def test_a_state_put_back_to_before_the_unmasking_gives_no_second_kind(bad, charge):
    """Whoever controls a node's disk puts back the row as it was: the log remembers that it was unmasked.

    An edit of the place's charge does not help, nor to take it away, so that the place would be paid for anew.
    """
    dealt, request, _ = answered(bad)
    node, others = bad.roster[1], bad.roster[1:]
    database = bad.peers[node].books.database
    before = tuple(bad.peers[node].round(PLACE))
    bad.opened(request, bad.roster)
    with database.transaction() as connection:
        marks = ", ".join("?" * len(before))
        connection.execute(f"INSERT OR REPLACE INTO masking_round VALUES ({marks})", before)
        edits = {"of the newest leaf": "(SELECT max(position) FROM audit_leaf)", "of no leaf": "999"}
        if charge in edits:
            connection.execute(f"UPDATE charge SET leaf = {edits[charge]} WHERE place = ?", (PLACE,))
        if charge == "gone":
            connection.execute("DELETE FROM released")
            connection.execute("DELETE FROM charge")
    if charge == "gone":
        assert code(bad.input(node, request, dealt)) == "ledger-tampered"
    for peer in bad.peers.values():  # the others are with the coordinator: they sign what it likes
        if peer.name != node:
            with peer.books.database.transaction() as connection:
                connection.execute("UPDATE masking_round SET survivors = '' WHERE place = ?", (PLACE,))
    signatures = {n: bad.confirm(n, request, others) for n in others}
    assert code(bad.unmask(node, request, others, signatures)) == "ledger-tampered"


# What is no message, or comes out of turn


def test_every_stage_out_of_its_turn_is_refused(bad):
    request = bad.request(bad.roster)
    node = bad.roster[0]
    letters = {peer: {node: machines.Dealt(bytes(32), bytes(machines.LETTER_BYTES))} for peer in bad.roster[1:]}
    assert code(bad.input(node, request, letters)) == "round-not-dealt"
    assert code(bad.confirm(node, request, bad.roster)) == "round-not-dealt"
    assert code(bad.unmask(node, request, bad.roster, {})) == "round-not-dealt"
    dealt = bad.dealt(bad.roster)
    assert code(bad.confirm(node, request, bad.roster)) == "round-not-dealt"  # nobody has answered yet
    bad.input(node, request, dealt)
    assert code(bad.unmask(node, request, bad.roster, {})) == "survivors-unconfirmed"


def test_masks_are_not_left_off(bad):
    """A request without letters, as for a study that has no masking, gets no answer that anybody could read."""
    bad.dealt(bad.roster)
    assert code(bad.raw(bad.roster[0], bad.request(bad.roster).encode(bad.key))) == "round-not-dealt"


def test_a_threshold_is_nothing_that_a_coordinator_can_say(bad):
    header = {"stage": "share", "study": bad.study.hash, "places": [PLACE], "nodes": list(bad.roster), "request": ""}
    content = cards_of(bad.cards(bad.roster))
    for more in ({"threshold": 1}, {"quorum": 1}, {"colluders": 0}):
        said = Envelope.seal(bad.key, CALL, {**header, **more}, content).encode()
        assert code(bad.raw(bad.roster[0], said)) == "message-malformed"
    said = Envelope.seal(bad.key, CALL, header, content).encode()
    assert isinstance(bad.raw(bad.roster[0], said), Protocol)  # the control: without it


@pytest.mark.parametrize("terms", [{"quorum": 2}, {"colluders": 0}, {"colluders": 3}, {"quorum": 5}])
def test_no_study_has_a_threshold_that_keeps_no_promise(bad, terms):
    with pytest.raises(Invalid):
        masked_study(list(bad.peers.values()), **terms)


ODD_PLACES = [[], [0], [-1], [1, 1], [2, 1], [True], ["1"], [1.5], [2**53 - 1], [999], list(range(1, 40))]
ODD_NODES = [[], ["x"], [1], [["a"]], ["f" * 40] * 3, [f"{i:040x}" for i in range(2_000)]]


@pytest.mark.parametrize("stage", ["share", "input", "confirm", "unmask"])
def test_whatever_a_message_holds_the_answer_is_one_notice(bad, stage):
    """Each is signed by the coordinator, who may say anything; none is answered, and no node reveals or pays."""
    dealt, request, _ = answered(bad)
    signatures = {n: bad.confirm(n, request, bad.roster) for n in bad.roster}
    paid, node = books_of(bad), bad.roster[0]
    letters = {peer: to[node] for peer, to in dealt.items() if peer != node}
    good = {
        "share": cards_of(bad.cards(bad.roster)),
        "input": with_letters(request.encode(bad.key), letters),
        "confirm": b"",
        "unmask": canonical({n: s.content.decode() for n, s in signatures.items()}),
    }[stage]
    of = "" if stage in ("share", "input") else request.hash
    header = {"stage": stage, "study": bad.study.hash, "places": [PLACE], "nodes": list(bad.roster), "request": of}
    odd = [header | {"places": places} for places in ODD_PLACES]
    odd += [header | {"nodes": nodes} for nodes in ODD_NODES]
    odd += [header | {"request": "sha256:" + "0" * 64}, header | {"request": 7}, header | {"study": "x"}]
    odd += [header | {"stage": "reveal"}, header | {"more": 1}, {}]
    contents = [b"", b"{", b"\x00" * 99, b"[]", good + b"\x00", good[:-1], good[1:], bytes(2**20)]
    said = [Envelope.seal(bad.key, CALL, h, good).encode() for h in odd]
    said += [Envelope.seal(bad.key, CALL, header, c).encode() for c in contents if c != good]
    whole = Envelope.seal(bad.key, CALL, header, good).encode()
    said += [whole[:length] for length in (0, 1, 10, len(whole) // 2, len(whole) - 1)]
    said += [Envelope.seal(Ed25519PrivateKey.generate(), CALL, header, good).encode()]
    for content in said:
        if content == whole:
            continue
        raw = bad.peers[node].send(content)
        assert len(raw) == NOTICE_BYTES, content[:200]
        assert isinstance(bad.raw(node, content), Notice)
    assert books_of(bad) == paid
    Call.decode(whole, bad.peers[node].coordinator)  # the control: the whole one is a call
