"""How long it takes after kill -9 until the next answer, and that nothing is charged twice or lost."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from deploy.bench.run import Figure
from tests.recovery.evidence import Evidence
from tests.recovery.federation import HUB, NODES, Federation
from tests.recovery.walk import Point, Walk

ROUNDS = 5
DEADLINE_SECONDS = 60.0  # a coordinator's default
SLOT_SECONDS = 0.2  # a node's default
NODE = NODES[0]
COMPUTING = Point(NODE, "compute", "sum", 1, "after")
KEEPING = Point(HUB, "commit", "coordinator.journal.Journal.keep", 2, "after")
BOTH = Point(NODE, "compute", "sum", 1, "after", also=(HUB,))
ALL = Point(NODE, "compute", "sum", 1, "after", also=(HUB, *NODES[1:]))
KINDS = {"node_idle": None, "node_computing": COMPUTING, "coordinator": KEEPING, "both": BOTH, "all": ALL}


class Idle(Walk):
    """A study before whose first exchange a node dies that has nothing to do."""

    def _finish(self) -> None:
        self.federation.kill(NODE)
        self.reached, self.restarted_at = True, time.monotonic()
        self.federation.start(NODE)
        super()._finish()


def figures() -> Iterator[Figure]:
    """Kill each kind five times, in one federation that lives through all of it."""
    found: list[Evidence] = []
    with tempfile.TemporaryDirectory() as name:
        federation = Federation(Path(name), deadline_seconds=DEADLINE_SECONDS)
        federation.found(slot_seconds=SLOT_SECONDS)
        try:
            federation.start_all()
            for kind, point in KINDS.items():
                seconds = []
                for _ in range(ROUNDS):
                    walk = Walk(federation, point) if point else Idle(federation)
                    found.append(walk.run())
                    seconds.append(walk.recovery_seconds)
                against = f"from the command to start again to its next answer; {ROUNDS} kills"
                yield Figure(f"recovery_{kind}_median", median(seconds), "s", 5, "at_most", against)
                yield Figure(f"recovery_{kind}_worst", max(seconds), "s", 10, "at_most", "the same, the worst")
        finally:
            federation.stop()
    against = f"over {len(found)} kills"
    yield Figure("double_charges", sum(e.double_charges for e in found), "charges", 0, "at_most", against)
    yield Figure("lost_charges", sum(e.lost_charges for e in found), "charges", 0, "at_most", against)
    faults = sum(len(e.faults) for e in found)
    yield Figure("recovery_faults", faults, "faults", 0, "at_most", "answers, logs, ledgers and models after each kill")


__all__ = [
    "ALL",
    "BOTH",
    "COMPUTING",
    "DEADLINE_SECONDS",
    "KEEPING",
    "KINDS",
    "NODE",
    "ROUNDS",
    "SLOT_SECONDS",
    "Idle",
    "figures",
]
