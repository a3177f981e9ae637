"""A pseudonym is the same within its domain, shares nothing with another, and is HMAC-SHA256 as the RFC has it."""

import hashlib
import hmac
import re

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from privacy.errors import Refusal, Tampered
from privacy.pseudonyms import (
    HELD_BACK_SHARE,
    Domain,
    Pseudonyms,
    Reversible,
    Tag,
    bits_of,
    domain_key,
    held_back,
    spelled,
)
from tests.nodes import nhs_numbers

ROOT = bytes(range(32))
HERE = Domain("records", "nhs_number", 1)
NUMBERS = [n.encode() for n in nhs_numbers(2_000)]
REVERSIBLE = Reversible(HERE, domain_key(ROOT, HERE, "r"))


def test_a_pseudonym_is_key_id_and_128_bits_of_hmac():
    pseudonyms = Pseudonyms.under(ROOT, HERE).of(NUMBERS)
    expected = [hmac.digest(domain_key(ROOT, HERE), n, "sha256")[:16].hex() for n in NUMBERS]
    assert pseudonyms.tolist() == [f"k1.{digits}" for digits in expected]
    assert re.fullmatch(r"k1\.[0-9a-f]{32}", pseudonyms[0])


def test_the_same_value_has_the_same_pseudonym_and_two_values_have_two():
    under = Pseudonyms.under(ROOT, HERE)
    assert under.of(NUMBERS).tolist() == under.of(np.array(NUMBERS)).tolist()
    assert len(set(under.of(NUMBERS))) == len(NUMBERS)


OTHERS = [
    (Domain("linkage", "nhs_number", 1), "k"),
    (Domain("records", "local_id", 1), "k"),
    (Domain("records", "nhs_number", 2), "k"),
    (HERE, "r"),
    (Domain("linkage", "nhs_number", 1), "r"),
]


@pytest.mark.parametrize(("other", "mode"), OTHERS)
def test_two_domains_share_no_value(other, mode):
    here, there = Pseudonyms.under(ROOT, HERE).bits(NUMBERS), Pseudonyms.under(ROOT, other, mode).bits(NUMBERS)
    assert not set(map(bytes, here)) & set(map(bytes, there))
    assert not related(here, there)


def test_reversible_domains_are_not_related_either():
    here, there = (Pseudonyms.under(ROOT, d, "r").bits(NUMBERS) for d in (HERE, Domain("records", "nhs_number", 2)))
    assert not related(here, there)


def test_a_relation_would_be_found():
    here = Pseudonyms.under(ROOT, HERE).bits(NUMBERS)
    mask = np.frombuffer(bytes(range(16)), np.uint8)
    assert related(here, here ^ mask)
    assert related(here, here[:, ::-1])


def related(left, right):
    """Say whether any bit of one follows a bit of the other: beyond six standard deviations of 2,000 fair coins."""
    a, b = (np.unpackbits(bits, axis=1).astype(np.float64) * 2 - 1 for bits in (left, right))
    return bool((np.abs(a.T @ b) / np.sqrt(len(a)) > 6).any())


def test_names_cannot_be_joined_to_look_like_another_domain():
    assert domain_key(ROOT, Domain("a|b", "c", 1)) != domain_key(ROOT, Domain("a", "b|c", 1))
    assert domain_key(ROOT, Domain("a", "b", 1)) != domain_key(bytes(32), Domain("a", "b", 1))


def test_the_key_is_not_shown():
    under = Pseudonyms.under(ROOT, HERE)
    assert under.key.hex() not in repr(under)
    assert repr(under.key) not in repr(under)


def test_no_values_give_no_pseudonyms():
    assert Pseudonyms.under(ROOT, HERE).of([]).tolist() == []
    assert Pseudonyms.under(ROOT, HERE, "r").of([]).tolist() == []
    assert REVERSIBLE.numbers(np.zeros((0, 16), np.uint8)).tolist() == []
    assert held_back(ROOT, []).tolist() == []


def test_held_back_is_a_quarter_by_the_first_eight_bytes():
    expected = [int.from_bytes(hmac.digest(ROOT, n, "sha256")[:8]) / 2**64 < HELD_BACK_SHARE for n in NUMBERS]
    assert held_back(ROOT, NUMBERS).tolist() == expected
    assert abs(np.mean(expected) - HELD_BACK_SHARE) < 0.04  # four standard deviations of 2,000 draws; fixed key


