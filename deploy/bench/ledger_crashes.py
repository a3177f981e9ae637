"""A ledger that is killed again and again at any moment: what is lost or double, and how soon it charges again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from deploy.bench.run import Figure
from privacy.recount import recount
from tests.recovery import charging
from tests.recovery.disk_calls import ROOT

KILLS = 20
HISTORY = 2_000  # charges that the ledger holds before the first kill: years of studies
LONGEST_LIFE_SECONDS = 0.4


@dataclass
class Seen:
    """What did not hold after the kills, each kind by itself, and the seconds that it took to charge again."""

    lost: int = 0
    uncharged: int = 0
    overspent: int = 0
    double: int = 0
    seconds: list[float] = field(default_factory=list)


def figures() -> Iterator[Figure]:
    """Kill a ledger twenty times while it charges, and look at its books each time."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        seen = Seen()
        said: dict[int, str] = {}
        rng = random.Random(1)  # noqa: S311 - when to kill
        _run(Path(name), 1, HISTORY, said)
        for _ in range(KILLS):
            seen.seconds.append(_run(Path(name), max(said) + 1, 10**6, said, live=rng.uniform(0, LONGEST_LIFE_SECONDS)))
            _look(Path(name), said, seen)
    against = f"{KILLS} kills at any moment, {len(said)} charges, each account counted again from the log"
    yield Figure("ledger_lost", seen.lost, "charges", 0, "at_most", against)
    yield Figure("ledger_uncharged", seen.uncharged, "answers", 0, "at_most", "answers without their charge")
    yield Figure("ledger_overspent", seen.overspent, "accounts", 0, "at_most", "spent and set aside above the ceiling")
    yield Figure("ledger_double_charged", seen.double, "charges", 0, "at_most", "accounts above what the places cost")
    from_start = f"from starting again, all {HISTORY} charges verified, to the next charge on the disk"
    yield Figure("ledger_recovery_median", median(seen.seconds), "s", 2, "at_most", from_start)
    yield Figure("ledger_recovery_worst", max(seen.seconds), "s", 2, "at_most", "the same, the worst")


def _run(folder: Path, first: int, count: int, said: dict[int, str], *, live: float | None = None) -> float:
    """Charge on from a place; after ``live`` seconds from the first charge, kill. Return the seconds to that charge."""
    command = [sys.executable, str(Path(charging.__file__).with_name("charging_on.py")), str(folder)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    started, seconds = time.perf_counter(), 0.0
    with subprocess.Popen([*command, str(first), str(count)], env=environ, stdout=subprocess.PIPE, text=True) as child:
        if child.stdout is None:
            raise OSError
        for line in child.stdout:
            seconds = seconds or time.perf_counter() - started
            _, number, *more = line.split()
            said[int(number)] = more[0] if more else said.get(int(number), "")
            if live is not None and time.perf_counter() - started > seconds + live:
                child.kill()
                live = None
    return seconds


def _look(folder: Path, said: dict[int, str], seen: Seen) -> None:
    """Hold the books against what was said, and against their own log."""
    books, database, log = charging.opened(folder)
    with closing(database):
        log.verify()
        books.verify(charging.CEILINGS)
        there, cost = {c["place"]: c["answered"] for c in books.charges()}, charging.place(1).mechanism.cost
        seen.lost += len(said.keys() - there.keys())
        answers = {number: digest for number, digest in said.items() if digest}
        seen.lost += sum(charging.answer_of(books, set(there), n) != digest for n, digest in answers.items())
        seen.uncharged += sum(event["event"] == "released" for event in log.events()) - sum(there.values())
        counted = recount(log.events())["training", "outside"].units
        seen.double += (counted - len(there) * cost) // cost
        seen.overspent += sum(a.spent + a.reserved > a.ceiling for a in books.accounts())


__all__ = ["HISTORY", "KILLS", "LONGEST_LIFE_SECONDS", "Seen", "figures"]
