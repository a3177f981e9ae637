"""Keys and streams are those of the standards, some computed here a second time; every use has a key of its own."""

import hashlib
import hmac
import os

import numpy as np
import pytest

from privacy.errors import Tampered
from privacy.masks import Masks
from privacy.round_keys import channel_public, derived, shared_secrets, stream
from tests.aggregation import REQUEST, names

# RFC 7748, section 6.1
ALICE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
ALICE_PUBLIC = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
BOB_PUBLIC = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
SHARED = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
# RFC 8439, appendix A.1, first vector: key, nonce and counter all zero
ZERO_STREAM = "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"

NO_KEYS = {
    "zero": bytes(32),
    "one": bytes([1]) + bytes(31),
    "order 8": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "order 8 again": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    "p - 1": bytes.fromhex("ec" + "ff" * 30 + "7f"),
    "p": bytes.fromhex("ed" + "ff" * 30 + "7f"),
    "short": bytes(31),
    "long": bytes(33),
    "none": b"",
}


def test_agreement_is_rfc_7748():
    assert channel_public(ALICE).hex() == ALICE_PUBLIC
    assert shared_secrets(ALICE, {"bob": BOB_PUBLIC})["bob"].hex() == SHARED


@pytest.mark.parametrize("public", NO_KEYS.values(), ids=NO_KEYS)
def test_a_public_key_that_makes_no_secret_is_refused(public):
    with pytest.raises(Tampered) as caught:
        shared_secrets(ALICE, {"mallory": public})
    assert caught.value.code == "letter-wrong"


def test_the_stream_is_rfc_8439():
    assert stream(bytes(32), 32).hex() == ZERO_STREAM
    assert stream(bytes(32), 1000)[:32].hex() == ZERO_STREAM


def test_derivation_is_rfc_5869_with_the_round_as_salt():
    info = b"".join(len(part).to_bytes(4, "big") + part for part in (b"hedgerow/secure-aggregation/1", b"use", b"\0x"))
    key = hmac.digest(b"sha256:round", BOB, hashlib.sha256)
    assert derived(BOB, "sha256:round", "use", b"\0x") == hmac.digest(key, info + b"\1", hashlib.sha256)


def test_no_two_lists_of_uses_read_alike():
    lists = [(), ("",), ("", ""), ("ab",), ("a", "b"), ("b", "a"), ("a", "b", ""), (b"\0\0\0\1a",), ("letter", "ab")]
    assert len({derived(BOB, "round", *uses) for uses in lists}) == len(lists)
    assert derived(BOB, "round", "a") != derived(BOB, "another", "a")
    assert derived(ALICE, "round", "a") != derived(BOB, "round", "a")


def test_pair_masks_cancel_over_any_set_and_are_sums_of_streams():
    members = names(4)
    keys = {m: os.urandom(32) for m in members}
    publics = {m: channel_public(key) for m, key in keys.items()}
    masks = Masks("round", REQUEST, 3)
    parts = {m: masks.of_pairs(m, keys[m], {p: publics[p] for p in members if p != m}) for m in members}
    assert not np.sum(list(parts.values()), axis=0, dtype=np.uint64).any()
    slowly = [0, 0, 0]
    for peer in members[1:]:
        secret = shared_secrets(keys[members[0]], {peer: publics[peer]})[peer]
        raw = stream(derived(secret, "round", "pair mask", members[0], peer, REQUEST), 24)
        slowly = [(s + int.from_bytes(raw[8 * i : 8 * i + 8], "little")) % 2**64 for i, s in enumerate(slowly)]
    assert parts[members[0]].tolist() == slowly


def test_a_mask_is_of_one_round_one_request_and_one_node():
    made = [
        Masks(binding, request, 8).of_self(node, BOB).tobytes()
        for binding in ("a", "b")
        for request in ("c", "d")
        for node in ("e", "f")
    ]
    assert len(set(made)) == 8
