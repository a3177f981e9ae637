"""SIGKILL at the k-th write or sync of the ledger's file: what was said to be charged or released is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recovery import charging

MADE = 46  # writes until the tables are there and the first charge is made; then settle, charge, settle …
POINTS = [("pwrite64", MADE + n) for n in (-2, -1, 0, 1, 2, 3, 4, 12, 30)] + [("fdatasync", n) for n in (9, 10, 11, 20)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def strace():
    """The tracer that can kill a process at a system call."""
    if shutil.which("strace") is None:
        subprocess.run(["apt-get", "install", "-qq", "-y", "strace"], check=True, stdout=subprocess.DEVNULL)
    return shutil.which("strace")


def charge_until_killed(strace, folder, call, occurrence, *more):
    """Return what the program had said when it died."""
    kill = ["-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={occurrence}"]
    command = [strace, *kill, sys.executable, charging.__file__, str(folder), *more]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode in (-9, 137)
    return [line.split() for line in done.stdout.splitlines()]


def faults(folder, said):
    """Return what was said and is not there, and what is there that should not be."""
    books, database, log = charging.opened(folder)
    there = {row["place"]: row["answered"] for row in books.charges()}
    charged = [int(line[1]) for line in said if line[0] == "charged"]
    found = [f"charge {number} is lost" for number in charged if number not in there]
    for number, digest in [(int(line[1]), line[2]) for line in said if line[0] == "released"]:
        kept = books.charge("study", charging.place(number), f"request {number}", at=charging.AT)
        if kept.released is None or kept.released.receipt.released != digest:
            found.append(f"answer {number} is lost")
    if len(there) > len(charged) + 1:
        found.append("charges that nobody asked for")
    if books.accounts():
        books.verify(charging.CEILINGS)
    log.verify()
    database._local.connection.close()
    return found


@pytest.mark.services
@pytest.mark.parametrize(("call", "occurrence"), POINTS)
def test_what_was_said_is_there(strace, tmp_path, call, occurrence):
    assert faults(tmp_path, charge_until_killed(strace, tmp_path, call, occurrence)) == []


@pytest.mark.services
def test_control_a_ledger_that_speaks_before_its_commit_is_caught(strace, tmp_path):
    said = charge_until_killed(strace, tmp_path, "pwrite64", MADE - 1, "too-soon")
    assert faults(tmp_path, said) == ["charge 1 is lost"]
