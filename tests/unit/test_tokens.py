"""A token is believed once, for a minute, from a key we enrolled; whatever else is wrong with it sounds the same."""

import base64
import hmac
import json

import pytest
import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coordinator.identity import tokens
from coordinator.identity.tokens import CLOCKS_APART_SECONDS, Caller, Doorkeeper, mint_operator_token
from privacy.durable import Database
from privacy.errors import Refusal
from privacy.signing import PublicKey
from tests.coordinators import Clock, Site

SITE, OTHER = Site("leeds"), Site("york")
OPERATOR = Ed25519PrivateKey.generate()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def door(tmp_path, clock):
    return door_at(tmp_path, clock)


def door_at(folder, clock):
    keys = {site.fingerprint: PublicKey.of(site.key) for site in (SITE, OTHER)}
    database = Database(folder / "tokens.db", tokens.SCHEMA)
    return Doorkeeper(database, key_of=keys.get, operator=PublicKey.of(OPERATOR), now=clock)


def token(key=SITE.key, **changes):
    claims = {k: v for k, v in {**SITE.claims(), **changes}.items() if v is not ...}
    return assembled({"alg": "EdDSA", "typ": "JWT"}, claims, key.sign)


def assembled(header, claims, signature=lambda message: b""):
    """Return a token put together by hand: any algorithm, any claims, signed by anything."""
    message = b".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return (message + b"." + encoded(signature(message))).decode()


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def forged(header, signature=lambda message: b""):
    return assembled(header, SITE.claims(), signature)


def assert_refused(door, bad):
    with pytest.raises(Refusal) as refused:
        door.admit(bad)
    assert refused.value.code == "token-refused"


def test_a_good_token_is_admitted(door):
    assert door.admit(token()) == Caller("node", SITE.fingerprint)
    assert door.admit(mint_operator_token(OPERATOR, now=door._now())) == Caller("operator", "operator")


@pytest.mark.parametrize("claim", tokens.REQUIRED)
def test_every_required_claim_is_required(door, claim):
    assert_refused(door, token(**{claim: ...}))


AT = SITE.claims()["iat"]


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": AT - CLOCKS_APART_SECONDS, "iat": AT - 90, "nbf": AT - 90},
        {"exp": AT + tokens.LONGEST_SECONDS + 1},
        {"exp": AT},
        {"iat": AT + 60, "exp": AT + 120},
        {"nbf": AT + 60},
        {"exp": float(AT + 60)},
        {"exp": str(AT + 60)},
        {"iat": True},
        {"aud": "another-service"},
        {"aud": ["hedgerow-coordinator"]},
        {"typ": "operator"},
        {"typ": "id"},
        {"sub": OTHER.fingerprint},
        {"jti": "short"},
        {"jti": "x" * 129},
        {"jti": ["x" * 20]},
        {"iss": ["a"]},
    ],
)
def test_a_token_whose_claims_do_not_fit_is_refused(door, changes):
    assert_refused(door, token(**changes))


def test_the_leeway_is_for_clocks_that_differ_a_little(door, clock):
    clock.pass_seconds(60 + CLOCKS_APART_SECONDS - 1)
    assert door.admit(token()).name == SITE.fingerprint
    clock.pass_seconds(1)
    assert_refused(door, token())


def test_the_longest_lifetime_is_admitted(door):
    assert door.admit(token(exp=AT + tokens.LONGEST_SECONDS)).role == "node"


def test_no_algorithm_but_ours(door):
    raw = SITE.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    pem = SITE.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert_refused(door, forged({"alg": "none", "typ": "JWT"}))
    for secret in (raw, pem):  # the confusion: a public key taken as the secret of an HMAC
        assert_refused(
            door,
            forged({"alg": "HS256", "typ": "JWT"}, lambda m, secret=secret: hmac.digest(secret, m, "sha256")),
        )
    signed = door.admit(forged({"alg": "EdDSA", "typ": "JWT"}, SITE.key.sign))  # the forger itself can sign
    assert signed.role == "node"


