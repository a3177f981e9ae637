"""Somebody who can write to a node's disk, and has none of its keys, works with the coordinator: no mask comes off."""

from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import round_store
from privacy.canonical import canonical, parse
from privacy.protocol import Card, cards_of, read_dealt, with_letters
from privacy.round_keys import channel_public
from privacy.secure_aggregation import Dealer, Dealt, open_letters
from privacy.shamir import combine
from privacy.signing import PublicKey
from tests.masked import peers_of
from tests.scripted import Script, code

PLACE = 1


@pytest.fixture
def bad(tmp_path):
    """Return a script over four nodes, of which three must survive."""
    key = Ed25519PrivateKey.generate()
    peers, study = peers_of(tmp_path, PublicKey.of(key))
    return Script(key, peers, study)


def edited_cards(peer, channels):
    """Write our channel keys on the disk of a node that has dealt, in the place of its peers'."""
    (row,) = peer.books.database.rows("SELECT * FROM masking_roster")
    cards = [Card.of(each) for each in parse(row["cards"])["cards"]]
    cards = [replace(c, channel=channel_public(channels[c.node])) if c.node in channels else c for c in cards]
    with peer.books.database.transaction() as connection:
        connection.execute("UPDATE masking_roster SET cards = ?", [cards_of(cards)])
    return {card.node: card.channel for card in cards}


def peer_s_round(bad, victim, ours, cards):
    """Have the victim deal to our keys, answer it with letters of our own, and return its answer and its secrets."""
    this_round = bad.round(PLACE)
    said = bad.say(victim, "share", (PLACE,), bad.roster, content=cards_of(bad.cards(bad.roster)))
    if code(said) != "Protocol":
        return said, None
    (to_us,) = read_dealt(said.content, victim, bad.roster, 1)
    dealers = {node: Dealer(bytes(31) + bytes([i]), this_round, node) for i, node in enumerate(ours)}
    letters = {node: dealers[node].letters(ours[node], cards) for node in ours}
    shares = {}
    for node in ours:
        others = {n: Dealt(dealers[n].mask_public, letters[n][node]) for n in ours if n != node}
        shares[node] = open_letters(this_round, node, ours[node], cards, {**others, victim: to_us[node]})[victim]
    at = {node: x for x, node in enumerate(this_round.roster, start=1)}
    secrets = (
        combine({at[n]: s.self_mask for n, s in shares.items()}, this_round.threshold),
        combine({at[n]: s.mask_key for n, s in shares.items()}, this_round.threshold),
    )
    forged = {node: Dealt(dealers[node].mask_public, letters[node][victim]) for node in ours}
    content = with_letters(bad.request(bad.roster).encode(bad.key), forged)
    return bad.say(victim, "input", (PLACE,), bad.roster, content=content), (secrets, forged)


def attacked(bad):
    """Return what the victim answered, and what is under its masks if our edits were believed."""
    victim, *others = bad.roster
    bad.dealt(bad.roster)
    ours = {node: bytes([i + 1]) * 32 for i, node in enumerate(others)}
    answer, got = peer_s_round(bad, victim, ours, edited_cards(bad.peers[victim], ours))
    if got is None or code(answer) != "Release":
        return victim, answer, None
    (self_mask, mask_key), forged = got
    dealt = {node: {victim: each} for node, each in forged.items()}
    request = bad.request(bad.roster)
    return victim, answer, bad.peeled(request, victim, answer, dealt, self_mask=self_mask, mask_key=mask_key)


def test_channel_keys_that_were_edited_on_the_disk_are_dealt_nothing(bad):
    victim, answer, _ = attacked(bad)
    assert code(answer) == "ledger-tampered"
    assert not bad.peers[victim].sums.unmasked  # nothing was computed


def test_control_where_secrets_are_not_sealed_for_their_cards_the_victims_vector_is_read(bad, monkeypatch):
    monkeypatch.setattr(round_store, "_sealed_for", lambda study, place, _roster, _use: canonical([study, place]))
    victim, _, read = attacked(bad)
    np.testing.assert_array_equal(read, bad.peers[victim].sums.unmasked[PLACE])


def test_a_secret_that_was_moved_on_the_disk_is_no_secret_of_another_kind(bad):
    """Peers' shares in the place of the node's own seed, or the seed of one roster beside another's cards."""
    victim = bad.roster[0]
    dealt, request = bad.dealt(bad.roster), bad.request(bad.roster)
    assert code(bad.input(victim, request, dealt)) == "Release"
    with bad.peers[victim].books.database.transaction() as connection:
        connection.execute("UPDATE masking_round SET seed = shares")
    assert code(bad.confirm(victim, request, bad.roster)) == "ledger-tampered"


def test_a_place_whose_charge_was_taken_away_is_not_answered_for_another_roster(bad):
    """Two totals of one place over rosters that differ by one would give somebody's vector, under half the noise."""
    dealt, request = bad.dealt(bad.roster), bad.request(bad.roster)
    first = {node: bad.input(node, request, dealt) for node in bad.roster}
    assert {code(each) for each in first.values()} == {"Release"}
    fewer = bad.roster[:-1]
    for node in fewer:
        with bad.peers[node].books.database.transaction() as connection:
            for table in ("masking_round", "released", "charge"):
                connection.execute(f"DELETE FROM {table}")
    dealt, request = bad.dealt(fewer), bad.request(fewer)
    assert {code(bad.input(node, request, dealt)) for node in fewer} == {"ledger-tampered"}
