"""Who else knows how long this node's log is: the coordinator, told often, and its word held against the log."""

from __future__ import annotations

import base64
import binascii
import datetime
from pathlib import Path

from privacy.audit import AuditLog, Checkpoint
from privacy.errors import Invalid, Unreachable
from privacy.release import Notice, decode
from privacy.signing import PublicKey

TOLD_AT_LEAST = datetime.timedelta(seconds=10)  # while the log keeps growing; once it is quiet, at once


def kept_checkpoint(content: bytes, node: PublicKey) -> Notice:
    """Return what this node once said of its log; ``signature-wrong`` or ``message-malformed`` if it never did."""
    notice = decode(content, node)
    if not isinstance(notice, Notice) or notice.kind != "checkpoint":
        raise Invalid("message-malformed")
    return notice


def read_checkpoint(path: Path, log: AuditLog) -> Checkpoint:
    """Return the checkpoint in a file that somebody else kept, once it is shown to be this node's own word."""
    try:
        notice = kept_checkpoint(path.read_bytes(), log.public_key)
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    return log.vouched(notice.size, notice.root)


class Witness:
    """Holds the log against what the coordinator kept of it, and says when the coordinator is to be told more.

    A checkpoint that this node did not sign says nothing about it: it is ignored, and cannot stop the node. One that it
    did sign, and that its log does not hold, is ``state-behind``.
    """

    def __init__(self, log: AuditLog, *, node: str) -> None:
        self._log, self._node = log, node
        self._compared: str | None = None
        self._seen = self._told = -1
        self._told_at: datetime.datetime | None = None

    def compare(self, kept: str) -> None:
        """Hold the log against a kept checkpoint (base64; empty when there is none): ``state-behind`` if it lacks it.

        What is not this node's own word is ``signature-wrong`` or ``message-malformed``.
        """
        if kept in ("", self._compared):
            return
        try:
            content = base64.b64decode(kept, validate=True)
        except (binascii.Error, ValueError):
            raise Invalid("message-malformed") from None
        notice = kept_checkpoint(content, self._log.public_key)
        self._log.check_newest(size=notice.size, root=notice.root)
        self._compared = kept

    def due(self, now: datetime.datetime) -> bool:
        """Say whether the log has something new that the coordinator should hear now: it grew, and was quiet since."""
        size = self._log.size
        quiet, self._seen = size in (self._seen, 0), size
        long_ago = self._told_at is None or now - self._told_at >= TOLD_AT_LEAST
        return size != self._told and (quiet or long_ago)

    def notice(self, signed: Checkpoint) -> Notice:
        """Return what is sent of a checkpoint."""
        return Notice("checkpoint", self._node, size=signed.size, root=signed.root)

    def was_told(self, notice: Notice, now: datetime.datetime) -> None:
        """Note that the coordinator has it."""
        self._told, self._told_at = notice.size, now


__all__ = ["TOLD_AT_LEAST", "Witness", "kept_checkpoint", "read_checkpoint"]
