"""Machines for a test: network namespaces with addresses and directories of their own, joined by wires."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
UNITS = ROOT / "deploy/systemd"
PREFIXES = ("/srv/", "/etc/hedgerow", "/media/")
HUB_NAME = "hub.example.nhs.uk"
LONGEST_LINE_SECONDS, LONGEST_START_SECONDS = 180, 60


@dataclass
class Machine:
    """One namespace; paths of ``PREFIXES`` are its own, below ``root``."""

    namespace: str
    root: Path
    environ: dict[str, str]
    services: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def path(self, text: str) -> Path:
        """Return where a path of this machine really is."""
        return Path(self.own(text))

    def own(self, line: str) -> str:
        """Return a line with this machine's own paths."""
        for prefix in PREFIXES:
            line = line.replace(prefix, f"{self.root}{prefix}")
        return line

    def type(self, line: str) -> str:
        """Type a line and return what it prints; a status other than 0 is an AssertionError with all it said."""
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self.environ[name] = self.own(value)
            return ""
        done = subprocess.run(
            ["ip", "netns", "exec", self.namespace, "bash", "-c", self.own(line)],
            env={**os.environ, **self.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_LINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{self.namespace}: {line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def enable(self, unit: str, ready: str) -> None:
        """Start a unit: its command and environment, with no new privileges and one writable directory."""
        said = [line.partition("=")[::2] for line in (UNITS / f"{unit}.service").read_text().splitlines()]
        credentials = self.root / "credentials"
        for name, file in [value.split(":") for key, value in said if key == "LoadCredential"]:
            credentials.mkdir(mode=0o700, exist_ok=True)
            shutil.copy(self.path(file), credentials / name)
        words = [word for key, value in said if key == "Environment" for word in value.split()]
        environ = dict(word.replace("%d", str(credentials)).partition("=")[::2] for word in words)
        (writable,) = [self.path(value) for key, value in said if key == "ReadWritePaths"]
        (command,) = [value.replace("/opt/hedgerow/.venv/bin", str(BIN)) for key, value in said if key == "ExecStart"]
        closed = (
            f"mount --bind {writable} {writable} && mount -o remount,bind,ro / && ! touch {self.root}/x 2>/dev/null"
        )
        line = f"{closed} && exec setpriv --no-new-privs --bounding-set=-all {command}"
        log = self.root / f"{unit}.log"
        with log.open("wb") as out:
            start = ["ip", "netns", "exec", self.namespace, "unshare", "-m", "bash", "-c", line]
            environ = {**os.environ, **{name: self.own(value) for name, value in environ.items()}}
            self.services.append(subprocess.Popen(start, env=environ, stdout=out, stderr=out))
        ends = time.monotonic() + LONGEST_START_SECONDS
        while ready not in log.read_text():
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.1)


@dataclass
class Network:
    """A hub, and nodes that each have a wire to it; gone again when it is closed."""

    root: Path
    names: tuple[str, ...]
    environ: dict[str, str]
    hub: Machine = field(init=False)
    nodes: dict[str, Machine] = field(init=False)

    def __enter__(self) -> Self:
        self.hub = self._machine("hub")
        self.nodes = {name: self._machine(name) for name in self.names}
        for number, node in enumerate(self.nodes.values(), 1):
            wire, end = f"hg{os.getpid() % 10000}-{number}", f"hg{os.getpid() % 10000}-{number}n"
            _do("ip", "link", "add", wire, "type", "veth", "peer", "name", end)
            for machine, link, last in ((self.hub, wire, 1), (node, end, 2)):
                _do("ip", "link", "set", link, "netns", machine.namespace)
                _do("ip", "-n", machine.namespace, "addr", "add", f"10.77.{number}.{last}/30", "dev", link)
                _do("ip", "-n", machine.namespace, "link", "set", link, "up")
            hosts = Path("/etc/netns") / node.namespace / "hosts"
            hosts.parent.mkdir(parents=True)
            hosts.write_text(f"127.0.0.1 localhost\n10.77.{number}.1 {HUB_NAME}\n")
        return self

    def address(self, name: str) -> str:
        """Return a node's address."""
        return f"10.77.{list(self.nodes).index(name) + 1}.2"

    def __exit__(self, *_: object) -> None:
        for machine in (self.hub, *self.nodes.values()):
            for service in machine.services:
                service.kill()
                service.wait()
            _do("ip", "netns", "del", machine.namespace)
            shutil.rmtree(Path("/etc/netns") / machine.namespace, ignore_errors=True)

    def _machine(self, name: str) -> Machine:
        namespace = f"hedgerow-{os.getpid()}-{name}"
        _do("ip", "netns", "add", namespace)
        _do("ip", "-n", namespace, "link", "set", "lo", "up")
        machine = Machine(namespace, self.root / name, dict(self.environ))
        for path in ("/srv/hedgerow", "/srv/extracts", "/etc/hedgerow", "/media/keys"):
            machine.path(path).mkdir(parents=True)
        return machine


def _do(*command: str) -> None:
    subprocess.run(command, check=True)


__all__ = ["BIN", "HUB_NAME", "UNITS", "Machine", "Network"]
