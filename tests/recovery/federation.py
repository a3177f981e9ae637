"""A hub and three nodes with a few made-up people each, as processes over TLS that die and are started again."""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coordinator.assemble import SCHEMAS
from coordinator.client import Client
from coordinator.home import DATABASE, JOIN_KIT, Home, make_home
from coordinator.register import Register
from coordinator.settings import checked
from deploy.demo.stage import free_ports
from node.assemble import STATE, Node, open_node
from node.founding import FLOORS, KEY_SUFFIX, Founder, found
from node.ingest.load import ingest
from node.optouts import load_optouts
from privacy.computation import PACKAGES, Finder
from privacy.contract_file import read_contract
from privacy.enrolment import Enrolment
from tests.nodes import CONTRACT, HEADER, nhs_numbers

ROOT = Path(__file__).parents[2]
ARMED = Path(__file__).with_name("armed.py")
HUB, NODES = "hub", ("north", "south", "west")
FINDER = Finder(*PACKAGES, "tests.computations")
APPROVERS = ("ada", "ben")
PASSPHRASE = "three small pears in a bowl"
PEOPLE = 400
DEADLINE_SECONDS = 30.0
PATIENCE = 150.0  # a busy machine may be slow, a broken one is not waited for longer


class NotRecovered(AssertionError):
    """What was waited for did not come."""


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass
class Federation:
    """The homes, and the processes that serve them; ``trace`` is what all of them note."""

    home: Path
    nodes: tuple[str, ...] = NODES
    deadline_seconds: float = DEADLINE_SECONDS
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)

    @property
    def trace(self) -> Path:
        """The lines that every process appends to."""
        return self.home / "trace.jsonl"

    def place(self, name: str) -> Path:
        """Return the home of a process."""
        return self.home / name

    def hub(self) -> Home:
        """Return the coordinator's home."""
        settings = checked({"name": "walk", "deadline_seconds": self.deadline_seconds, **self._ports()})
        return Home(self.place(HUB), settings)

    def _ports(self) -> dict[str, int]:
        kept = self.home / "ports.json"
        if not kept.exists():
            kept.write_text(json.dumps(dict(zip(("api_port", "fleet_port"), free_ports(2), strict=True))))
        return dict(json.loads(kept.read_text()))

    # ---- founding ----

    def found(self, *, people: int = PEOPLE, slot_seconds: float = 0.01) -> None:
        """Found the hub and its nodes, with records in each, in this process: dying is for later."""
        make_home(self.place(HUB), settings=self.hub().settings, hosts=["127.0.0.1"], now=now())
        floors = {"reply_slot_seconds": slot_seconds, "least_minimum_cohort": 1, "least_quorum": 1}
        floors |= {"lifetime_epsilon_outside": 20.0, "lifetime_epsilon_coordinator": 20.0}  # for many small studies
        for number, name in enumerate(self.nodes):
            self._found(name, floors)
            with self.opened(name) as node:
                self._load(node, nhs_numbers(people, first=number * 10 * people))
        self.trace.touch(mode=0o600)
        database = self.hub().database(*SCHEMAS)
        for name in self.nodes:
            enrolment = Enrolment.decode((self.place(name) / "enrolment.txt").read_bytes())
            self.fingerprints[name] = Register(database).enrol(enrolment, at=now()).fingerprint
        _close(database)

    def _found(self, name: str, floors: dict[str, Any]) -> None:
        allowed = {**FLOORS, "computations": FINDER.names(), "allow_test_numbers": True, **floors}
        found(
            home=self.place(name),
            name=name,
            join=self.place(HUB) / JOIN_KIT,
            founders=[Founder("ada", "ig-lead", PASSPHRASE), Founder("ben", "caldicott-guardian", PASSPHRASE)],
            keys=self.home / "keys" / name,
            wrapping_key_file=None,
            floors=allowed,
            finder=FINDER,
            now=now,
        )

    def _load(self, node: Node, numbers: list[str]) -> None:
        allowed, extract, contract = (self.home / f for f in ("allowed.txt", "extract.csv", "contract.toml"))
        allowed.write_text("\n".join(numbers))
        lines = [f"{n},L{i},{year},{30 + i % 50},{i % 2},W" for i, n in enumerate(numbers) for year in (1, 2)]
        extract.write_text("\n".join([HEADER, *lines]))
        contract.write_text(CONTRACT)
        data = {"store": node.store, "keystore": node.keystore, "now": now(), "allow_test_numbers": True}
        optouts = load_optouts(file=allowed, as_of=now().date(), **data)
        ingest(contract=read_contract(contract), location=extract, optouts=optouts, **data)

    # ---- processes ----

    def arm(self, name: str, point: str) -> None:
        """Have the service of a home kill itself at a point, or with "" at none."""
        file = self.home / f"{name}.arm"
        file.with_suffix(".new").write_text(point)
        file.with_suffix(".new").rename(file)

    def start(self, name: str, *, plant: str = "") -> None:
        """Serve a home."""
        self.processes[name] = self._run(name, ("serve",), self.home / f"{name}.arm", plant)

    def command(self, name: str, *arguments: str, point: str = "") -> int:
        """Run one command on a home, armed if a point is given, and return its status."""
        arm = self.home / f"{name}.command.arm"
        arm.write_text(point)
        return self._run(name, arguments, arm, "").wait(PATIENCE)

    def _run(self, name: str, arguments: Sequence[str], arm: Path, plant: str) -> subprocess.Popen[bytes]:
        program = "coordinator" if name == HUB else "node"
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONSAFEPATH": "1",
            "HEDGEROW_NODE_POLL_SECONDS": "0.5",
            "HEDGEROW_NODE_HOME": str(self.place(name)),
            "HEDGEROW_COORDINATOR_HOME": str(self.place(HUB)),
            "HEDGEROW_PASSPHRASE_FILE": str(self.passphrase()),
            "HEDGEROW_COORDINATOR_DEADLINE_SECONDS": str(self.deadline_seconds),
            "WALK_TRACE": str(self.trace),
            "WALK_ARM": str(arm),
            "WALK_PLANT": plant,
        }
        with self.place(name).with_suffix(".log").open("ab") as log:
            line = [sys.executable, str(ARMED), program, *arguments]
            return subprocess.Popen(line, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def passphrase(self) -> Path:
        """Return the file with everybody's passphrase."""
        file = self.home / "passphrase"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(PASSPHRASE + "\n")
        return file

    def start_all(self) -> None:
        """Serve every home, and return when all nodes are online."""
        for name in (HUB, *self.nodes):
            self.start(name)
        self.until("all nodes online", lambda: self.connected(*self.nodes))

    def kill(self, *names: str) -> None:
        """Send SIGKILL, to all of them before any is waited for."""
        for name in names:
            self.processes[name].send_signal(signal.SIGKILL)
        for name in names:
            self.processes[name].wait()

    def died(self, name: str) -> bool:
        """Say whether a process has killed itself."""
        return self.processes[name].poll() == -signal.SIGKILL

    def stop(self) -> None:
        """End everything that was started here."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()

    # ---- looking at it from outside ----

    def connected(self, *names: str) -> bool:
        """Say whether these nodes' present processes have noted that they hold their connection."""
        states = {line[1]: line[3] for line in self.noted() if line[2] == "state"}
        return all(states.get(self.processes[name].pid) == "connected" for name in names)

    def forget(self) -> None:
        """Empty the trace."""
        os.truncate(self.trace, 0)

    def client(self) -> Client:
        """Return a client of the hub; close it."""
        home = self.hub()
        at = home.settings
        return Client(host=at.api_host, port=at.api_port, keys=home.keys, identity=home.identity, now=now)

    @contextmanager
    def opened(self, name: str) -> Iterator[Node]:
        """Open a node beside its service, as a command does, and close it again."""
        node = open_node(self.place(name), {}, now, finder=FINDER)
        try:
            yield node
        finally:
            _close(node.database)

    def rows(self, name: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Read a home's state as any program could, without leaving it open."""
        file = self.place(name) / (DATABASE if name == HUB else STATE)
        with closing(sqlite3.connect(file, timeout=20)) as connection:
            return connection.execute(query, values).fetchall()

    def noted(self) -> list[list[Any]]:
        """Return every line of the trace: time, process id, what, details."""
        return [json.loads(line) for line in self.trace.read_text().splitlines()]

    def until(self, what: str, holds: Callable[[], Any], *, seconds: float = PATIENCE) -> None:
        """Return when ``holds`` does; otherwise NotRecovered says what did not come."""
        ends = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > ends:
                raise NotRecovered(f"{what}: not within {seconds:.0f} s; {self.home}")
            time.sleep(0.05)


def _close(database: Any) -> None:
    """Close this thread's connection: what a kill left behind is recovered by whoever opens it first."""
    connection = getattr(database._local, "connection", None)
    if connection is not None:
        connection.close()
    gc.collect()


__all__ = [
    "APPROVERS",
    "HUB",
    "KEY_SUFFIX",
    "NODES",
    "PASSPHRASE",
    "Federation",
    "NotRecovered",
    "now",
]
