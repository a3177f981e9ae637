"""What a process holds and uses, as the system counts it."""

from __future__ import annotations

import os
from pathlib import Path

MEGABYTE = 1024  # the system counts in KiB


def peak_megabytes(pid: int) -> float:
    """Return the most memory that a process has held."""
    return _status(pid, "VmHWM") / MEGABYTE


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process so far, its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """Return the memory that a process holds now."""
    return _status(pid, "VmRSS") / MEGABYTE


def _status(pid: int, name: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split(f"{name}:")[1].split()[0])


__all__ = ["MEGABYTE", "peak_megabytes", "processor_seconds", "resident_megabytes"]
