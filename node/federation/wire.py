"""Flower's Fleet protocol as this node speaks it: protobuf over TLS, every call signed with the node's key.

flwr's own client is not used: on a refused key it sends SIGINT to its own process, it cannot be interrupted
while it retries, it follows redirects to other hosts, and it reads answers of any size. A proxy that the
operator has set in the environment (HTTPS_PROXY) is used.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import httpx
import structlog
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.common.constant import HEARTBEAT_MIN_INTERVAL, TIMESTAMP_HEADER
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    ActivateNodeResponse,
    DeactivateNodeRequest,
    DeactivateNodeResponse,
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
    PushMessagesResponse,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest, SendNodeHeartbeatResponse
from flwr.proto.message_pb2 import Message
from flwr.proto.node_pb2 import Node
from flwr.proto.run_pb2 import GetRunRequest, GetRunResponse
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from node.federation.tls import certificate_refusal, trust_only
from privacy.errors import HedgerowError, Invalid, Refusal, Unreachable

LARGEST_MESSAGE: Final = 64 * 2**20
ENVELOPE_ROOM: Final = 64 * 2**10  # Flower's metadata around a message
CALL_SECONDS: Final = 30.0
KEEP_SECONDS: Final = 60.0  # an idle connection; a new one costs a handshake
PULL_SECONDS: Final = 20.0  # the coordinator holds a pull for up to 10 s
FAREWELL_SECONDS: Final = 0.3  # leaving must not wait for a coordinator that is gone

Answer = TypeVar("Answer", bound=Protobuf)

# flwr logs at DEBUG to a handler of its own; what is worth knowing goes the way of all our logs.
logging.getLogger("flwr").setLevel(logging.WARNING)
logging.getLogger("flwr").handlers.clear()
logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every poll

_log = structlog.get_logger()


class FleetWire:
    """One authenticated connection to the coordinator; safe to call from two threads.

    When the key is refused, those that ``other_keys`` gives are tried on the same call, and the one that is accepted
    is kept: a node whose key was rotated loses no call and no message.

    Every call raises Unreachable, Refusal or Invalid with a code of the catalogue, never the transport's own.
    """

    def __init__(
        self,
        address: str,
        root_certificate: bytes,
        key: ec.EllipticCurvePrivateKey,
        other_keys: Callable[[], Sequence[ec.EllipticCurvePrivateKey]] = tuple,
    ) -> None:
        self._key = _KeyPair(key)
        self._other_keys = other_keys
        self._node = Node()
        self._http = httpx.Client(
            base_url=f"https://{address}/v1/fleet/",
            verify=trust_only(root_certificate.decode(errors="replace")),
            limits=httpx.Limits(keepalive_expiry=KEEP_SECONDS),
            follow_redirects=False,
            headers={"content-type": "application/protobuf", "accept-encoding": "identity"},
        )

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """Return the key that was accepted last, or the one to begin with."""
        return self._key.private

    def activate(self) -> None:
        """Come online; the coordinator says under which of Flower's node ids."""
        request = ActivateNodeRequest(public_key=self._key.public, heartbeat_interval=HEARTBEAT_MIN_INTERVAL)
        self._node = Node(node_id=self._call("activate-node", request, ActivateNodeResponse).node_id)

    def deactivate(self) -> None:
        """Go offline if the coordinator can still be told; never raises, never waits long."""
        try:
            request = DeactivateNodeRequest(node_id=self._node.node_id)
            self._call("deactivate-node", request, DeactivateNodeResponse, seconds=FAREWELL_SECONDS)
        except HedgerowError:
            pass  # it will notice the silence

    def beat(self) -> None:
        """Say that this node is alive, while it is too busy to pull."""
        request = SendNodeHeartbeatRequest(node=self._node, heartbeat_interval=HEARTBEAT_MIN_INTERVAL)
        self._call("send-node-heartbeat", request, SendNodeHeartbeatResponse)

    def pull(self) -> Message | None:
        """Return the next message, or None when the coordinator had none for as long as it held the call."""
        request = PullMessagesRequest(node=self._node)
        pulled = self._call("pull-messages", request, PullMessagesResponse, seconds=PULL_SECONDS)
        return pulled.messages_list[0] if pulled.messages_list else None

    def bundle_hash(self, run_id: int) -> str:
        """Return the SHA-256 of the app bundle a run names; the bundle itself is never asked for."""
        request = GetRunRequest(node=self._node, run_id=run_id)
        return self._call("get-run", request, GetRunResponse).run.fab_hash

    def push(self, message: Message) -> None:
        """Hand one reply to the coordinator."""
        message.metadata.src_node_id = self._node.node_id
        request = PushMessagesRequest(node=self._node, messages_list=[message])
        self._call("push-messages", request, PushMessagesResponse)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _call(self, name: str, request: Protobuf, answer: type[Answer], *, seconds: float = CALL_SECONDS) -> Answer:
        key = self._key
        try:
            return self._post(name, request, answer, seconds, key)
        except Refusal as refused:
            if refused.code != "node-key-refused":
                raise
        for other in map(_KeyPair, self._other_keys()):
            if other.public != key.public:
                try:
                    accepted = self._post(name, request, answer, seconds, other)
                except Refusal:
                    continue
                self._key = other
                _log.info("fleet-key-switched")
                return accepted
        raise Refusal("node-key-refused")

    def _post(self, name: str, request: Protobuf, answer: type[Answer], seconds: float, key: _KeyPair) -> Answer:
        if isinstance(request, ActivateNodeRequest):
            request.public_key = key.public
        body, proof = request.SerializeToString(), key.proof()
        try:
            with self._http.stream("POST", name, content=body, headers=proof, timeout=seconds) as response:
                _check(response.status_code)
                parsed: Answer = answer.FromString(_read(response.iter_raw()))
                return parsed
        except (httpx.HTTPError, DecodeError) as error:
            if refusal := certificate_refusal(error):
                raise refusal from None
            raise Unreachable("coordinator-unreachable") from None


class _KeyPair:
    """One fleet key, and what proves that we hold it."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self.private = key
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.public = key.public_key().public_bytes(serialization.Encoding.PEM, form)

    def proof(self) -> dict[str, str]:
        """Return Flower's SuperNode authentication: the time, signed with the node's key."""
        timestamp = datetime.now(UTC).isoformat()
        signature = self.private.sign(timestamp.encode(), ec.ECDSA(hashes.SHA256()))
        return {
            FLEET_HTTP_PUBLIC_KEY_HEADER: b64encode(self.public).decode(),
            TIMESTAMP_HEADER: timestamp,
            FLEET_HTTP_SIGNATURE_HEADER: b64encode(signature).decode(),
        }


def _check(status: int) -> None:
    if status == httpx.codes.UNAUTHORIZED:
        raise Refusal("node-key-refused")
    if status != httpx.codes.OK:
        raise Unreachable("coordinator-unreachable", f"it answered {status}")


def _read(chunks: Iterator[bytes]) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > LARGEST_MESSAGE + ENVELOPE_ROOM:
            raise Invalid("request-malformed", "it is larger than 64 MiB")
    return bytes(content)


__all__ = ["LARGEST_MESSAGE", "FleetWire"]
