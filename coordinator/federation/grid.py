"""What the round loop needs of a federation, whatever carries it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol


class Grid(Protocol):
    """Asks nodes, named by their key's fingerprint, and yields their answers; safe to use from any thread."""

    def online(self) -> frozenset[str]:
        """Return the nodes that are online now."""
        ...

    def exchange(self, requests: Mapping[str, bytes], *, deadline_seconds: float) -> Iterator[tuple[str, bytes]]:
        """Yield (fingerprint, reply) as replies arrive; end when all have answered or the deadline passed.

        Only the nodes in ``requests`` are asked, each its own bytes. Nothing is sent, and no time passes,
        before the first reply is asked for. A node that is unknown, offline or silent is missing from the yield.
        """
        ...


__all__ = ["Grid"]
