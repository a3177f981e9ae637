"""The demo, whole, both ways; and the memory of its nodes while they work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.bench.processes import peak_megabytes
from deploy.bench.run import Figure
from deploy.demo.in_process import PASSPHRASE
from deploy.demo.people import RAND
from deploy.demo.run import HOME, run_real
from deploy.demo.stage import stage


def figures() -> Iterator[Figure]:
    """Run the demo as processes, then in one."""
    shutil.rmtree(HOME, ignore_errors=True)
    with stage(HOME, PASSPHRASE) as own:
        report = run_real(RAND, own)
        coordinator, *nodes = [peak_megabytes(service.pid) for service in own.services]
    yield _seconds("demo_seconds", report.seconds_total, 120.0, report.seconds_per_exchange)
    yield Figure("node_busy_memory", max(nodes), "MB", 600, "at_most", "most ever held, of six nodes, torch loaded")
    yield Figure("coordinator_busy_memory", coordinator, "MB", 600, "at_most", "the same, of their coordinator")
    started = time.perf_counter()
    command = [sys.executable, "deploy/demo/run.py"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "FAST": "1"})
    median = json.loads(Path("var/demo/report.json").read_text(encoding="utf-8"))["seconds_per_exchange"]
    yield _seconds("demo_fast_seconds", time.perf_counter() - started, 20.0, median)


def _seconds(name: str, seconds: float, aim: float, median: float) -> Figure:
    return Figure(name, seconds, "s", aim, "at_most", f"median exchange {median:.2f} s")


__all__ = ["figures"]
