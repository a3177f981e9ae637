"""What a service holds and uses while nobody asks it for anything."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.bench.processes import processor_seconds, resident_megabytes
from deploy.bench.run import Figure
from deploy.demo.stage import stage, wait_for
from tests.recovery.federation import HUB, PASSPHRASE, Federation

SETTLING_SECONDS, WATCHED_SECONDS = 3.0, 20.0
CONNECTED = '"connection", "is_now": "connected"'


def figures() -> Iterator[Figure]:
    """Serve one coordinator and one node, as their commands, and watch them for twenty seconds."""
    with tempfile.TemporaryDirectory() as name, stage(Path(name) / "stage", PASSPHRASE) as own:
        federation = Federation(Path(name), nodes=("node",))
        federation.found()
        own.serve("hedgerow-coordinator", federation.place(HUB))
        own.serve("hedgerow-node", federation.place("node"))
        log = federation.place("node").with_suffix(".log")
        wait_for("the connection", lambda: CONNECTED in log.read_text())
        time.sleep(SETTLING_SECONDS)
        before = [processor_seconds(service.pid) for service in own.services]
        time.sleep(WATCHED_SECONDS)
        for who, service, used in zip(("coordinator", "node"), own.services, before, strict=True):
            percent = 100 * (processor_seconds(service.pid) - used) / WATCHED_SECONDS
            memory = resident_megabytes(service.pid)
            yield Figure(f"{who}_idle_memory", memory, "MB", 300, "at_most", "connected, with records, no study")
            yield Figure(f"{who}_idle_processor", percent, "% of a core", 1, "at_most", "over 20 s, as by default")


__all__ = ["CONNECTED", "SETTLING_SECONDS", "WATCHED_SECONDS", "figures"]
