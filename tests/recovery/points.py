"""Which points there are: found by watching one study, so that what is new in it is walked without being listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.recovery.federation import APPROVERS, HUB, Federation, now
from tests.recovery.walk import Point, Walk, approval

MOMENTS = ("before", "after")
KINDS = ("commit", "compute", "file", "send")
BY_THE_CLOCK = ("note_seen",)  # once a minute: a study may pass without it
ONCE = (
    "Doorkeeper",
    "checkpoint",
    "Checkpoints",
    "cosigned",
    "Cosigned",
    "Witnessed",
)  # how many there are depends on how long it takes; one there always is
LOADS = (
    ("optout", "load", "{home}/allowed.txt", "--as-of", now().date().isoformat()),
    ("ingest", "{home}/contract.toml", "{home}/extract.csv"),
)


def find_points(federation: Federation) -> list[Point]:
    """Return every point of the hub, of one node, and of the commands at that node, in the order they are met."""
    node = federation.nodes[0]
    points: list[Point] = []
    for name in (HUB, node):
        federation.forget()
        federation.kill(name)
        federation.start(name)
        federation.until("the restart", lambda name=name: Walk(federation).ready(name))
        points += _points(federation, name, ("serve",), federation.processes[name].pid, starting=True)
    points += _points(federation, HUB, ("serve",), federation.processes[HUB].pid, nudge=node)
    for command in LOADS:
        federation.forget()
        said = [word.format(home=federation.home) for word in command]
        assert federation.command(node, *said) == 0, f"{command}: see {federation.home}"
        points += _points(federation, node, command, _strangers(federation)[0])
    walk = Walk(federation, typed=True)
    evidence = walk.run()
    assert evidence.sound, evidence
    for name in (HUB, node):
        points += _points(federation, name, ("serve",), federation.processes[name].pid)
    for pid, person in zip(_strangers(federation), APPROVERS, strict=True):
        points += _points(federation, node, approval(node, person), pid)
    return points


def _strangers(federation: Federation) -> list[int]:
    """Return the processes that are none of the services, in the order in which they began."""
    services = {process.pid for process in federation.processes.values()}
    return list(dict.fromkeys(line[1] for line in federation.noted() if line[1] not in services))


def _points(federation: Federation, victim: str, command: tuple[str, ...], pid: int, **how: Any) -> Iterator[Point]:
    """Yield the points that one process has noted."""
    met: Counter[tuple[str, str]] = Counter()
    for line in federation.noted():
        if line[1] == pid and line[2] in KINDS and line[5] == "before":
            kind, site = line[2], line[3]
            met[kind, site] += 1
            if _is_planned(site, met[kind, site]):
                for moment in MOMENTS:
                    yield Point(victim, kind, site, met[kind, site], moment, command, **how)


def _is_planned(site: str, occurrence: int) -> bool:
    if any(name in site for name in BY_THE_CLOCK):
        return False
    return occurrence == 1 or not any(name in site for name in ONCE)


__all__ = ["BY_THE_CLOCK", "KINDS", "LOADS", "MOMENTS", "ONCE", "find_points"]
