"""What an exchange takes as nodes grow, and what grows with them: the coordinator's processor."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from deploy.bench.run import Figure

VALUES = 1000
AIMS = {3: 0.2, 6: 0.4, 12: 0.8, 40: 2.0}  # seconds; the last is a choice: 40 processes share two cores


def figures() -> Iterator[Figure]:
    """Exchange 1,000 numbers with real node processes over TLS."""
    processor = {}
    for nodes, aim in AIMS.items():
        out = measured(nodes)
        against = "stock Flower 1.41.0: about 7 s" if nodes == 6 else "as nodes grow"
        yield Figure(f"exchange_median_{nodes}_nodes", out["median_seconds"], "s", aim, "at_most", against)
        processor[nodes] = 1000 * out["coordinator_cpu_seconds"]
        share = out["coordinator_cpu_seconds"] / out["median_seconds"]
        against = (
            f"of the coordinator's processor an exchange, {share:.0%} of its time; {out['node_resident_mb']} MB a node"
        )
        yield Figure(f"exchange_processor_{nodes}_nodes", processor[nodes], "ms", 1000 * aim, "at_most", against)
    each, fixed = np.polyfit(list(processor), list(processor.values()), 1)
    against = f"slope over 3 to 40 nodes, beside {max(fixed, 0):.1f} ms an exchange: two HTTP requests a node"
    yield Figure("exchange_processor_each_node", float(each), "ms", 10, "at_most", against)


def measured(nodes: int) -> dict[str, float]:
    """Return what ``exchange.py`` prints."""
    command = [sys.executable, "deploy/bench/exchange.py", str(nodes), str(VALUES)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


__all__ = ["AIMS", "VALUES", "figures", "measured"]
