"""Two families may leave, notices are all of one length, and not one byte can change on the way."""

import dataclasses
import itertools

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy import release as doors
from privacy.canonical import canonical
from privacy.envelope import Envelope
from privacy.errors import CATALOGUE, HedgerowError, Invalid, Tampered
from privacy.release import NOTICE, NOTICE_BYTES, RELEASE, Notice, Receipt, Release, decode, encode
from privacy.signing import PublicKey
from tests.builders import NOW, a_place, books

BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STUDY = "sha256:" + "1" * 64


@pytest.fixture(scope="module")
def key():
    return Ed25519PrivateKey.generate()


@pytest.fixture
def paid(key, tmp_path):
    kept = books(tmp_path, node=PublicKey.of(key).fingerprint)
    charge = kept.ledger.charge(STUDY, a_place(), "request", at=NOW)
    return kept.ledger.settle(charge, np.array([1, 2**64 - 1, 3], np.uint64), data=("visits@1",), optouts="l")


def node_of(key):
    return PublicKey.of(key).fingerprint


def test_a_release_arrives_as_it_left(key, paid):
    arrived = decode(encode(paid, key), PublicKey.of(key))
    assert arrived == paid
    assert arrived.vector().tolist() == [1, 2**64 - 1, 3]


def test_every_notice_has_one_length(key):
    kinds = ("approved", "refused", "withdrawn")
    texts = itertools.product(kinds, ["", STUDY], [0, 2**40], ["", *CATALOGUE])
    notices = [Notice(kind, node_of(key), study, place, code) for kind, study, place, code in texts]
    assert {len(encode(notice, key)) for notice in notices} == {NOTICE_BYTES}
    assert decode(encode(notices[-1], key), PublicKey.of(key)) == notices[-1]


def test_control_a_notice_without_padding_tells_its_code_by_its_length(key):
    lengths = set()
    for code in ("budget-exhausted", "computation-failed-because"):
        header = dataclasses.asdict(Notice("refused", node_of(key), STUDY, 1, code))
        lengths.add(len(Envelope.seal(key, NOTICE, header).encode()))
    assert len(lengths) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "patient 999 123 4567"},
        {"code": "failed-9991234567"},
        {"code": "ValueError: 9991234567"},
        {"code": "a" * 500},
        {"study": "the study of 9991234567"},
        {"place": -1},
        {"place": True},
        {"kind": "greeting"},
        {"node": "site 1"},
        {"code": ["budget-exhausted"]},
    ],
)
def test_a_notice_has_no_room_for_anything_else(fields):
    with pytest.raises(Invalid) as caught:
        Notice(**({"kind": "refused", "node": "ab" * 20} | fields))
    assert caught.value.code == "message-malformed"


def test_every_code_of_the_catalogue_fits_a_notice():
    for code in CATALOGUE:
        Notice("refused", "ab" * 20, code=code)


@pytest.mark.parametrize("other", [{"code": "x"}, "text", b"bytes", 5, None, Envelope("release", {}, b"", "")])
def test_nothing_else_can_be_encoded(key, other):
    with pytest.raises(AssertionError):
        encode(other, key)


def test_a_release_whose_bytes_were_not_paid_for_does_not_exist(paid):
    for content in (b"", paid.content[:-1], paid.content + b"\0", bytes(24), paid.content[::-1]):
        with pytest.raises(Tampered) as caught:
            Release(paid.receipt, content)
        assert caught.value.code == "release-unpaid"


def test_another_length_than_the_mechanism_s_is_refused(paid):
    content = paid.content[:16]
    short = Release(dataclasses.replace(paid.receipt, released=doors.sha256(content)), content)
    with pytest.raises(Invalid):
        short.vector()


def refused(content, key):
    try:
        decode(content, PublicKey.of(key))
    except HedgerowError as error:
        return error.code in {"message-malformed", "signature-wrong", "release-unpaid"}
    return False


def test_no_byte_of_a_release_or_notice_can_change(key, paid):
    for outgoing in (paid, Notice("refused", node_of(key), STUDY, 3, "budget-exhausted")):
        content = encode(outgoing, key)
        for place, bit in itertools.product(range(len(content)), (0, 5)):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            assert refused(bytes(changed), key), f"byte {place} of a {type(outgoing).__name__}"


def test_nor_can_a_byte_be_added_or_dropped(key, paid):
    content = encode(paid, key)
    for place in range(0, len(content), 11):
        assert refused(content[:place] + content[place + 1 :], key)
        assert refused(content[:place] + b" " + content[place:], key)


def test_a_signature_has_one_text(key, paid):
    """The last digit of base64 has spare bits: another text for the same signature would be another message."""
    content = encode(paid, key)
    at = content.index(b'"signature":"') + len(b'"signature":"') + 85
    others = (content[:at] + bytes([digit]) + content[at + 1 :] for digit in BASE64)
    assert all(refused(other, key) for other in others if other != content)


def test_another_node_s_signature_is_refused(key, paid):
    other = Ed25519PrivateKey.generate()
    assert refused(encode(paid, other), key)
    with pytest.raises(Tampered):  # signed by the other, as the other, but in this node's name
        decode(encode(paid, other), PublicKey.of(other))


def test_a_notice_cannot_pass_as_a_release_nor_a_release_as_a_request(key, paid):
    header = paid.receipt.document()
    for context in (NOTICE, "request", "model"):
        assert refused(Envelope.seal(key, context, header, paid.content).encode(), key)
    passed_off = dataclasses.replace(Envelope.decode(encode(paid, key)), context=NOTICE)
    assert refused(passed_off.encode(), key)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        b"\xff" * 40,
        b"\x02\0\0\0\0\0\0\0[]",
        b"\x02\0\0\0\0\0\0\0{}",
        b'\x0a\0\0\0\0\0\0\0{"a":NaN }',
    ],
)
def test_noise_on_the_line_is_refused(key, content):
    assert refused(content, key)


def test_a_header_nested_without_end_is_refused(key):
    nested = b'{"context":"release","header":{"a":' + b"[" * 900 + b"]" * 900 + b'},"signature":""}'
    assert refused(len(nested).to_bytes(4, "little") + bytes(4) + nested, key)


@pytest.mark.parametrize("change", [{"extra": 1}, {"data": None}, {"data": 5}])
def test_a_receipt_with_other_fields_is_refused(paid, change):
    with pytest.raises(Invalid):
        Receipt.from_document(paid.receipt.document() | change)
    lacking = paid.receipt.document()
    del lacking["cost_outside"]
    with pytest.raises(Invalid):
        Receipt.from_document(lacking)


def test_a_receipt_is_canonical(paid):
    assert Receipt.from_document(paid.receipt.document()) == paid.receipt
    assert canonical(paid.receipt.document()) == canonical(Receipt.from_document(paid.receipt.document()).document())
    assert RELEASE != NOTICE
