"""Time exchanges between a coordinator and real node processes over loopback TLS; print the result as JSON.

    python deploy/bench/exchange.py NODES VALUES [EXCHANGES]

Each exchange sends VALUES float64 to every node and waits for as many from each; the values are checked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec

from coordinator.federation.flower_grid import FlowerGrid
from coordinator.federation.superlink import SuperLink
from tests.federation import loopback

DEADLINE_SECONDS = 60.0
STARTING_SECONDS = 60.0


def main(nodes: int, values: int, exchanges: int) -> None:
    """Run the benchmark and print its result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = loopback.certificates(folder)
        link = SuperLink(host="127.0.0.1", port=0, certificate=files.server, private_key=files.key, home=folder)
        with link:
            keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(nodes)]
            running = [_start(folder, link, files.root, key) for key in keys]
            grid = link.grid("bench")
            _await_nodes(grid, nodes)
            cpu = time.process_time()
            seconds = _exchange(grid, np.zeros(values), exchanges)
            cpu = time.process_time() - cpu
            memory = [_resident_megabytes(node.pid) for node in running]
            for node in running:
                node.communicate(timeout=10)  # closes its input, which stops it
    print(
        json.dumps(
            {
                "nodes": nodes,
                "values": values,
                "exchanges": exchanges,
                "median_seconds": round(float(np.median(seconds)), 4),
                "p95_seconds": round(float(np.quantile(seconds, 0.95)), 4),
                "coordinator_cpu_seconds": round(cpu / exchanges, 4),
                "node_resident_mb": max(memory),
            }
        )
    )


def _start(folder: Path, link: SuperLink, root: Path, key: ec.EllipticCurvePrivateKey) -> subprocess.Popen[bytes]:
    name = loopback.fingerprint(key)
    link.register(name, loopback.public_pem(key))
    key_file = folder / name
    key_file.write_bytes(loopback.private_pem(key))
    command = [sys.executable, loopback.__file__, f"127.0.0.1:{link.port}", str(root), str(key_file)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)


def _await_nodes(grid: FlowerGrid, nodes: int) -> None:
    ends = time.monotonic() + STARTING_SECONDS
    while len(grid.online()) < nodes:
        if time.monotonic() > ends:
            sys.exit("the nodes did not come online")
        time.sleep(0.05)


def _exchange(grid: FlowerGrid, vector: np.ndarray, exchanges: int) -> list[float]:
    """Return the seconds each exchange took; each adds one to every value, so that none can be skipped."""
    seconds = []
    for number in range(1, exchanges + 1):
        started = time.monotonic()
        requests = dict.fromkeys(grid.online(), vector.tobytes())
        replies = [np.frombuffer(reply) for _, reply in grid.exchange(requests, deadline_seconds=DEADLINE_SECONDS)]
        vector = np.sum(replies, axis=0) / len(requests)
        seconds.append(time.monotonic() - started)
        if not (len(replies) == len(requests) and (vector == number).all()):
            sys.exit(f"exchange {number} went wrong")
    return seconds


def _resident_megabytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 30)
