"""How soon each command answers, and that none of them loads torch to do so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import typer

from deploy.bench.run import Figure

TRIES = 3
BIN = Path(sys.executable).parent


def figures() -> Iterator[Figure]:
    """Ask every command for help, and the slowest three again."""
    for program in ("hedgerow-coordinator", "hedgerow-node", "hedgerow-synthetic"):
        seconds = {typed: _seconds(typed) for typed in commands(program)}
        slowest = sorted(seconds, key=lambda typed: seconds[typed])[-3:]
        again = {typed: min(seconds[typed], *(_seconds(typed) for _ in range(TRIES))) for typed in slowest}
        worst = max(again, key=lambda typed: again[typed])
        name = program.removeprefix("hedgerow-")
        against = f"{worst}; the best of {TRIES + 1} tries of the slowest of {len(seconds)} commands"
        yield Figure(f"startup_{name}_worst", again[worst], "s", 0.7, "at_most", against)
        yield Figure(f"startup_{name}_median", median(seconds.values()), "s", 0.7, "at_most", "of all, once each")


def commands(program: str) -> list[str]:
    """Return every command of a program as it is typed."""
    from coordinator.command.program import app as coordinator  # noqa: PLC0415 - with all their options
    from node.command.menu import app as node  # noqa: PLC0415 - with all their options
    from synthetic.command.program import app as synthetic  # noqa: PLC0415 - with all their options

    def walk(command: object, typed: str) -> Iterator[str]:
        below = getattr(command, "commands", None) or {}
        for name, each in below.items():
            yield from walk(each, f"{typed} {name}")
        if not below:
            yield typed

    apps = {"hedgerow-coordinator": coordinator, "hedgerow-node": node, "hedgerow-synthetic": synthetic}
    return list(walk(typer.main.get_command(apps[program]), program))


def _seconds(typed: str) -> float:
    program, *words = typed.split()
    started = time.perf_counter()
    command = [str(BIN / program), *words, "--help"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "80"})
    return time.perf_counter() - started


__all__ = ["BIN", "TRIES", "commands", "figures"]
