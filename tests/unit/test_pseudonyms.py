"""A pseudonym is the same within its domain, shares nothing with another, and is HMAC-SHA256 as the RFC has it."""

import hashlib
import hmac
import re

import numpy as np
import pytest

from privacy.pseudonyms import HELD_BACK_SHARE, Domain, Pseudonyms, domain_key, held_back
from tests.nodes import nhs_numbers

ROOT = bytes(range(32))
HERE = Domain("records", "nhs_number", 1)
NUMBERS = [n.encode() for n in nhs_numbers(2_000)]


def test_a_pseudonym_is_key_id_and_128_bits_of_hmac():
    pseudonyms = Pseudonyms.under(ROOT, HERE).of(NUMBERS)
    expected = [hmac.digest(domain_key(ROOT, HERE), n, "sha256")[:16].hex() for n in NUMBERS]
    assert pseudonyms.tolist() == [f"k1.{digits}" for digits in expected]
    assert re.fullmatch(r"k1\.[0-9a-f]{32}", pseudonyms[0])


def test_the_same_value_has_the_same_pseudonym_and_two_values_have_two():
    under = Pseudonyms.under(ROOT, HERE)
    assert under.of(NUMBERS).tolist() == under.of(np.array(NUMBERS)).tolist()
    assert len(set(under.of(NUMBERS))) == len(NUMBERS)


@pytest.mark.parametrize(
    "other",
    [Domain("linkage", "nhs_number", 1), Domain("records", "local_id", 1), Domain("records", "nhs_number", 2)],
)
def test_two_domains_share_no_value(other):
    bits = {p.split(".")[1] for p in Pseudonyms.under(ROOT, HERE).of(NUMBERS)}
    assert not bits & {p.split(".")[1] for p in Pseudonyms.under(ROOT, other).of(NUMBERS)}


def test_names_cannot_be_joined_to_look_like_another_domain():
    assert domain_key(ROOT, Domain("a|b", "c", 1)) != domain_key(ROOT, Domain("a", "b|c", 1))
    assert domain_key(ROOT, Domain("a", "b", 1)) != domain_key(bytes(32), Domain("a", "b", 1))


def test_the_key_is_not_shown():
    under = Pseudonyms.under(ROOT, HERE)
    assert under.key.hex() not in repr(under)
    assert repr(under.key) not in repr(under)


def test_no_values_give_no_pseudonyms():
    assert Pseudonyms.under(ROOT, HERE).of([]).tolist() == []
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
