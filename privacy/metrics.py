"""Figures about a program, never about people: what a monitor may ask again and again without learning of anybody."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from privacy.health import Finding
from privacy.software import package_sha256

COARSE_BYTES = 2**24  # memory is told in steps of 16 MiB: a finer figure would follow the size of what is read


@dataclass(frozen=True)
class Metric:
    """One figure with its samples, each under its labels. A label is a name of ours, a code or a version."""

    name: str
    help: str
    kind: Literal["gauge", "counter"]
    samples: tuple[tuple[Mapping[str, str], float], ...]


class Tally:
    """Counts what was done, by a code; safe to use from several threads, and forgotten when the program ends."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, code: str) -> None:
        """Count one."""
        with self._lock:
            self._counts[code] += 1

    def counts(self) -> dict[str, int]:
        """Return the counts so far, by code."""
        with self._lock:
            return dict(self._counts)


def gauge(name: str, help_text: str, value: float, **labels: str) -> Metric:
    """Return a figure with one sample."""
    return Metric(name, help_text, "gauge", ((labels, value),))


def counter(name: str, help_text: str, label: str, counts: Mapping[str, float]) -> Metric:
    """Return a count by one label."""
    return Metric(name, help_text, "counter", tuple(({label: key}, counts[key]) for key in sorted(counts)))


def about_program(program: str, findings: Sequence[Finding]) -> Iterable[Metric]:
    """Yield what it is, that it is up, and which of its checks hold."""
    versions = {"version": metadata.version("hedgerow"), "software": package_sha256()[:12], "program": program}
    yield gauge("hedgerow_build_info", "What runs here.", 1, **versions)
    yield gauge("hedgerow_up", "1 while the program serves.", 1)
    samples = tuple(({"check": each.check}, float(each.state != "fail")) for each in findings)
    yield Metric("hedgerow_ready", "1 for each check of readiness that holds.", "gauge", samples)


def process_metrics(status: str, cpu_seconds: float) -> list[Metric]:
    """Return memory, from the text of ``/proc/self/status``, and processor time of this process; both coarse."""
    kibibytes = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)
    memory = -(-kibibytes * 1024 // COARSE_BYTES) * COARSE_BYTES
    return [
        gauge("hedgerow_process_resident_memory_bytes", "Memory in use, in steps of 16 MiB.", memory),
        Metric(
            "hedgerow_process_cpu_seconds", "Processor time used, whole seconds.", "counter", (({}, int(cpu_seconds)),)
        ),
    ]


__all__ = ["COARSE_BYTES", "Metric", "Tally", "about_program", "counter", "gauge", "process_metrics"]
