"""Flower's Fleet protocol as the coordinator serves it: six calls, each authenticated, and nothing else.

flwr's own server application is not used. It also serves a control API, which by default lets anybody start a
run or register a node, a runtime API and documentation, 76 paths in all; and an exchange with six nodes takes
seventy requests of it, each through ten layers of middleware, where this takes twelve.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.common.constant import SYSTEM_TIME_TOLERANCE, TIMESTAMP_HEADER, TIMESTAMP_TOLERANCE
from flwr.common.serde import message_from_proto, message_to_proto, run_to_proto
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
from flwr.proto.run_pb2 import GetRunRequest, GetRunResponse
from flwr.supercore.constant import FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from coordinator.federation.members import Member
from coordinator.federation.switchboard import LARGEST_MESSAGE, Switchboard

HOLD_SECONDS: Final = 10.0  # how long a pull waits for a message; nodes give up on it after 20
OLDEST_PROOF_SECONDS: Final = TIMESTAMP_TOLERANCE + SYSTEM_TIME_TOLERANCE
LARGEST_BODY: Final = LARGEST_MESSAGE + 64 * 2**10  # Flower's metadata around a message

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Rejected(Exception):
    """Ends a call with an HTTP status and no explanation: the caller is told nothing that it did not send."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class FleetApi:
    """An ASGI application for the nodes of one switchboard."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._reported: set[bytes] = set()
        self._calls: dict[str, tuple[type[Protobuf], Callable[..., Awaitable[Protobuf]]]] = {
            "/v1/fleet/activate-node": (ActivateNodeRequest, self._activate),
            "/v1/fleet/deactivate-node": (DeactivateNodeRequest, self._deactivate),
            "/v1/fleet/get-run": (GetRunRequest, self._get_run),
            "/v1/fleet/pull-messages": (PullMessagesRequest, self._pull),
            "/v1/fleet/push-messages": (PushMessagesRequest, self._push),
            "/v1/fleet/send-node-heartbeat": (SendNodeHeartbeatRequest, self._beat),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        try:
            status, body = 200, (await self._respond(scope, receive)).SerializeToString()
        except _Rejected as rejected:
            status, body = rejected.status, b""
        headers = [(b"content-type", b"application/protobuf"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Scope, receive: Receive) -> Protobuf:
        if scope["method"] != "POST" or scope["path"] not in self._calls:
            raise _Rejected(404)
        request_type, call = self._calls[scope["path"]]
        member = self._authenticate(dict(scope["headers"]))  # before a byte of the body is read
        try:
            request = request_type.FromString(await _read(receive))
        except DecodeError:
            raise _Rejected(400) from None
        if not isinstance(request, ActivateNodeRequest):
            self._check_sender(member, request)
        return await call(member, request, receive)

    def _authenticate(self, headers: dict[bytes, bytes]) -> Member:
        """Return the member whose key signed the time just now: Flower's SuperNode authentication."""
        try:
            pem = b64decode(headers[FLEET_HTTP_PUBLIC_KEY_HEADER.encode()], validate=True)
            signature = b64decode(headers[FLEET_HTTP_SIGNATURE_HEADER.encode()], validate=True)
            timestamp = headers[TIMESTAMP_HEADER.encode()]
            age = (datetime.now(UTC) - datetime.fromisoformat(timestamp.decode("ascii"))).total_seconds()
            member = self._switchboard.member(pem)
            if member is None:
                self._report(pem)
            if member is None or not -SYSTEM_TIME_TOLERANCE < age < OLDEST_PROOF_SECONDS:
                raise _Rejected(401)
            member.public_key.verify(signature, timestamp, ec.ECDSA(hashes.SHA256()))
        except (KeyError, ValueError, TypeError, InvalidSignature):
            raise _Rejected(401) from None
        return member

    def _report(self, pem: bytes) -> None:
        """Log that somebody calls with a key that no longer serves: once a key, however often they call."""
        if (node := self._switchboard.former(pem)) is not None and pem not in self._reported:
            self._reported.add(pem)
            log.warning("former-key-calls", node=node, code="node-key-refused")

    def _check_sender(self, member: Member, request: Protobuf) -> None:
        if _claimed_node(request) != member.node_id:
            raise _Rejected(401)
        if not self._switchboard.connected(member):  # such as a pull that its own farewell overtook
            raise _Rejected(409)

    async def _activate(self, member: Member, _request: Protobuf, _receive: Receive) -> Protobuf:
        self._switchboard.connect(member)
        return ActivateNodeResponse(node_id=member.node_id)

    async def _deactivate(self, member: Member, _request: Protobuf, _receive: Receive) -> Protobuf:
        self._switchboard.disconnect(member)
        return DeactivateNodeResponse()

    async def _beat(self, member: Member, _request: Protobuf, _receive: Receive) -> Protobuf:
        self._switchboard.beat(member)
        return SendNodeHeartbeatResponse(success=True)

    async def _get_run(self, _member: Member, request: GetRunRequest, _receive: Receive) -> Protobuf:
        if (run := self._switchboard.run(request.run_id)) is None:
            raise _Rejected(404)
        return GetRunResponse(run=run_to_proto(run))

    async def _pull(self, member: Member, _request: Protobuf, receive: Receive) -> Protobuf:
        self._switchboard.beat(member)
        loop = asyncio.get_running_loop()
        called: asyncio.Future[bool] = loop.create_future()

        def bell(*, mail: bool) -> None:
            loop.call_soon_threadsafe(_settle, called, mail)

        with self._switchboard.listening(member, bell):
            message = self._switchboard.fetch(member)
            if message is None and await _mail(called, receive):
                message = self._switchboard.fetch(member)
        return PullMessagesResponse(messages_list=[message_to_proto(message)] if message else [])

    async def _push(self, member: Member, request: PushMessagesRequest, _receive: Receive) -> Protobuf:
        for reply in request.messages_list:
            try:
                message = message_from_proto(reply)
            except (ValueError, TypeError):
                raise _Rejected(400) from None
            self._switchboard.deliver(member, message)
        return PushMessagesResponse()


def _settle(called: asyncio.Future[bool], mail: bool) -> None:  # noqa: FBT001 - asyncio passes no keywords
    if not called.done():
        called.set_result(mail)


async def _mail(called: asyncio.Future[bool], receive: Receive) -> bool:
    """Wait to be called, and say whether it was for mail; False too when time runs out or the node hangs up.

    A connection that died must not fetch: Flower counts a message as delivered once it is fetched.
    """
    hang_up = asyncio.ensure_future(receive())
    await asyncio.wait((called, hang_up), timeout=HOLD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    gone = not hang_up.cancel()
    return called.done() and called.result() and not gone


async def _read(receive: Receive) -> bytes:
    """Return the body of a request; end the call when it is too large or breaks off."""
    body, more = bytearray(), True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise _Rejected(400)
        body += event.get("body", b"")
        more = event.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise _Rejected(413)
    return bytes(body)


def _claimed_node(request: Protobuf) -> int:
    """Return the node that a request says it comes from; Flower's messages name it in two ways."""
    node_id: int = request.node_id if isinstance(request, DeactivateNodeRequest) else request.node.node_id
    return node_id


__all__ = ["FleetApi"]
