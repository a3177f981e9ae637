"""A federation in one process: the same bytes, no network, no Flower; for tests and the demo's fast mode."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final

from coordinator.federation.grid import arrivals

MOST_THREADS: Final = 8


class InProcessGrid:
    """Asks a node by calling its handler; a handler that raises is a fault, and is raised here."""

    def __init__(self, handlers: Mapping[str, Callable[[bytes], bytes]]) -> None:
        self._handlers = dict(handlers)

    def online(self) -> frozenset[str]:
        """Return every node that has a handler."""
        return frozenset(self._handlers)

    def exchange(
        self, requests: Mapping[str, bytes], *, deadline_seconds: float, stop: threading.Event | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (fingerprint, reply) as handlers finish; one still running at the deadline is not waited for."""
        known = {node: body for node, body in requests.items() if node in self._handlers}
        pool = ThreadPoolExecutor(max_workers=min(MOST_THREADS, len(known) or 1), thread_name_prefix="node")
        inbox: SimpleQueue[tuple[str, Future[bytes]]] = SimpleQueue()
        try:
            for node, body in known.items():
                answer = pool.submit(self._ask, node, body)
                answer.add_done_callback(lambda done, node=node: inbox.put((node, done)))  # type: ignore[misc]  # its default
            for node, done in arrivals(inbox, len(known), seconds=deadline_seconds, stop=stop):
                yield node, done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, node: str, body: bytes) -> bytes:
        # Copies both ways: no two nodes may share memory that one of them could change.
        return bytes(bytearray(self._handlers[node](bytes(bytearray(body)))))


__all__ = ["InProcessGrid"]
