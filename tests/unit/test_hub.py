"""A node's calls to its coordinator: one token each that the coordinator admits, and answers that are not believed."""

import datetime
import json

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.identity import tokens
from node.federation.hub import LARGEST_ANSWER, Hub
from privacy.durable import Database
from privacy.enrolment import JoinKit
from privacy.errors import HedgerowError
from privacy.signing import PublicKey
from tests.nodes import NOW

KEY, OPERATOR = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def hub(answer, now=NOW):
    made = Hub(JoinKit("hub", "https://hub.test", "", "", PublicKey.of(OPERATOR).text, ""), KEY, lambda: now)
    made.__dict__["_http"] = httpx.Client(base_url="https://hub.test", transport=httpx.MockTransport(answer))
    return made


def reply(status, content=b"", **more):
    """Return a response that is read from a stream, as from a network."""
    return httpx.Response(status, stream=httpx.ByteStream(content), **more)


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code, type(caught.value).__name__


def test_each_call_carries_a_token_that_the_coordinator_admits_once(tmp_path):
    public = PublicKey.of(KEY)
    known = {public.fingerprint: public}
    database = Database(tmp_path / "tokens", tokens.SCHEMA)
    door = tokens.Doorkeeper(database, key_of=known.get, operator=PublicKey.of(OPERATOR), now=lambda: NOW)
    seen = []

    def answer(request):
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        return reply(200, b'{"studies": []}')

    calls = hub(answer)
    assert calls.news().studies == calls.news().studies == ()
    assert [(c.role, c.name) for c in map(door.admit, seen)] == [("node", public.fingerprint)] * 2
    assert code_of(lambda: door.admit(seen[0])) == ("token-refused", "Refusal")
    late = tokens.Doorkeeper(
        database, key_of=known.get, operator=PublicKey.of(OPERATOR), now=lambda: NOW + datetime.timedelta(minutes=2)
    )
    hub(answer).news()
    assert code_of(lambda: late.admit(seen[-1])) == ("token-refused", "Refusal")


def test_addresses_and_bodies_are_those_of_the_api():
    seen = []

    def answer(request):
        seen.append((request.method, request.url.raw_path.decode(), request.content))
        return reply(204 if request.method == "POST" else 200, b"model")

    calls = hub(answer)
    calls.send_notice(b"notice")
    assert calls.model("sha256:ab/c") == b"model"
    assert seen == [("POST", "/v1/notices", b"notice"), ("GET", "/v1/models/sha256%3Aab%2Fc", b"")]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"studies": {}}', b'{"studies": [1]}', b'{"studies": [{"hash": 1, "document": {}}]}'],
)
def test_offers_of_another_form_are_not_believed(content):
    assert code_of(hub(lambda _: reply(200, content)).news) == ("message-malformed", "Invalid")


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (401, json.dumps({"code": "token-refused", "what": "9990000018"}), ("token-refused", "Refusal")),
        (409, json.dumps({"code": "no-such-code"}), ("coordinator-unreachable", "Unreachable")),
        (302, "", ("coordinator-unreachable", "Unreachable")),
        (500, json.dumps({"code": "fault"}), ("coordinator-unreachable", "Unreachable")),
        (404, "<html>", ("coordinator-unreachable", "Unreachable")),
    ],
)
def test_a_refusal_keeps_its_code_and_none_of_its_words(status, content, expected):
    answer = reply(status, content.encode(), headers={"location": "https://elsewhere.test/"})
    with pytest.raises(HedgerowError) as caught:
        hub(lambda _: answer).news()
    assert (caught.value.code, type(caught.value).__name__) == expected
    assert "999" not in caught.value.explain()


def test_a_network_that_fails_has_one_code():
    def answer(_request):
        raise httpx.ConnectError("9990000018")

    assert code_of(hub(answer).news) == ("coordinator-unreachable", "Unreachable")


def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr("node.federation.hub.LARGEST_ANSWER", 1000)
    assert LARGEST_ANSWER > 1000
    assert code_of(lambda: hub(lambda _: reply(200, b"x" * 1001)).model("x"))[0] == "message-malformed"
