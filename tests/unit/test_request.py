"""A request asks for one place with one state; whoever changes anything asks for something else, or nothing."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.arrays import pack, unpack
from privacy.envelope import Envelope
from privacy.errors import Invalid, Tampered
from privacy.request import REQUEST, Request
from privacy.signing import PublicKey

STUDY = "sha256:" + "1" * 64
ROSTER = ("aa" * 20, "bb" * 20)
STATE = {"weights": np.array([0.5, -1.0, 1e-300])}


@pytest.fixture(scope="module")
def key():
    return Ed25519PrivateKey.generate()


def sealed(key, header, payload=b"\x02\0\0\0[]"):
    return Envelope.seal(key, REQUEST, header, payload).encode()


def test_a_request_arrives_as_it_left(key):
    sent = Request.of(STUDY, 3, ROSTER[::-1], STATE)
    arrived = Request.decode(sent.encode(key), PublicKey.of(key))
    assert arrived == sent
    assert arrived.hash == sent.hash
    assert arrived.roster == ROSTER
    assert arrived.state()["weights"].tobytes() == STATE["weights"].tobytes()


def test_the_hash_covers_study_place_roster_and_every_bit_of_the_state():
    first = Request.of(STUDY, 3, ROSTER, STATE)
    others = [
        Request.of("sha256:" + "2" * 64, 3, ROSTER, STATE),
        Request.of(STUDY, 4, ROSTER, STATE),
        Request.of(STUDY, 3, ROSTER[:1], STATE),
        Request.of(STUDY, 3, ROSTER, {"weights": np.nextafter(STATE["weights"], 1)}),
        Request.of(STUDY, 3, ROSTER, {"weight": STATE["weights"]}),
        Request.of(STUDY, 3, ROSTER, {}),
    ]
    assert len({first.hash, *(other.hash for other in others)}) == 1 + len(others)
    assert first.hash == Request.of(STUDY, 3, ROSTER, {"weights": STATE["weights"].copy()}).hash


def test_only_the_coordinator_can_ask(key):
    content = Request.of(STUDY, 3, ROSTER, STATE).encode(Ed25519PrivateKey.generate())
    with pytest.raises(Tampered) as caught:
        Request.decode(content, PublicKey.of(key))
    assert caught.value.code == "signature-wrong"


GOOD = {"study": STUDY, "place": 1, "roster": list(ROSTER)}


def test_the_header_is_well_formed_before_it_is_changed(key):
    assert Request.decode(sealed(key, GOOD), PublicKey.of(key)).place == 1


@pytest.mark.parametrize(
    "change",
    [
        {"place": 0},  # the node's own
        {"place": -1},
        {"place": True},
        {"place": 1.5},
        {"place": "1"},
        {"study": 5},
        {"study": "next-year-admission"},
        {"study": STUDY.upper()},
        {"study": STUDY + "\n"},
        {"roster": list(reversed(ROSTER))},
        {"roster": [ROSTER[0], ROSTER[0]]},
        {"roster": [1, 2]},
        {"roster": "aa"},
        {"roster": [["aa"]]},
        {"clip": 100.0},  # shape, clip and noise come from the plan
        {"sigma_squared": 1},
    ],
)
def test_a_malformed_header_is_refused_though_it_is_signed(key, change):
    with pytest.raises(Invalid) as caught:
        Request.decode(sealed(key, GOOD | change), PublicKey.of(key))
    assert caught.value.code == "message-malformed"


@pytest.mark.parametrize("gone", GOOD)
def test_a_lacking_field_is_refused(key, gone):
    with pytest.raises(Invalid):
        Request.decode(sealed(key, {k: v for k, v in GOOD.items() if k != gone}), PublicKey.of(key))


# The state is plain arrays


def index_of(text, body=b"\0" * 8):
    return len(text).to_bytes(4, "little") + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\xff\xff\xff\xff[]",
        index_of(b"[]"),  # bytes left over
        index_of(b'[{"name":"a","dtype":"float64","shape":[2]}]'),  # bytes too few
        index_of(b'[{"name":"a","dtype":"object","shape":[1]}]'),
        index_of(b'[{"name":"a","dtype":"float32","shape":[2]}]'),
        index_of(b'[{"name":"a","dtype":"float64","shape":[-1]}]'),
        index_of(b'[{"name":"a","dtype":"float64","shape":[4611686018427387904,4611686018427387904,0]}]', b""),
        index_of(b'[{"name":"a","dtype":"float64","shape":"1"}]'),
        index_of(b'[{"name":"a","dtype":["float64"],"shape":[1]}]'),
        index_of(b"[1]"),
        index_of(b'{"a":1}'),
        index_of(b"5"),
        index_of(b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x07"),  # a pickle
        index_of(b"[" * 100_000),
    ],
)
def test_what_is_not_plain_arrays_is_refused(content):
    with pytest.raises(Invalid) as caught:
        unpack(content)
    assert caught.value.code == "message-malformed"


def test_arrays_come_back_bit_by_bit():
    arrays = {
        "f": np.array([[np.nan, -0.0, np.inf], [5e-324, 1e308, -1.5]]),
        "i": np.array([-(2**63), 2**63 - 1]),
        "u": np.array([2**64 - 1, 0], np.uint64),
        "empty": np.zeros((0, 20)),
        "scalar": np.array(7.0),
    }
    back = unpack(pack(arrays))
    assert set(back) == set(arrays)
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape, back[name].tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert pack({"b": arrays["i"], "a": arrays["f"]}) == pack({"a": np.asfortranarray(arrays["f"]), "b": arrays["i"]})
