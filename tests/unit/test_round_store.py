"""What a node keeps of its rounds: sealed, no more than is needed, and gone with the study."""

from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.round_store import RoundStore
from privacy.errors import HedgerowError
from privacy.protocol import Card
from privacy.round_keys import channel_public
from privacy.signing import PublicKey
from tests.masked import WHEN, peers_of

PLACES = (1, 2)


@pytest.fixture
def kept(tmp_path):
    """Return a node's round store, its study, and everybody's cards."""
    peers, study = peers_of(tmp_path, PublicKey.of(Ed25519PrivateKey.generate()))
    here = peers[0]
    store = RoundStore(here.books.database, here.books.audit, here.keystore, now=lambda: WHEN)
    cards = {p.name: Card.sign(p.key, study.hash, channel_public(bytes([i]) * 32)) for i, p in enumerate(peers, 1)}
    return SimpleNamespace(here=here, store=store, study=study, cards=cards)


def rows(kept, table):
    return kept.here.books.database.one(f"SELECT count(*) AS n FROM {table}")["n"]


def code(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


def test_the_same_roster_keeps_its_seed_and_another_gets_a_new_one(kept):
    kept.store.deal(kept.study.hash, PLACES, kept.cards)
    first = kept.store.round(kept.study, 1).seed
    kept.store.deal(kept.study.hash, PLACES, kept.cards)
    assert kept.store.round(kept.study, 1).seed == first
    fewer = dict(list(kept.cards.items())[:3])
    kept.store.deal(kept.study.hash, PLACES, fewer)
    assert kept.store.round(kept.study, 1).seed != first


def test_a_place_that_was_asked_is_not_dealt_to_others(kept):
    kept.store.deal(kept.study.hash, PLACES, kept.cards)
    kept.store.keep(kept.study.hash, 1, "sha256:" + "1" * 64, {})
    fewer = dict(list(kept.cards.items())[:3])
    assert code(lambda: kept.store.deal(kept.study.hash, PLACES, fewer)) == "place-answered"
    assert len(kept.store.round(kept.study, 2).of.roster) == 4  # all of a deal or nothing


def test_rosters_that_no_round_uses_are_not_kept(kept):
    names = sorted(kept.cards)
    for gone in names:
        kept.store.deal(kept.study.hash, PLACES, {n: c for n, c in kept.cards.items() if n != gone})
    assert rows(kept, "masking_roster") == 1


def test_secrets_lie_sealed_on_the_disk(kept):
    kept.store.deal(kept.study.hash, PLACES, kept.cards)
    secrets = [kept.store.channel(kept.study.hash), kept.store.round(kept.study, 1).seed]
    on_disk = b"".join(path.read_bytes() for path in kept.here.home.rglob("state.db*"))
    assert kept.study.hash.encode() in on_disk  # control: the search finds what is not sealed
    assert not any(secret in on_disk for secret in secrets)


def test_a_secret_that_was_put_in_the_place_of_another_is_found(kept):
    kept.store.deal(kept.study.hash, PLACES, kept.cards)
    swap = "UPDATE masking_round SET seed = (SELECT seed FROM masking_round WHERE place = 2) WHERE place = 1"
    with kept.here.books.database.transaction() as connection:
        connection.execute(swap)
    assert code(lambda: kept.store.round(kept.study, 1)) == "ledger-tampered"


def test_all_of_it_goes_with_the_study_and_nothing_before(kept):
    kept.store.deal(kept.study.hash, PLACES, kept.cards)
    kept.store.channel(kept.study.hash)
    kept.store.forget({kept.study.hash})
    assert rows(kept, "masking_round") == 2
    kept.store.forget(())
    tables = ("masking_channel", "masking_roster", "masking_round")
    assert [rows(kept, table) for table in tables] == [0, 0, 0]