def test_who_is_held_back_depends_on_the_federation_key_alone():
    assert held_back(ROOT, NUMBERS[:5]).tolist() == held_back(ROOT, NUMBERS).tolist()[:5]
    assert held_back(ROOT, NUMBERS).tolist() != held_back(bytes(32), NUMBERS).tolist()


@pytest.mark.parametrize("size", [1, 32, 64, 65, 200])
def test_keys_of_any_size_are_treated_as_the_rfc_says(size):
    key = hashlib.sha256(b"x").digest() * 7
    expected = [int.from_bytes(hmac.digest(key[:size], n, "sha256")[:8]) < 2**62 for n in NUMBERS[:50]]
    assert held_back(key[:size], NUMBERS[:50]).tolist() == expected


# The reversible mode


def test_a_reversible_pseudonym_is_one_block_of_aes_256_over_zeros_and_the_number():
    expected = []
    for number in NUMBERS[:50]:
        encryptor = Cipher(AES(REVERSIBLE.key), ECB()).encryptor()
        expected.append(encryptor.update(bytes(8) + int(number).to_bytes(8)) + encryptor.finalize())
    assert REVERSIBLE.of(NUMBERS[:50]).tolist() == [f"r1.{block.hex()}" for block in expected]
    assert REVERSIBLE.bits(NUMBERS).tolist() == REVERSIBLE.bits_of(np.array(NUMBERS).astype(np.int64)).tolist()


def test_the_key_turns_a_reversible_pseudonym_back():
    bits = REVERSIBLE.bits(NUMBERS)
    assert REVERSIBLE.numbers(bits).tolist() == [int(n) for n in NUMBERS]
    assert len(set(map(bytes, bits))) == len(NUMBERS)


@pytest.mark.parametrize("wrong", ["another key", "made up", "one bit", "another mode", "not a person's number"])
def test_what_the_key_did_not_make_is_found(wrong):
    bits = REVERSIBLE.bits(NUMBERS[:20]).copy()
    match wrong:
        case "another key":
            bits = Pseudonyms.under(bytes(32), HERE, "r").bits(NUMBERS[:20])
        case "made up":
            bits[7] = np.frombuffer(bytes(range(16)), np.uint8)
        case "one bit":
            bits[7, 3] ^= 1
        case "another mode":
            bits = Pseudonyms.under(ROOT, HERE).bits(NUMBERS[:20])
        case _:
            bits = REVERSIBLE.bits_of(np.array([int(NUMBERS[0]) + 1]))
    with pytest.raises(Tampered) as told:
        REVERSIBLE.numbers(bits)
    assert told.value.code == "pseudonym-foreign"


# Text and bytes


@pytest.mark.parametrize("tag", [Tag("k", 1), Tag("r", 1), Tag("k", 12), Tag("r", 340)])
def test_text_and_bytes_say_the_same(tag):
    bits = Pseudonyms.under(ROOT, HERE).bits(NUMBERS[:9])
    texts = spelled(bits, tag)
    assert texts.tolist() == [f"{tag}.{b.tobytes().hex()}".encode() for b in bits]
    assert np.array_equal(bits_of(texts, tag), bits)
    assert np.array_equal(bits_of(texts.astype(str), tag), bits)
    assert {Tag.of(text.decode()) for text in texts.tolist()} == {tag}


@pytest.mark.parametrize("text", ["", "k1", "k2." + "0" * 32, "r1." + "0" * 32, "k1." + "0" * 31, "k1." + "A" * 32])
def test_other_texts_are_refused(text):
    with pytest.raises(Refusal) as told:
        bits_of(np.array([text]), Tag("k", 1))
    assert told.value.code == "pseudonym-malformed"
    with pytest.raises(Refusal):
        bits_of(np.array(["k1." + "0" * 33]), Tag("k", 1))


@pytest.mark.parametrize("text", ["", "k", "k0", "k01", "x1", "k1.", "k1.00", "K1", "k1 ", "k1\n", "k\u0661"])
def test_other_tags_are_refused(text):
    with pytest.raises(Refusal) as told:
        Tag.of(text)
    assert told.value.code == "pseudonym-malformed"
