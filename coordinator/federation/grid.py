"""What the round loop needs of a federation, whatever carries it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from queue import Empty, SimpleQueue
from typing import Final, Protocol, TypeVar

LOOK_UP_SECONDS: Final = 0.2  # how often somebody who waits for answers looks whether to stop

T = TypeVar("T")


class Grid(Protocol):
    """Asks nodes, named by their key's fingerprint, and yields their answers; safe to use from any thread."""

    def online(self) -> frozenset[str]:
        """Return the nodes that are online now."""
        ...

    def exchange(
        self, requests: Mapping[str, bytes], *, deadline_seconds: float, stop: threading.Event | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (fingerprint, reply) as replies arrive; end when all have answered or the deadline passed.

        Only the nodes in ``requests`` are asked, each its own bytes. Nothing is sent, and no time passes,
        before the first reply is asked for. A node that is unknown, offline or silent is missing from the yield.
        Once ``stop`` is set it ends within ``LOOK_UP_SECONDS``, whoever is still waited for.
        """
        ...


def arrivals(inbox: SimpleQueue[T], count: int, *, seconds: float, stop: threading.Event | None) -> Iterator[T]:
    """Yield ``count`` things as they arrive; end before that when the time is over or ``stop`` is set."""
    ends = time.monotonic() + seconds
    while count and not (stop and stop.is_set()):
        left = ends - time.monotonic()
        try:
            arrived = inbox.get(timeout=max(0.0, min(left, LOOK_UP_SECONDS)))
        except Empty:
            if left <= 0:
                return
        else:
            count -= 1
            yield arrived


__all__ = ["LOOK_UP_SECONDS", "Grid", "arrivals"]
