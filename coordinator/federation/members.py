"""What the switchboard knows of each node and of each message: who it is, how to call it, who waits for its reply."""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

Inbox = SimpleQueue[tuple[str, bytes]]


class Bell(Protocol):
    """Ends an open pull, because there is mail or because it should just end. Must not block."""

    def __call__(self, *, mail: bool) -> None:
        """End the pull."""


@dataclass(frozen=True)
class Member:
    """A node that may connect: who it is to us, what Flower calls it, and the key that proves it."""

    fingerprint: str
    node_id: int
    public_key: ec.EllipticCurvePublicKey


@dataclass
class Posted:
    """A message whose reply somebody waits for."""

    node_id: int
    inbox: Inbox
    deliveries: int = 0


__all__ = ["Bell", "Inbox", "Member", "Posted"]
