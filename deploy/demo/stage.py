"""Where the demo plays: its folders, and the commands that it runs there as a person would type them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

AT_ONCE = 2  # commands at a time: the demo is made for two cores
READY_SECONDS = 60.0
STOP_SECONDS = 5.0
BIN = Path(sys.executable).parent
T = TypeVar("T")


class DemoFailed(Exception):
    """A command did not do what the demo needs; the message says which, and what it printed."""


@dataclass
class Stage:
    """A fresh folder, the environment of its commands, and the services it has started."""

    home: Path
    passphrase_file: Path
    started: float = field(default_factory=time.monotonic)
    services: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Tell what is being done, with the seconds since the start."""
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", file=sys.stderr, flush=True)

    def command(self, *arguments: object, home: Path) -> str:
        """Run one of our commands on a node's or the coordinator's home, and return what it prints."""
        done = subprocess.run(
            self._line(arguments), env=self._environ(home), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DemoFailed(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}{done.stdout}")
        return done.stdout

    def json(self, *arguments: object, home: Path) -> Any:  # noqa: ANN401 - whatever the command documents
        """Run a command with ``--json`` and return what it says."""
        return json.loads(self.command(*arguments, "--json", home=home))

    def watch(self, *arguments: object, home: Path) -> str:
        """Run a command whose progress the person should see."""
        done = subprocess.run(
            self._line(arguments), env=self._environ(home), stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise DemoFailed(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}")
        return done.stdout

    def serve(self, program: str, home: Path, *options: object) -> None:
        """Start a service that runs until the demo ends; its log is in its home's ``.log`` beside it."""
        with home.with_suffix(".log").open("wb") as log:
            line = self._line((program, "serve", *options))
            self.services.append(subprocess.Popen(line, env=self._environ(home), stdout=log, stderr=log))

    def _line(self, arguments: Iterable[object]) -> list[str]:
        program, *rest = map(str, arguments)
        return [str(BIN / program), *rest]

    def _environ(self, home: Path) -> Mapping[str, str]:
        own = {
            "HEDGEROW_NODE_HOME": str(home),
            "HEDGEROW_COORDINATOR_HOME": str(home),
            "HEDGEROW_PASSPHRASE_FILE": str(self.passphrase_file),
        }
        return {**os.environ, **own}


@contextmanager
def stage(home: Path, passphrase: str) -> Iterator[Stage]:
    """Give a stage; whatever it started is ended with it, by its own process id."""
    home.mkdir(parents=True)
    file = home / "passphrase"
    file.touch(mode=0o600)
    file.write_text(passphrase + "\n", encoding="utf-8")
    own = Stage(home, file)
    try:
        yield own
    finally:
        for service in own.services:
            service.terminate()
        for service in own.services:
            try:
                service.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                service.kill()


def together(work: Callable[[T], object], items: Iterable[T]) -> None:
    """Do the same for all items, two at a time; the first failure is raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, items))


def wait_for(what: str, ready: Callable[[], bool], *, every: float = 0.2, seconds: float = READY_SECONDS) -> None:
    """Return when ``ready`` says so; otherwise say what did not come."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not ready():
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what} did not come within {seconds:.0f} s; see the logs in var/demo")
        pause.wait(every)


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that nobody listens on just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


__all__ = [
    "AT_ONCE",
    "BIN",
    "READY_SECONDS",
    "STOP_SECONDS",
    "DemoFailed",
    "Stage",
    "free_ports",
    "stage",
    "together",
    "wait_for",
]
