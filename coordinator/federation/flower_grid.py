"""The grid that reaches real nodes: one Flower run, over the switchboard of the embedded SuperLink."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

from coordinator.federation.grid import arrivals
from coordinator.federation.members import Inbox
from coordinator.federation.switchboard import Switchboard


class FlowerGrid:
    """A Grid over one Flower run of its own; close it when the study is over."""

    def __init__(self, switchboard: Switchboard, study: str) -> None:
        self._switchboard = switchboard
        self._run_id = switchboard.open_run(study)

    def online(self) -> frozenset[str]:
        """Return the nodes that are online now."""
        return self._switchboard.online()

    def exchange(
        self, requests: Mapping[str, bytes], *, deadline_seconds: float, stop: threading.Event | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (fingerprint, reply) as they arrive; see Grid. Raises Invalid for a request over 64 MiB.

        A node that reconnects with a request in its hands is sent it again at once: see the switchboard.
        """
        inbox: Inbox = Inbox()
        posted: list[str] = []
        try:
            for node, body in requests.items():
                if message_id := self._switchboard.post(self._run_id, node, body, deadline_seconds, inbox):
                    posted.append(message_id)
            yield from arrivals(inbox, len(posted), seconds=deadline_seconds, stop=stop)
        finally:
            self._switchboard.withdraw(posted)

    def close(self) -> None:
        """End the run."""
        self._switchboard.close_run(self._run_id)


__all__ = ["FlowerGrid"]
