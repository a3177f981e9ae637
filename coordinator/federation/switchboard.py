"""Who is in the federation, and which message is whose: Flower's link state, spoken to by fingerprint.

Flower keeps nodes, runs and messages, and decides what is valid. Here each node is its key's fingerprint, as
Flower's node ids change when a coordinator restarts. Everything is safe to call from any thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import uuid4

import structlog
from flwr.app import ConfigRecord, Message, Metadata, RecordDict
from flwr.app.message import make_message
from flwr.common.constant import (
    HEARTBEAT_MIN_INTERVAL,
    NOOP_ACCOUNT_NAME,
    NOOP_FLWR_AID,
    SUPERLINK_NODE_ID,
    SubStatus,
)
from flwr.server.superlink.linkstate.in_memory_linkstate import InMemoryLinkState
from flwr.supercore.constant import NOOP_FEDERATION_ID, NodeStatus, TaskType
from flwr.supercore.fab import Fab
from flwr.supercore.object_store.in_memory_object_store import InMemoryObjectStore
from flwr.supercore.run import Run
from flwr.superlink.federation import NoOpFederationManager

from coordinator.federation.fleet_keys import elliptic, pem_of
from coordinator.federation.members import Bell, Inbox, Member, Posted
from privacy.errors import Invalid

# Flower wants every run to name an app bundle. Ours is the ZIP archive with nothing in it: the same bytes on
# every machine and in every year, with no code for anybody to run.
EMPTY_BUNDLE: Final = b"PK\x05\x06" + bytes(18)

LARGEST_MESSAGE: Final = 64 * 2**20
MOST_DELIVERIES: Final = 4  # of one request to a node that reconnects without having answered it
CLOCKS_APART_SECONDS: Final = 600.0  # a message outlives its exchange, as a node's clock may be wrong

logging.getLogger("flwr").setLevel(logging.WARNING)  # it logs at DEBUG, to a handler of its own
logging.getLogger("flwr").handlers.clear()

log = structlog.get_logger()


class Switchboard:
    """Admits nodes, posts messages to them, and hands each reply to whoever waits for it."""

    def __init__(self) -> None:
        self._state = InMemoryLinkState(NoOpFederationManager(), InMemoryObjectStore())
        self._members: dict[bytes, Member] = {}  # by public key, PEM
        self._former: dict[bytes, str] = {}  # keys that no longer serve: whose they were
        self._connected: set[int] = set()  # Flower's node ids
        self._by_name: dict[str, Member] = {}  # by fingerprint
        self._awaited: dict[str, Posted] = {}  # by message id
        self._closing = False
        self._bells: dict[int, Bell] = {}  # by Flower's node id
        self._admitting = threading.Lock()

    def admit(self, fingerprint: str, public_key_pem: bytes) -> None:
        """Let the holder of this key, and nobody else, connect as ``fingerprint``; a no-op when it is so.

        A member with another key goes on with this one as the same node of Flower's: it stays connected, and what was
        asked of it with the old key it answers with the new. The old key is refused from then on.

        Raises Invalid when the key is not an elliptic-curve key or belongs, or belonged, to another node.
        """
        public_key = elliptic(public_key_pem)
        pem = pem_of(public_key)
        with self._admitting:
            known = self._members.get(pem)
            if (known.fingerprint if known else self._former.get(pem, fingerprint)) != fingerprint:
                raise Invalid("node-key-reused")
            if known is not None:
                return
            earlier = self._by_name.get(fingerprint)
            node_id = earlier.node_id if earlier else self._node_id(pem)
            self._members[pem] = self._by_name[fingerprint] = Member(fingerprint, node_id, public_key)
            self._former.pop(pem, None)
            if earlier is not None:
                self._retire(earlier)
                self.release(node_id)  # so that the node calls again, and finds out

    def retire(self, fingerprint: str, public_key_pem: bytes) -> None:
        """Remember a key that no longer serves: whoever calls with it is refused, and known to us."""
        if public_key_pem not in self._members:
            self._former[public_key_pem] = fingerprint

    def former(self, public_key_pem: bytes) -> str | None:
        """Return the fingerprint of the node whose key this was and no longer is, if there is one."""
        return self._former.get(public_key_pem)

    def dismiss(self, fingerprint: str) -> None:
        """Cut this node off at once; a no-op when it is not a member."""
        with self._admitting:
            self._dismiss(fingerprint)

    def member(self, public_key_pem: bytes) -> Member | None:
        """Return the member with this key, if there is one."""
        return self._members.get(public_key_pem)

    def online(self) -> frozenset[str]:
        """Return the members that are online now."""
        online = {node.node_id for node in self._state.get_node_info(statuses=[NodeStatus.ONLINE])}
        return frozenset(member.fingerprint for member in list(self._members.values()) if member.node_id in online)

    def connected(self, member: Member) -> bool:
        """Tell whether a member has come online and not left."""
        return member.node_id in self._connected

    def connect(self, member: Member) -> None:
        """Mark a member as online; what it had in its hands when its last connection ended is before it again."""
        self._connected.add(member.node_id)
        self.release(member.node_id)  # a pull left open by a dead connection must not take the next message
        self._deliver_again(member)
        self._state.deactivate_node(member.node_id)  # Flower activates nobody whom it believes to be online
        self._state.activate_node(member.node_id, HEARTBEAT_MIN_INTERVAL)

    def disconnect(self, member: Member) -> None:
        """Mark a member as offline, until it connects again."""
        self._connected.discard(member.node_id)
        self._state.deactivate_node(member.node_id)
        self.release(member.node_id)

    def beat(self, member: Member) -> None:
        """Note that a member is alive."""
        self._state.acknowledge_node_heartbeat(member.node_id, HEARTBEAT_MIN_INTERVAL)

    def open_run(self, study: str) -> int:
        """Start a Flower run for a study, naming the empty bundle, and return its id; it lasts until closed."""
        bundle_hash = self._state.store_fab(Fab(sha256(EMPTY_BUNDLE).hexdigest(), EMPTY_BUNDLE, {}))
        run_id = self._state.create_run(
            fab_id="hedgerow/empty",
            fab_version="1.0.0",
            fab_hash=bundle_hash,
            override_config={},
            federation_id=NOOP_FEDERATION_ID,
            federation_config=None,
            flwr_aid=NOOP_FLWR_AID,
            primary_task_type=TaskType.SERVER_APP,
            series_description=study,
        )
        task_id = self._task_id(run_id)
        self._state.claim_task(task_id)
        # Flower fails a run whose server process falls silent for a minute. Ours is this process.
        self._state.task_token_store[task_id].active_until = datetime.max.replace(tzinfo=UTC)
        self._state.activate_task(task_id)
        self._state.task_token_store[task_id].active_until = datetime.max.replace(tzinfo=UTC)
        return run_id

    def close_run(self, run_id: int) -> None:
        """End a run, with every message of it."""
        self._state.finish_task(self._task_id(run_id), SubStatus.COMPLETED, "")
        self._state.cleanup_run(run_id)

    def run(self, run_id: int) -> Run | None:
        """Return what Flower knows about a run."""
        return next(iter(self._state.get_run_info(run_ids=[run_id])), None)

    def post(self, run_id: int, fingerprint: str, body: bytes, seconds: float, inbox: Inbox) -> str | None:
        """Leave a message for a member; its reply will go to ``inbox``. Return its id, None for a stranger."""
        member = self._by_name.get(fingerprint)
        if member is None:
            return None
        if len(body) > LARGEST_MESSAGE:
            raise Invalid("message-too-large")
        metadata = Metadata(
            run_id=run_id,
            message_id=uuid4().hex,
            src_node_id=SUPERLINK_NODE_ID,
            dst_node_id=member.node_id,
            reply_to_message_id="",
            group_id="",
            created_at=datetime.now(UTC).timestamp(),
            ttl=seconds + CLOCKS_APART_SECONDS,
            message_type="query",
        )
        self._awaited[metadata.message_id] = Posted(member.node_id, inbox)
        envelope = RecordDict({"hedgerow": ConfigRecord({"bytes": body})})
        if self._state.store_message_ins(make_message(metadata, envelope)) is None:
            raise RuntimeError("Flower took no message for this run: it is closed")
        self._ring(member.node_id, mail=True)
        return metadata.message_id

    def withdraw(self, message_ids: Collection[str]) -> None:
        """Forget these messages, delivered or not: a reply that comes later is dropped."""
        for message_id in message_ids:
            self._awaited.pop(message_id, None)
        self._state.delete_messages(set(message_ids))

    def fetch(self, member: Member) -> Message | None:
        """Return the next message for a member, the longest waiting first; Flower then counts it as delivered."""
        message = next(iter(self._state.get_message_ins(member.node_id, limit=1)), None)
        if message and (posted := self._awaited.get(message.metadata.message_id)):
            posted.deliveries += 1
        return message

    def deliver(self, member: Member, reply: Message) -> None:
        """Hand a member's reply to whoever waits for it; drop what nobody waits for, or Flower refuses."""
        body = _payload(reply)
        asked = reply.metadata.reply_to_message_id
        if reply.metadata.src_node_id != member.node_id or body is None:
            return
        if self._state.store_message_res(reply) is None:
            return
        self._state.delete_messages({asked})
        if (posted := self._awaited.pop(asked, None)) is not None:
            posted.inbox.put((member.fingerprint, body))

    @contextmanager
    def listening(self, member: Member, bell: Bell) -> Iterator[None]:
        """Have ``bell`` called, once, when there is mail for this member; an earlier one is let go."""
        self.release(member.node_id)
        self._bells[member.node_id] = bell
        if self._closing:
            self.release(member.node_id)
        try:
            yield
        finally:
            if self._bells.get(member.node_id) is bell:
                del self._bells[member.node_id]

    def close(self) -> None:
        """Let every open pull go, and from now on each new one at once: a node pulls again while the server ends."""
        self._closing = True
        self.release()

    def release(self, node_id: int | None = None) -> None:
        """End the open pull of one node, or of every node, without mail."""
        for each in list(self._bells) if node_id is None else [node_id]:
            self._ring(each, mail=False)

    def _ring(self, node_id: int, *, mail: bool) -> None:
        if (bell := self._bells.pop(node_id, None)) is not None:
            bell(mail=mail)

    def _retire(self, member: Member) -> None:
        pem = pem_of(member.public_key)
        self._members.pop(pem, None)
        self._former[pem] = member.fingerprint

    def _deliver_again(self, member: Member) -> None:
        """Count as not delivered what a member fetched and did not answer: its last connection died with it.

        Bounded: a request that kills whoever takes it is not sent for ever.
        """
        for message_id, posted in list(self._awaited.items()):
            if posted.node_id == member.node_id and 0 < posted.deliveries < MOST_DELIVERIES:
                with self._state.lock:
                    if (message := self._state.message_ins_store.get(message_id)) is not None:
                        message.metadata.delivered_at = ""
                        log.info("asked-again", node=member.fingerprint, deliveries=posted.deliveries)

    def _dismiss(self, fingerprint: str) -> None:
        if (member := self._by_name.pop(fingerprint, None)) is not None:
            self._retire(member)
            self.disconnect(member)

    def _node_id(self, pem: bytes) -> int:
        # A dismissed node is not deleted from Flower's state, which would never let its key in again.
        if (node_id := self._state.get_node_id_by_public_key(pem)) is not None:
            return node_id
        node_id = self._state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, pem, HEARTBEAT_MIN_INTERVAL)
        # Flower takes messages for a node that is offline, but not for one that was never online.
        self._state.activate_node(node_id, HEARTBEAT_MIN_INTERVAL)
        self._state.deactivate_node(node_id)
        return node_id

    def _task_id(self, run_id: int) -> int:
        task_id = self._state.run_ids[run_id].run.primary_task_id
        if task_id is None:
            raise RuntimeError("Flower made a run without a task")
        return task_id


def _payload(message: Message) -> bytes | None:
    """Return the bytes of an envelope: one ConfigRecord "hedgerow" with one value "bytes"; else None."""
    if not message.has_content() or list(message.content) != ["hedgerow"]:
        return None
    record = message.content["hedgerow"]
    if not isinstance(record, ConfigRecord) or list(record) != ["bytes"]:
        return None
    body = record["bytes"]
    return body if isinstance(body, bytes) else None


__all__ = ["EMPTY_BUNDLE", "LARGEST_MESSAGE", "MOST_DELIVERIES", "Switchboard"]
