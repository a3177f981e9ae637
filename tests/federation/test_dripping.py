"""A coordinator that lets its bytes drip does not hold a node: each call has an end, wherever the dripping begins."""

from __future__ import annotations

import socket
import ssl
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.federation import hub as hubs
from node.federation.hub import Hub
from privacy.enrolment import JoinKit
from privacy.errors import Unreachable
from privacy.signing import PublicKey
from tests.federation import loopback
from tests.nodes import NOW

BODY = b'{"studies": []}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n" % len(BODY)


@pytest.fixture
def dripping(tmp_path):
    """Return a hub whose server sends ``whole`` at once, and then one byte every 50 ms until the test ends."""
    files = loopback.certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.key)
    listener, end = socket.create_server(("127.0.0.1", 0)), threading.Event()
    opened, made = [], []

    def serve(whole, drop):
        caller, _ = listener.accept()
        try:
            with context.wrap_socket(caller, server_side=True) as line:
                line.recv(65536)
                line.sendall(whole)
                while not end.wait(0.05):
                    line.sendall(drop)
        except OSError:
            pass  # the node hung up

    def begin(whole, drop):
        opened.append(threading.Thread(target=serve, args=(whole, drop)))
        opened[-1].start()
        key = Ed25519PrivateKey.generate()
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        made.append(
            Hub(JoinKit("h", address, "", files.root.read_text(), PublicKey.of(key).text, ""), key, lambda: NOW)
        )
        return made[-1]

    yield begin
    end.set()
    for hub in made:
        hub.close()
    for thread in opened:
        thread.join(10)
    listener.close()


@pytest.mark.parametrize(("whole", "drop"), [(HEAD, b"x"), (HEAD[:5], b"x"), (b"HTTP/1.1 200 OK\r\n\r\n", b" ")])
def test_a_call_that_drips_ends_by_its_deadline(dripping, monkeypatch, whole, drop):
    monkeypatch.setattr(hubs, "WHOLE_SECONDS", 0.6)
    hub, started = dripping(whole, drop), time.monotonic()
    with pytest.raises(Unreachable, match="coordinator-unreachable"):
        hub.news()
    assert time.monotonic() - started < hubs.CALL_SECONDS / 2  # by the deadline of the whole, not of a silence


def test_an_answer_that_comes_in_time_is_taken(dripping):
    assert dripping(HEAD + b"\r\n" + BODY, b" ").news().studies == ()  # the control: nothing else is wrong with it
