"""The node holds Flower's Fleet connection itself: no SuperNode process, and shipped code is never fetched.

A listener thread keeps one pull open at the coordinator, so that a request arrives the moment it is sent, and
says that the node is alive while a request is being answered. The caller's thread answers, one at a time.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from flwr.common.constant import HEARTBEAT_MIN_INTERVAL
from flwr.proto.message_pb2 import Message, Metadata
from flwr.proto.recorddict_pb2 import ConfigRecord, ConfigRecordValue, RecordDict

from node.federation.tls import trust_only
from node.federation.wire import LARGEST_MESSAGE, FleetWire
from privacy.errors import HedgerowError, Invalid

# SHA-256 of a ZIP archive with nothing in it: Flower wants every run to name an app bundle; ours has no code.
EMPTY_BUNDLE_SHA256: Final = "8739c76e681f900923b900c9df0ef75cf421d39cabb54650c4b9ad19b6a76d85"

FIRST_WAIT: Final = 0.2  # seconds before the first reconnection; each further wait doubles
LONGEST_WAIT: Final = 2.0  # the node asks for news as often: a coordinator that is back should not be waited for
BEAT_SECONDS: Final = HEARTBEAT_MIN_INTERVAL * 0.7  # Flower gives a node up after two intervals of silence
LEAST_POLL_SECONDS: Final = 0.1  # should a coordinator not hold our pulls, never ask more often than this
STOP_CHECK_SECONDS: Final = 0.1

Send = Callable[[bytes], None]


@dataclass(frozen=True)
class FleetSettings:
    """Where the coordinator is, whom to trust for it, and as whom to speak.

    ``address`` is host:port, ``root_certificate`` PEM, ``home`` where flwr may keep files. ``private_key`` is
    on P-384, as in Flower's SuperNode authentication; ``other_keys`` gives those to try when it is refused, read
    anew each time. ``allowed_bundles`` are SHA-256, in hexadecimal.
    """

    address: str
    root_certificate: bytes
    private_key: ec.EllipticCurvePrivateKey
    home: Path
    allowed_bundles: frozenset[str] = frozenset({EMPTY_BUNDLE_SHA256})
    other_keys: Callable[[], Sequence[ec.EllipticCurvePrivateKey]] = tuple


def hold_connection(
    settings: FleetSettings,
    *,
    answer: Callable[[bytes, Send], None],
    refuse: Callable[[str, Send], None],
    stop: threading.Event,
    on_state: Callable[[str], None],
) -> None:
    """Answer the coordinator's requests, reconnecting for ever; return within a second of ``stop`` being set.

    ``answer(request, send)`` is called for each request and may send one reply. ``refuse(code, send)`` is
    called for what is not put to ``answer`` ("bundle-refused", "request-malformed"), or when ``answer`` raised
    before it sent ("answer-failed"). ``on_state`` hears "connected", "stopped" and the catalogue code of what
    stands in the way; nothing else of it is logged or sent. All are called on the caller's thread.

    Raises Invalid when the root certificate cannot be read.
    """
    os.environ["FLWR_HOME"] = str(settings.home)
    trust_only(settings.root_certificate.decode(errors="replace"))
    wait = FIRST_WAIT
    while not stop.is_set():
        session = _Session(settings, answer, refuse, on_state)
        try:
            session.serve(stop)
        except HedgerowError as error:
            on_state(error.code)
            settings = replace(settings, private_key=session.key)  # never begin again with a key that was replaced
            wait = FIRST_WAIT if session.connected else min(2 * wait, LONGEST_WAIT)
            stop.wait(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnections, hides nothing
    on_state("stopped")


def try_key(settings: FleetSettings) -> None:
    """Come online and go offline again at once; raises the code of whatever stands in the way."""
    wire = FleetWire(settings.address, settings.root_certificate, settings.private_key)
    try:
        wire.activate()
        wire.deactivate()
    finally:
        wire.close()


class _Session:
    """One connection, from coming online to going offline."""

    def __init__(
        self,
        settings: FleetSettings,
        answer: Callable[[bytes, Send], None],
        refuse: Callable[[str, Send], None],
        on_state: Callable[[str], None],
    ) -> None:
        self.connected = False
        self._wire = FleetWire(settings.address, settings.root_certificate, settings.private_key, settings.other_keys)
        self._allowed = settings.allowed_bundles
        self._answer, self._refuse, self._on_state = answer, refuse, on_state
        self._bundles: dict[int, str] = {}  # run id → hash of the bundle it names
        self._inbox: SimpleQueue[Message | Exception | None] = SimpleQueue()  # None: we are online
        self._free = threading.Event()  # set while no request is being answered
        self._over = threading.Event()
        self._left = threading.Event()  # the last call has been made

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """Return the key that the coordinator accepted last."""
        return self._wire.key

    def serve(self, stop: threading.Event) -> None:
        """Answer requests until ``stop`` is set; raises what ended the connection before that."""
        threading.Thread(target=self._listen, name="fleet-listener", daemon=True).start()
        try:
            while not stop.is_set():
                self._take()
        finally:
            self._over.set()
            if self.connected:
                self._wire.deactivate()  # which also makes the coordinator let go of the open pull
            self._left.set()

    def _take(self) -> None:
        try:
            arrival = self._inbox.get(timeout=STOP_CHECK_SECONDS)
        except Empty:
            return
        if isinstance(arrival, Exception):
            raise arrival
        if arrival is None:
            self.connected = True
            self._on_state("connected")
        else:
            self._handle(arrival)
        self._free.set()

    def _handle(self, message: Message) -> None:
        reply = _Reply(self._wire, message)
        request = _payload(message)
        if not self._allows(message.metadata.run_id):
            self._object("bundle-refused", reply)
        elif request is None:
            self._object("request-malformed", reply)
        else:
            self._try(request, reply)

    def _try(self, request: bytes, reply: _Reply) -> None:
        try:
            self._answer(request, reply)
        except Exception:  # noqa: BLE001 - whatever failed here, the coordinator learns one code and no more
            if reply.fault is not None:
                raise reply.fault from None
            self._object("answer-failed", reply)

    def _object(self, code: str, reply: _Reply) -> None:
        self._on_state(code)
        if not reply.used:
            self._refuse(code, reply)

    def _allows(self, run_id: int) -> bool:
        if run_id not in self._bundles:
            self._bundles[run_id] = self._wire.bundle_hash(run_id)
        return self._bundles[run_id] in self._allowed

    def _listen(self) -> None:
        try:
            self._wire.activate()
            self._inbox.put(None)
            while not self._over.is_set():
                if self._free.wait(BEAT_SECONDS):
                    self._pull()
                else:
                    self._wire.beat()
        except Exception as error:  # noqa: BLE001 - raised again where the caller sees it
            self._inbox.put(error)
        finally:
            self._left.wait()
            self._wire.close()

    def _pull(self) -> None:
        asked = time.monotonic()
        message = self._wire.pull()
        if message is not None:
            self._free.clear()
            self._inbox.put(message)
        else:
            self._over.wait(max(0.0, asked + LEAST_POLL_SECONDS - time.monotonic()))


class _Reply:
    """Sends the one reply that a message may have."""

    def __init__(self, wire: FleetWire, message: Message) -> None:
        self.used = False
        self.fault: HedgerowError | None = None  # what kept it from the coordinator
        self._wire = wire
        self._request = message.metadata

    def __call__(self, body: bytes) -> None:
        if self.used:
            raise RuntimeError("a message has one reply")
        if len(body) > LARGEST_MESSAGE:
            raise Invalid("message-too-large")
        self.used = True
        asked, now = self._request, time.time()
        metadata = Metadata(
            run_id=asked.run_id,
            message_id=uuid4().hex,
            dst_node_id=asked.src_node_id,
            reply_to_message_id=asked.message_id,
            group_id=asked.group_id,
            message_type=asked.message_type,
            created_at=now,
            ttl=asked.created_at + asked.ttl - now,
        )
        try:
            self._wire.push(Message(metadata=metadata, content=_envelope(body)))
        except HedgerowError as fault:
            self.fault = fault
            raise


def _envelope(body: bytes) -> RecordDict:
    """Wrap opaque bytes as Flower carries them: one ConfigRecord "hedgerow" with one value "bytes"."""
    value = ConfigRecord.Item(key="bytes", value=ConfigRecordValue(bytes=body))
    return RecordDict(items=[RecordDict.Item(key="hedgerow", config_record=ConfigRecord(items=[value]))])


def _payload(message: Message) -> bytes | None:
    """Return the bytes of an envelope; None for any other content."""
    records = message.content.items
    if len(records) != 1 or records[0].key != "hedgerow" or records[0].WhichOneof("value") != "config_record":
        return None
    values = records[0].config_record.items
    if len(values) != 1 or values[0].key != "bytes" or values[0].value.WhichOneof("value") != "bytes":
        return None
    body = values[0].value.bytes
    return body if len(body) <= LARGEST_MESSAGE else None


__all__ = ["EMPTY_BUNDLE_SHA256", "FleetSettings", "hold_connection", "try_key"]