def test_the_key_of_flowers_connection_signs_no_token(door):
    """The node's other key, which the coordinator knows too: whatever algorithm its token names."""
    for algorithm in ("ES256", "ES384", "EdDSA"):
        header = {"alg": algorithm, "typ": "JWT"}
        assert_refused(door, forged(header, lambda m: SITE.fleet.sign(m, ec.ECDSA(hashes.SHA384()))))
    for spelling in ("eddsa", "Ed25519", "EDDSA", "", None, ["EdDSA"]):
        assert_refused(door, forged({"alg": spelling, "typ": "JWT"}, SITE.key.sign))


@pytest.mark.parametrize(
    "extra", [{"jku": "https://x/"}, {"x5u": "https://x/"}, {"kid": "1"}, {"jwk": {}}, {"crit": ["exp"]}]
)
def test_a_header_that_points_at_a_key_is_refused(door, extra):
    assert_refused(door, forged({"alg": "EdDSA", "typ": "JWT", **extra}, SITE.key.sign))


def test_another_nodes_key_does_not_sign_for_this_one(door):
    assert_refused(door, token(OTHER.key))


def test_a_node_cannot_be_the_operator_nor_the_operator_a_node(door):
    assert_refused(door, token(iss="operator", sub="operator", typ="operator"))
    assert_refused(door, token(OPERATOR, iss="operator", sub="operator"))
    assert_refused(door, token(OPERATOR))


def test_a_stranger_is_refused(door):
    assert_refused(door, Site("stranger").token())


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é" * 10, "x" * 5000, token() + "x", "." * 3])
def test_what_is_no_token_is_refused(door, text):
    assert_refused(door, text)


def test_a_token_serves_once_also_after_a_restart(tmp_path, clock):
    used = token()
    first = door_at(tmp_path, clock)
    first.admit(used)
    assert_refused(first, used)
    assert_refused(door_at(tmp_path, clock), used)


def test_two_nodes_may_choose_the_same_id(door):
    door.admit(token(jti="x" * 20))
    theirs = OTHER.fingerprint
    assert door.admit(token(OTHER.key, iss=theirs, sub=theirs, jti="x" * 20)).name == theirs


def test_used_tokens_are_forgotten_only_when_they_have_expired(door, clock):
    used = token()
    door.admit(used)
    clock.pass_seconds(60 + CLOCKS_APART_SECONDS + 1)
    door.admit(SITE.token(clock()))
    assert [row["jti"] for row in door._database.rows("SELECT jti FROM token_used")] != []
    assert len(door._database.rows("SELECT jti FROM token_used")) == 1
    assert_refused(door, used)


def test_a_forgery_does_not_use_up_the_id(door):
    assert_refused(door, token(OTHER.key, jti="x" * 20))
    assert door.admit(token(jti="x" * 20)).role == "node"


def test_a_flood_of_bad_tokens_is_a_line_a_minute_for_each_fault_and_holds_no_token(door, clock):
    bad = {"expired": token(exp=AT - 100, iat=AT - 160, nbf=AT - 160), "not a token": "9990000018.x.y"}
    with structlog.testing.capture_logs() as logs:
        for seconds in (1, 30, 40):
            for each in bad.values():
                for _ in range(5):
                    assert_refused(door, each)
            clock.pass_seconds(seconds)
    assert [line["why"] for line in logs] == list(bad)  # in 31 seconds; a minute later it would be said again
    assert "999" not in str(logs)


def test_a_revoked_node_is_told_apart_only_by_its_own_faultless_token(tmp_path, clock):
    gone = PublicKey.of(SITE.key)
    database = Database(tmp_path / "tokens.db", tokens.SCHEMA)
    door = Doorkeeper(
        database,
        key_of=lambda _: None,
        revoked_key_of={gone.fingerprint: gone}.get,
        operator=PublicKey.of(OPERATOR),
        now=clock,
    )
    with pytest.raises(Refusal, match="node-revoked"):
        door.admit(token())
    for bad in (
        token(OTHER.key),
        token(exp=AT - 100, iat=AT - 160, nbf=AT - 160),
        token(aud="x"),
        token(typ="operator"),
    ):
        assert_refused(door, bad)
    assert database.rows("SELECT * FROM token_used") == []  # nothing is written for a node that is out
