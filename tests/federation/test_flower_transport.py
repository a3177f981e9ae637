"""Real loopback TLS between the two Flower adapters: who is answered, who is refused, what nobody can do."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flwr.app import ConfigRecord, Message, Metadata, RecordDict
from flwr.app.message import make_message
from flwr.proto.fleet_pb2 import DeactivateNodeRequest
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.node_pb2 import Node as FlowerNode

from coordinator.federation import fleet_api, switchboard
from coordinator.federation.flower_grid import FlowerGrid
from coordinator.federation.superlink import SuperLink
from node.federation import fleet, wire
from node.federation.fleet import EMPTY_BUNDLE_SHA256, FleetSettings, hold_connection
from node.federation.wire import FleetWire
from privacy.errors import CATALOGUE, Invalid, Refusal, Unreachable
from tests.federation import loopback

PATIENCE = 15.0  # seconds; a busy machine may be slow, a broken one is not waited for longer


def eventually(holds: Callable[[], Any]) -> bool:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if holds():
            return True
        time.sleep(0.02)
    return False


@dataclass
class Node:
    """A node on a thread of this process."""

    address: str
    root: Path
    answer: Callable[[bytes, Callable[[bytes], None]], None] = loopback.add_one
    allowed: frozenset[str] = frozenset({EMPTY_BUNDLE_SHA256})
    others: list[ec.EllipticCurvePrivateKey] = field(default_factory=list)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))
    states: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return loopback.fingerprint(self.key)

    def start(self) -> None:
        settings = FleetSettings(
            self.address, self.root.read_bytes(), self.key, self.root.parent, self.allowed, lambda: self.others
        )
        self.thread = threading.Thread(
            target=hold_connection,
            args=(settings,),
            kwargs={
                "answer": self.answer,
                "refuse": lambda code, send: send(code.encode()),
                "stop": self.stop,
                "on_state": self.states.append,
            },
        )
        self.thread.start()

    def reaches(self, state: str) -> bool:
        return eventually(lambda: state in self.states)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE)


@dataclass
class Federation:
    """A coordinator, and the nodes that a test started."""

    folder: Path
    files: loopback.Certificates
    nodes: list[Node] = field(default_factory=list)
    port: int = 0

    def coordinator(self) -> SuperLink:
        return SuperLink(
            host="127.0.0.1",
            port=self.port,
            certificate=self.files.server,
            private_key=self.files.key,
            home=self.folder,
        )

    def start(self) -> None:
        self.link = self.coordinator()
        self.link.start()
        self.port = self.link.port

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def node(self, *, registered: bool = True, root: Path | None = None, **options: Any) -> Node:
        node = Node(self.address, root or self.files.root, **options)
        if registered:
            self.register(node)
        self.nodes.append(node)
        node.start()
        return node

    def register(self, node: Node) -> None:
        self.link.register(node.name, loopback.public_pem(node.key))

    def node_id(self, node: Node) -> int:
        member = self.link._switchboard.member(loopback.public_pem(node.key))
        assert member is not None
        return member.node_id

    def online(self, *options: dict[str, Any]) -> list[Node]:
        nodes = [self.node(**each) for each in options]
        assert all(node.reaches("connected") for node in nodes)
        return nodes


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> loopback.Certificates:
    return loopback.certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def federation(files: loopback.Certificates, tmp_path: Path) -> Iterator[Federation]:
    federation = Federation(tmp_path, files)
    federation.start()
    yield federation
    for node in federation.nodes:
        node.end()
    federation.link.stop()
    assert not any(node.thread.is_alive() for node in federation.nodes)


def ask(grid: FlowerGrid, *nodes: Node, value: float = 1.0, seconds: float = PATIENCE) -> dict[str, list[float]]:
    requests = {node.name: np.full(3, float(value)).tobytes() for node in nodes}
    return {name: list(np.frombuffer(reply)) for name, reply in grid.exchange(requests, deadline_seconds=seconds)}


def ask_bytes(grid: FlowerGrid, node: Node, request: bytes = b"") -> list[bytes]:
    return [reply for _, reply in grid.exchange({node.name: request}, deadline_seconds=PATIENCE)]


def reply_to(asked: Metadata, source: int) -> Message:
    metadata = Metadata(
        run_id=asked.run_id,
        message_id=f"reply of {source}",
        src_node_id=source,
        dst_node_id=asked.src_node_id,
        reply_to_message_id=asked.message_id,
        group_id="",
        created_at=time.time(),
        ttl=1.0,
        message_type=asked.message_type,
    )
    return make_message(metadata, RecordDict({"hedgerow": ConfigRecord({"bytes": b"reply"})}))


class TestExchange:
    def test_every_node_that_is_asked_answers_for_itself(self, federation: Federation) -> None:
        one, two = federation.online({}, {})
        assert ask(federation.link.grid("study"), one, two) == {one.name: [2, 2, 2], two.name: [2, 2, 2]}

    def test_only_the_nodes_that_are_asked_hear_of_it(self, federation: Federation) -> None:
        heard: list[bytes] = []
        asked, other = federation.online({}, {"answer": lambda request, _: heard.append(request)})
        assert set(ask(federation.link.grid("study"), asked)) == {asked.name}
        time.sleep(0.3)
        assert heard == []
        list(federation.link.grid("study").exchange({other.name: b"hello"}, deadline_seconds=0.3))
        assert heard == [b"hello"]  # the control: asked, it does hear

    def test_a_silent_node_costs_the_deadline_and_no_reply_of_the_others(self, federation: Federation) -> None:
        one, silent, two = federation.online({}, {"answer": lambda _request, _send: None}, {})
        started = time.monotonic()
        replies = ask(federation.link.grid("study"), one, silent, two, seconds=1.0)
        assert set(replies) == {one.name, two.name}
        assert 0.9 < time.monotonic() - started < 3.0

    def test_replies_come_as_they_arrive(self, federation: Federation) -> None:
        gate = threading.Event()

        def late(request: bytes, send: Callable[[bytes], None]) -> None:
            gate.wait(PATIENCE)
            loopback.add_one(request, send)

        quick, slow = federation.online({}, {"answer": late})
        replies = federation.link.grid("study").exchange(
            {slow.name: bytes(8), quick.name: bytes(8)}, deadline_seconds=PATIENCE
        )
        assert next(replies)[0] == quick.name
        gate.set()
        assert [name for name, _ in replies] == [slow.name]

    def test_a_reply_after_the_deadline_is_nobodys(self, federation: Federation) -> None:
        gate = threading.Event()

        def late(request: bytes, send: Callable[[bytes], None]) -> None:
            gate.wait(PATIENCE)
            loopback.add_one(request, send)

        (node,) = federation.online({"answer": late})
        grid = federation.link.grid("study")
        assert ask(grid, node, value=1.0, seconds=0.2) == {}
        gate.set()
        assert ask(grid, node, value=5.0) == {node.name: [6, 6, 6]}

    def test_studies_run_side_by_side_and_one_after_another(self, federation: Federation) -> None:
        nodes = federation.online({}, {})
        grids = [federation.link.grid(f"study {number}") for number in range(3)]
        answers: dict[int, list[dict[str, list[float]]]] = {number: [] for number in range(3)}

        def rounds(number: int) -> None:
            for _ in range(5):
                answers[number].append(ask(grids[number], *nodes, value=number))

        threads = [threading.Thread(target=rounds, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = {number: [{node.name: [number + 1] * 3 for node in nodes}] * 5 for number in range(3)}
        assert answers == expected
        grids[0].close()
        with pytest.raises(RuntimeError, match="closed"):
            ask(grids[0], *nodes)
        assert set(ask(federation.link.grid("after"), *nodes)) == {node.name for node in nodes}

    def test_an_unknown_or_absent_node_is_missing_from_the_replies(self, federation: Federation) -> None:
        (node,) = federation.online({})
        federation.link.register("absent", loopback.public_pem(ec.generate_private_key(ec.SECP384R1())))
        requests = dict.fromkeys([node.name, "absent", "unknown"], bytes(8))
        replies = federation.link.grid("study").exchange(requests, deadline_seconds=0.5)
        assert [name for name, _ in replies] == [node.name]
        assert federation.link.grid("study").online() == {node.name}

    def test_a_large_message_passes_and_a_larger_one_is_refused_where_it_is_made(self, federation: Federation) -> None:
        refused: list[str] = []

        def twice(request: bytes, send: Callable[[bytes], None]) -> None:
            try:
                send(request * 40)
            except Invalid as error:
                refused.append(error.code)
            send(request)

        (node,) = federation.online({"answer": twice})
        body = os.urandom(2**21)
        assert ask_bytes(federation.link.grid("study"), node, body) == [body]
        assert refused == ["message-too-large"]
        with pytest.raises(Invalid, match="message-too-large"):
            ask_bytes(federation.link.grid("study"), node, bytes(2**26 + 1))


class TestRefusal:
    def test_a_node_with_an_unregistered_key_is_refused_and_lives_to_be_registered(
        self, federation: Federation
    ) -> None:
        node = federation.node(registered=False)
        assert node.reaches("node-key-refused")
        assert "connected" not in node.states
        federation.register(node)
        assert node.reaches("connected")

    def test_a_node_that_is_unregistered_is_cut_off_at_once_and_can_come_back(self, federation: Federation) -> None:
        (node,) = federation.online({})
        federation.link.unregister(node.name)
        assert node.reaches("node-key-refused")
        assert ask(federation.link.grid("study"), node, seconds=0.3) == {}
        federation.register(node)
        assert eventually(lambda: node.states.count("connected") == 2)
        assert ask(federation.link.grid("study"), node) == {node.name: [2, 2, 2]}

    def test_a_coordinator_with_another_authority_is_refused(self, federation: Federation, tmp_path: Path) -> None:
        node = federation.node(root=loopback.certificates(tmp_path).root)
        assert node.reaches("coordinator-certificate-refused")
        assert "connected" not in node.states

    @pytest.mark.parametrize("allowed", [True, False])
    def test_a_bundle_off_the_list_is_refused_and_never_fetched(
        self, federation: Federation, monkeypatch: pytest.MonkeyPatch, allowed: bool
    ) -> None:
        code_shipped = b"import os"
        paths: list[str] = []
        serve = fleet_api.FleetApi.__call__

        async def record(self: fleet_api.FleetApi, scope: Any, receive: Any, send: Any) -> None:
            paths.append(scope["path"])
            await serve(self, scope, receive, send)

        monkeypatch.setattr(fleet_api.FleetApi, "__call__", record)
        monkeypatch.setattr(switchboard, "EMPTY_BUNDLE", code_shipped)
        listed = sha256(code_shipped).hexdigest() if allowed else EMPTY_BUNDLE_SHA256
        (node,) = federation.online({"allowed": frozenset({listed})})
        replies = ask_bytes(federation.link.grid("study"), node, np.zeros(1).tobytes())
        assert replies == [np.ones(1).tobytes() if allowed else b"bundle-refused"]
        assert ("bundle-refused" in node.states) is not allowed
        assert paths.count("/v1/fleet/get-run") == 1  # the name of the bundle was asked for,
        assert not any("fab" in path for path in paths)  # the bundle was not

    def test_content_of_another_shape_is_refused_by_its_code(
        self, federation: Federation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (node,) = federation.online({})
        contents: list[Any] = [{"other": b"1"}, {"bytes": "text"}, {"bytes": b"1", "more": 2}, {}]
        for content in contents:
            odd = RecordDict({"hedgerow": ConfigRecord(content)})
            monkeypatch.setattr(switchboard, "RecordDict", lambda _, odd=odd: odd)
            assert ask_bytes(federation.link.grid("study"), node) == [b"request-malformed"]
        monkeypatch.setattr(switchboard, "RecordDict", RecordDict)
        assert ask(federation.link.grid("study"), node) == {node.name: [2, 2, 2]}

    def test_a_fault_while_answering_crosses_as_one_code_without_its_text(
        self, federation: Federation, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def fail(request: bytes, _send: Callable[[bytes], None]) -> None:
            raise ValueError("secret patient 9434765919")

        (node,) = federation.online({"answer": fail})
        assert ask_bytes(federation.link.grid("study"), node) == [b"answer-failed"]
        assert "9434765919" not in caplog.text + "".join(capfd.readouterr())

    def test_a_message_has_one_reply(self, federation: Federation) -> None:
        def twice(_request: bytes, send: Callable[[bytes], None]) -> None:
            send(b"first")
            send(b"second")

        (node,) = federation.online({"answer": twice})
        assert ask_bytes(federation.link.grid("study"), node) == [b"first"]
        assert node.reaches("answer-failed")

    def test_every_state_is_in_the_catalogue(self) -> None:
        heard = {
            "answer-failed",
            "bundle-refused",
            "request-malformed",
            "node-key-refused",
            "coordinator-unreachable",
        }
        assert heard | {"coordinator-certificate-refused"} <= set(CATALOGUE)


class TestRotation:
    """The key that Flower checks is changed: nothing is lost, and the old one is good for nothing."""

    def test_a_node_goes_on_with_its_next_key_and_stays_connected(self, federation: Federation) -> None:
        node, other = federation.online({}, {})
        before, following = federation.node_id(node), ec.generate_private_key(ec.SECP384R1())
        node.others.append(following)
        assert ask(federation.link.grid("study"), node) == {node.name: [2, 2, 2]}  # with the old key, until then
        federation.link.register(node.name, loopback.public_pem(following))
        for _ in range(3):
            assert ask(federation.link.grid("study"), node, other) == {node.name: [2] * 3, other.name: [2] * 3}
        assert node.states == other.states == ["connected"]  # neither ever reconnected
        member = federation.link._switchboard.member(loopback.public_pem(following))
        assert member is not None
        assert member.node_id == before
        assert federation.link._switchboard.member(loopback.public_pem(node.key)) is None

    def test_what_was_asked_with_the_old_key_is_answered_with_the_new(self, federation: Federation) -> None:
        following, gate = ec.generate_private_key(ec.SECP384R1()), threading.Event()

        def late(request: bytes, send: Callable[[bytes], None]) -> None:
            federation.link.register(node.name, loopback.public_pem(following))
            gate.set()
            loopback.add_one(request, send)

        (node,) = federation.online({"answer": late, "others": [following]})
        assert ask(federation.link.grid("study"), node) == {node.name: [2, 2, 2]}
        assert gate.is_set()
        assert node.states == ["connected"]

    def test_a_node_starts_with_either_key(self, federation: Federation) -> None:
        old, new = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
        node = Node(federation.address, federation.files.root, key=new, others=[new, old])
        federation.link.register(node.name, loopback.public_pem(old))  # the rotation has not reached it yet
        federation.nodes.append(node)
        node.start()
        assert node.reaches("connected")
        federation.link.register(node.name, loopback.public_pem(new))
        assert ask(federation.link.grid("study"), node) == {node.name: [2, 2, 2]}

    def test_the_old_key_is_refused_and_whoever_calls_with_it_is_logged_once(self, federation: Federation) -> None:
        following = ec.generate_private_key(ec.SECP384R1())
        (node,) = federation.online({"others": [following]})
        federation.link.register(node.name, loopback.public_pem(following))
        thief = FleetWire(federation.address, federation.files.root.read_bytes(), node.key)
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                with pytest.raises(Refusal, match="node-key-refused"):
                    thief.activate()
        thief.close()
        assert [line["node"] for line in logs if line["event"] == "former-key-calls"] == [node.name]
        with pytest.raises(Invalid, match="node-key-reused"):
            federation.link.register("other", loopback.public_pem(node.key))
        assert ask(federation.link.grid("study"), node) == {node.name: [2, 2, 2]}

    def test_a_node_that_reconnects_begins_with_the_key_that_was_accepted_last(self, federation: Federation) -> None:
        old, new = (ec.generate_private_key(ec.SECP384R1()) for _ in range(2))
        node = Node(federation.address, federation.files.root, key=old, others=[new, old])
        federation.link.register(node.name, loopback.public_pem(old))
        federation.nodes.append(node)
        node.start()
        assert node.reaches("connected")
        federation.link.register(node.name, loopback.public_pem(new))
        assert ask(federation.link.grid("study"), node) == {node.name: [2, 2, 2]}
        with structlog.testing.capture_logs() as logs:
            federation.link.stop()
            assert node.reaches("coordinator-unreachable")
            federation.start()
            federation.link.register(node.name, loopback.public_pem(old))
            federation.link.register(node.name, loopback.public_pem(new))
            assert eventually(lambda: node.states[-1] == "connected")
            assert ask(federation.link.grid("study"), node) == {node.name: [2, 2, 2]}
        assert not [line for line in logs if line["event"] == "former-key-calls"]  # which would be an alarm


class TestConnection:
    def test_nodes_reconnect_when_the_coordinator_restarts(self, federation: Federation) -> None:
        nodes = federation.online({}, {})
        federation.link.stop()
        assert all(node.reaches("coordinator-unreachable") for node in nodes)
        federation.start()
        for node in nodes:
            federation.register(node)
        assert eventually(lambda: all(node.states[-1] == "connected" for node in nodes))
        assert set(ask(federation.link.grid("study"), *nodes)) == {node.name for node in nodes}

    def test_a_node_that_takes_long_to_answer_stays_online(
        self, federation: Federation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(switchboard, "HEARTBEAT_MIN_INTERVAL", 0.5)  # offline after a second of silence
        monkeypatch.setattr(fleet, "BEAT_SECONDS", 0.3)
        grid = federation.link.grid("study")
        seen: list[bool] = []

        def slowly(request: bytes, send: Callable[[bytes], None]) -> None:
            time.sleep(2.0)
            seen.append(bool(grid.online()))
            loopback.add_one(request, send)

        (node,) = federation.online({"answer": slowly})
        assert ask(grid, node) == {node.name: [2, 2, 2]}
        assert seen == [True]

    def test_a_message_waits_for_a_node_that_is_away(self, federation: Federation) -> None:
        node = Node(federation.address, federation.files.root)
        federation.register(node)
        replies: list[dict[str, list[float]]] = []
        asking = threading.Thread(target=lambda: replies.append(ask(federation.link.grid("study"), node)))
        asking.start()
        time.sleep(0.2)
        federation.nodes.append(node)
        node.start()
        asking.join()
        assert replies == [{node.name: [2, 2, 2]}]

    def test_a_node_stops_within_a_second_while_idle(self, federation: Federation) -> None:
        (node,) = federation.online({})
        started = time.monotonic()
        node.end()
        assert time.monotonic() - started < 1.0
        assert node.states == ["connected", "stopped"]
        assert eventually(lambda: not federation.link.grid("study").online())

    def test_a_node_stops_within_a_second_while_the_network_swallows_everything(
        self, files: loopback.Certificates
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
            node = Node(f"127.0.0.1:{silent.getsockname()[1]}", files.root)
            node.start()
            time.sleep(0.5)
            started = time.monotonic()
            node.end()
            assert time.monotonic() - started < 1.0
        assert node.states == ["stopped"]

    def test_the_coordinator_stops_promptly_with_nodes_waiting(self, federation: Federation) -> None:
        federation.online({}, {})
        started = time.monotonic()
        federation.link.stop()
        assert time.monotonic() - started < 3.0
        federation.start()

    def test_a_node_that_crashed_is_let_in_again_and_its_dead_connection_takes_no_message(
        self, federation: Federation
    ) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        federation.link.register("node", loopback.public_pem(key))
        root = federation.files.root.read_bytes()
        dead, alive = (FleetWire(federation.address, root, key) for _ in range(2))
        dead.activate()
        taken: list[Any] = []
        abandoned = threading.Thread(target=lambda: taken.append(dead.pull()))
        abandoned.start()
        time.sleep(0.3)
        alive.activate()
        abandoned.join(5.0)  # let go at once, not when the hold ends
        assert taken == [None]
        list(federation.link.grid("study").exchange({"node": b"1"}, deadline_seconds=0.0))
        asking = threading.Thread(
            target=lambda: list(federation.link.grid("study").exchange({"node": b"1"}, deadline_seconds=1.0))
        )
        asking.start()
        assert alive.pull() is not None
        asking.join()
        dead.close()
        alive.close()

    @pytest.mark.parametrize("deaths", [1, switchboard.MOST_DELIVERIES])
    def test_a_node_that_dies_with_a_request_in_its_hands_is_sent_it_again_when_it_reconnects(
        self, federation: Federation, deaths: int
    ) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        federation.link.register("node", loopback.public_pem(key))
        root, replies = federation.files.root.read_bytes(), []
        grid = federation.link.grid("study")

        def asking() -> None:
            replies.extend(grid.exchange({"node": b"1"}, deadline_seconds=PATIENCE if deaths == 1 else 3.0))

        thread = threading.Thread(target=asking)
        thread.start()
        asked = []
        for _ in range(deaths):
            dying = FleetWire(federation.address, root, key)
            dying.activate()
            asked.append(dying.pull())
            dying.close()  # without a word, as by kill -9
        assert len({message.metadata.message_id for message in asked if message}) == 1
        node = Node(federation.address, federation.files.root, key=key, answer=lambda _, send: send(b"2"))
        federation.nodes.append(node)
        node.start()
        thread.join()
        assert replies == ([("node", b"2")] if deaths == 1 else [])  # what kills whoever takes it is not sent for ever

    def test_a_wait_can_be_ended_at_once(self, federation: Federation) -> None:
        (silent,) = federation.online({"answer": lambda _request, _send: None})
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        started = time.monotonic()
        exchange = federation.link.grid("study").exchange
        assert list(exchange({silent.name: b"1"}, deadline_seconds=PATIENCE, stop=stop)) == []
        assert time.monotonic() - started < 5.0

    def test_requests_of_several_studies_reach_a_node_in_the_order_in_which_they_came(
        self, federation: Federation
    ) -> None:
        heard: list[bytes] = []
        gate = threading.Event()

        def slowly(request: bytes, send: Callable[[bytes], None]) -> None:
            gate.wait(PATIENCE)
            heard.append(request)
            send(request)

        (node,) = federation.online({"answer": slowly})
        grids = [federation.link.grid(f"study {number}") for number in range(3)]
        threads = []
        for number, grid in enumerate(grids):
            body = {node.name: str(number).encode()}
            thread = threading.Thread(target=lambda g=grid, b=body: list(g.exchange(b, deadline_seconds=PATIENCE)))
            thread.start()
            threads.append(thread)
            time.sleep(0.1)  # so that their order is known
        gate.set()
        for thread in threads:
            thread.join()
        assert heard == [b"0", b"1", b"2"]

    def test_a_connection_that_hung_up_takes_no_message(
        self, federation: Federation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        federation.link.register("node", loopback.public_pem(key))
        node = FleetWire(federation.address, federation.files.root.read_bytes(), key)
        node.activate()
        monkeypatch.setattr(wire, "PULL_SECONDS", 0.3)
        with pytest.raises(Unreachable):
            node.pull()
        time.sleep(0.2)  # the coordinator has seen it hang up
        grid = federation.link.grid("study")
        asking = threading.Thread(target=lambda: list(grid.exchange({"node": b"1"}, deadline_seconds=1.0)))
        asking.start()
        time.sleep(0.3)
        assert node.pull() is not None
        asking.join()
        node.close()

    def test_a_node_in_a_process_of_its_own_answers_and_ends_cleanly(self, federation: Federation) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        key_file = federation.folder / "node.key"
        key_file.write_bytes(loopback.private_pem(key))
        federation.link.register("node", loopback.public_pem(key))
        command = [
            sys.executable,
            loopback.__file__,
            federation.address,
            str(federation.files.root),
            str(key_file),
        ]
        environment = os.environ | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(federation.folder),
        }
        node = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        grid = federation.link.grid("study")
        assert eventually(lambda: "node" in grid.online())
        replies = list(grid.exchange({"node": np.zeros(2).tobytes()}, deadline_seconds=PATIENCE))
        assert replies == [("node", np.ones(2).tobytes())]
        out, err = node.communicate(timeout=PATIENCE)
        assert (node.returncode, out.split(), err) == (0, ["connected", "stopped"], "")
        assert not (federation.folder / ".flwr").exists()


class TestDoor:
    """What the coordinator's port does for those who are not its nodes."""

    @pytest.fixture
    def client(self, federation: Federation) -> Iterator[httpx.Client]:
        trust = ssl.create_default_context(cafile=str(federation.files.root))
        with httpx.Client(base_url=f"https://{federation.address}", verify=trust) as client:
            yield client

    def headers(self, key: ec.EllipticCurvePrivateKey, age: timedelta = timedelta()) -> dict[str, str]:
        timestamp = (datetime.now(UTC) - age).isoformat()
        signature = key.sign(timestamp.encode(), ec.ECDSA(hashes.SHA256()))
        return {
            "flwr-public-key": b64encode(loopback.public_pem(key)).decode(),
            "flwr-timestamp": timestamp,
            "flwr-signature": b64encode(signature).decode(),
        }

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/docs",
            "/health",
            "/openapi.json",
            "/v1/control/list-runs",
            "/v1/control/register-node",
            "/v1/control/start-run",
            "/v1/fleet/get-fab",
            "/v1/fleet/register-node",
            "/v1/runtime/acquire-task",
            "/v1/responses",
        ],
    )
    def test_nothing_but_the_calls_of_the_nodes_exists(
        self, client: httpx.Client, federation: Federation, path: str
    ) -> None:
        (node,) = federation.online({})
        for method in ("GET", "POST"):
            response = client.request(method, path, headers=self.headers(node.key))
            assert (response.status_code, response.content) == (404, b"")

    @pytest.mark.parametrize("minutes", [0, -2, 6])
    def test_a_call_is_served_for_a_registered_key_and_a_fresh_signature_only(
        self, client: httpx.Client, federation: Federation, minutes: int
    ) -> None:
        (node,) = federation.online({})
        body = SendNodeHeartbeatRequest(node=FlowerNode(node_id=federation.node_id(node))).SerializeToString()

        def status(headers: dict[str, str]) -> int:
            return client.post("/v1/fleet/send-node-heartbeat", content=body, headers=headers).status_code

        stranger = ec.generate_private_key(ec.SECP384R1())
        assert status(self.headers(node.key, timedelta(minutes=minutes))) == (200 if minutes == 0 else 401)
        assert status(self.headers(stranger)) == 401
        assert status(self.headers(stranger) | {"flwr-public-key": self.headers(node.key)["flwr-public-key"]}) == 401
        assert status({}) == 401

    def test_no_node_speaks_in_the_name_of_another(self, client: httpx.Client, federation: Federation) -> None:
        one, two = federation.online({}, {})
        body = DeactivateNodeRequest(node_id=federation.node_id(one)).SerializeToString()
        for key, status in ((two.key, 401), (one.key, 200)):
            response = client.post("/v1/fleet/deactivate-node", content=body, headers=self.headers(key))
            assert response.status_code == status

    def test_no_node_answers_for_another(self) -> None:
        board = switchboard.Switchboard()
        members = []
        for name in ("one", "two"):
            pem = loopback.public_pem(ec.generate_private_key(ec.SECP384R1()))
            board.admit(name, pem)
            member = board.member(pem)
            assert member is not None
            board.connect(member)
            members.append(member)
        inbox: switchboard.Inbox = switchboard.Inbox()
        board.post(board.open_run("study"), "one", b"request", 5.0, inbox)
        asked = board.fetch(members[0])
        assert asked is not None
        assert board.fetch(members[1]) is None
        for source in (members[1].node_id, members[0].node_id):
            board.deliver(members[1], reply_to(asked.metadata, source))
            assert inbox.empty()
        board.deliver(members[0], reply_to(asked.metadata, members[0].node_id))
        assert inbox.get_nowait() == ("one", b"reply")

    def test_a_body_beyond_the_limit_or_not_protobuf_is_refused(
        self, client: httpx.Client, federation: Federation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (node,) = federation.online({})
        monkeypatch.setattr(fleet_api, "LARGEST_BODY", 1000)
        for body, status in ((bytes(1001), 413), (b"\xff" * 10, 400)):
            response = client.post("/v1/fleet/push-messages", content=body, headers=self.headers(node.key))
            assert response.status_code == status


class TestSettings:
    def test_both_ends_mean_the_same_empty_bundle(self) -> None:
        assert sha256(switchboard.EMPTY_BUNDLE).hexdigest() == EMPTY_BUNDLE_SHA256

    def test_a_root_certificate_that_is_none_is_said_to_be_so(self, federation: Federation) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        settings = FleetSettings(federation.address, b"nonsense", key, federation.folder)
        with pytest.raises(Invalid, match="root-certificate-unreadable"):
            hold_connection(settings, answer=loopback.add_one, refuse=print, stop=threading.Event(), on_state=print)

    def test_a_port_that_is_taken_and_a_certificate_that_is_none_are_said_to_be_so(
        self, federation: Federation
    ) -> None:
        with pytest.raises(Unreachable, match="port-unavailable"):
            federation.coordinator().start()
        with pytest.raises(Invalid, match="certificate-unusable"):
            SuperLink(
                host="127.0.0.1",
                port=0,
                certificate=federation.files.root,
                private_key=federation.files.key,
                home=federation.folder,
            )

    def test_a_key_is_registered_once_and_for_one_node(self, federation: Federation) -> None:
        key = loopback.public_pem(ec.generate_private_key(ec.SECP384R1()))
        federation.link.register("node", key)
        federation.link.register("node", key)
        with pytest.raises(Invalid, match="node-key-reused"):
            federation.link.register("other", key)
        edwards = ed25519.Ed25519PrivateKey.generate().public_key()
        for malformed in (b"nonsense", edwards.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)):
            with pytest.raises(Invalid, match="node-key-malformed"):
                federation.link.register("third", malformed)
        federation.link.unregister("unknown")
