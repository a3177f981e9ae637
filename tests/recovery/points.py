"""Which points there are: found by watching one study, so that what is new in it is walked without being listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.recovery.federation import APPROVERS, HUB, Federation, now
from tests.recovery.walk import Point, Walk, approval

MOMENTS = ("before", "after")
KINDS = ("commit", "compute", "file", "send")
BY_THE_CLOCK = ("Doorkeeper", "note_seen")  # one a call, one a minute: how many depends on how long it takes
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
        points += _points(federation, node, command, None)
    walk = Walk(federation, typed=True)
    evidence = walk.run()
    assert evidence.sound, evidence
    for name in (HUB, node):
        points += _points(federation, name, ("serve",), federation.processes[name].pid)
    services = {process.pid for process in federation.processes.values()}
    pids = dict.fromkeys(line[1] for line in federation.noted() if line[1] not in services)
    for pid, person in zip(pids, APPROVERS, strict=True):
        points += _points(federation, node, approval(node, person), pid)
    return points


def _points(
    federation: Federation, victim: str, command: tuple[str, ...], pid: int | None, **how: Any
) -> Iterator[Point]:
    """Yield the points that one process, or the only one, has noted."""
    met: dict[tuple[str, str], int] = {}
    for line in federation.noted():
        if line[2] in KINDS and line[5] == "before" and pid in (None, line[1]) and _is_planned(line):
            key = (line[2], line[3])
            met[key] = met.get(key, 0) + 1
            for moment in MOMENTS:
                yield Point(victim, *key, met[key], moment, command, **how)


def _is_planned(line: list[Any]) -> bool:
    return not any(name in line[3] for name in BY_THE_CLOCK)


__all__ = ["BY_THE_CLOCK", "KINDS", "LOADS", "MOMENTS", "find_points"]
