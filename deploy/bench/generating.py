"""A million people and their events, made and written: time, memory, growth, and whether the bytes are the same."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.bench.processes import peak_megabytes
from deploy.bench.run import Figure

PROGRAM = [sys.executable, "-P", "-c", "from synthetic.command import main; main()"]
# people; the few are two parts, as many as there are processes; hardly any show what comes before the first person
MILLION, FEW, HARDLY_ANY = 1_000_000, 131_072, 1000
PROCESSES, TRIES, LOOK_SECONDS = 2, 4, 0.2


@dataclass(frozen=True)
class Run:
    """What one run took, by the clock and of processors, what it made, and the most memory that it held in all."""

    seconds: float
    processor: float
    megabytes: float
    events: int


def figures() -> Iterator[Figure]:
    """Make a million people, then fewer, with one process and with two."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        whole = _generate(home / "million", MILLION, PROCESSES)
        few = _generate(home / "few", FEW, PROCESSES)
        _generate(home / "alone", FEW, 1)
        first = PROCESSES * _generate(home / "hardly any", HARDLY_ANY, 1).processor
        differing = _digests(home / "few") ^ _digests(home / "alone")
    against = f"{whole.events / MILLION:.1f} events a head, {PROCESSES} processes, {whole.processor:.0f} s of processor"
    yield Figure("generate_seconds_1_million", whole.seconds, "s", 120, "at_most", against)
    yield Figure("generate_megabytes_1_million", whole.megabytes, "MB", 2000, "at_most", "all processes together")
    ratio = ((whole.processor - first) / MILLION) / ((few.processor - first) / FEW)
    of = f"processor time a head, beside {FEW:,} people; less {first:.1f} s of {PROCESSES} processes that start"
    yield Figure("generate_growth", ratio, "times", 1.1, "at_most", of)
    yield Figure("generate_files_differing", len(differing), "files", 0, "at_most", "one process beside two")
    seconds = min(_seconds_of_help() for _ in range(TRIES))
    yield Figure("startup_synthetic_help", seconds, "s", 0.5, "at_most", f"the best of {TRIES} tries")


def _generate(out: Path, people: int, processes: int) -> Run:
    words = ["generate", "blmk", "--people", str(people), "--processes", str(processes), "--out", str(out), "--json"]
    started, before = time.perf_counter(), _processor()
    with subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        peaks: dict[int, float] = {}
        while program.poll() is None:
            for pid in _family(program.pid):
                peaks[pid] = max(peaks.get(pid, 0.0), _peak(pid))
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - started
        said = program.stdout.read() if program.stdout else b""
    if program.returncode:
        sys.exit(f"generate ended with {program.returncode}")
    return Run(seconds, _processor() - before, sum(peaks.values()), json.loads(said)["rows"]["events"])


def _processor() -> float:
    """Return the processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _family(pid: int) -> list[int]:
    """Return a process and all that it started."""
    try:
        texts = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [pid, *(each for text in texts for child in text.split() for each in _family(int(child)))]


def _peak(pid: int) -> float:
    try:
        return peak_megabytes(pid)
    except (OSError, IndexError):  # it ended meanwhile
        return 0.0


def _digests(home: Path) -> set[tuple[str, str]]:
    """Return every file of a data set with its hash."""
    files = (path for path in home.rglob("*") if path.is_file())
    return {(p.relative_to(home).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files}


def _seconds_of_help() -> float:
    started = time.perf_counter()
    subprocess.run([*PROGRAM, "--help"], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "80"})
    return time.perf_counter() - started


__all__ = ["FEW", "HARDLY_ANY", "LOOK_SECONDS", "MILLION", "PROCESSES", "PROGRAM", "TRIES", "Run", "figures"]
