"""Checks of what a coordinator does: ports, clock, nodes, studies, runs."""

from __future__ import annotations

import datetime
import json
import socket
from collections.abc import Iterable

from coordinator.client import Client
from coordinator.doctor.subject import Subject
from privacy.errors import HedgerowError, Tampered, Unreachable
from privacy.health import Check, Look, beware, well
from privacy.software import package_sha256
from privacy.soundness import look_at_clock

LOOK_SECONDS = 3.0  # on this very machine
WRITTEN = (  # when things happened, as this coordinator's own clock told it
    "SELECT max(enrolled_at) AS at FROM node",
    "SELECT max(submitted_at) AS at FROM study",
    "SELECT max(at) AS at FROM decision",
    "SELECT max(at) AS at FROM checkpoint",
    "SELECT max(queued_at) AS at FROM run",
)


def checks(subject: Subject) -> Iterable[Check]:
    """Yield the checks of one coordinator's work."""
    return (
        Check("clock", lambda: clock(subject)),
        Check("api", lambda: _api(subject)),
        Check("fleet", lambda: _fleet(subject)),
        Check("nodes", lambda: _nodes(subject)),
        Check("studies", lambda: _studies(subject)),
        Check("runs", lambda: _runs(subject)),
    )


def clock(subject: Subject) -> Look:
    """Hold the clock against the newest thing in the state."""
    found = [row["at"] for query in WRITTEN if (row := subject.database.one(query)) and row["at"]]
    newest = max(map(datetime.datetime.fromisoformat, found), default=None)
    return look_at_clock(subject.now, newest)


def _api(subject: Subject) -> Look:
    """Find the port free, or our own server on it, which knows us by our token."""
    settings, home = subject.home.settings, subject.home
    if _free(settings.api_host, settings.api_port):
        return beware("it does not serve: its port is free", "hedgerow-coordinator serve")
    host, port = settings.api_host, settings.api_port
    keys, key = home.keys, home.identity
    client = Client(host=host, port=port, keys=keys, identity=key, now=subject.clock, seconds=LOOK_SECONDS)
    try:
        client.overview()
    except HedgerowError:
        where = f"{host}:{port} is taken by a program that is not this coordinator"
        raise Unreachable("port-unavailable", where) from None
    finally:
        client.close()
    return well("it serves, and accepts the operator's token")


def _fleet(subject: Subject) -> Look:
    settings = subject.home.settings
    if not _free(settings.api_host, settings.api_port):
        _api(subject)  # another program's port says nothing about ours
    if _free(settings.fleet_host, settings.fleet_port) == _free(settings.api_host, settings.api_port):
        return well(f"port {settings.fleet_port} stands as the API's does")
    raise Unreachable("port-unavailable", f"{settings.fleet_host}:{settings.fleet_port} and the API's differ")


def _free(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True


def _nodes(subject: Subject) -> Look:
    row = subject.database.one("SELECT count(*) AS nodes FROM node")
    enrolled = row["nodes"] if row else 0
    if not enrolled:
        return beware("none is enrolled", "hedgerow-coordinator node enrol FILE")
    if forked := subject.database.one("SELECT node FROM forked_checkpoint ORDER BY at LIMIT 1"):
        raise Tampered("audit-tampered", f"node {forked['node']} signed two histories of its log; both are kept here")
    return well(f"{enrolled} enrolled")


def _studies(subject: Subject) -> Look:
    rows = subject.database.rows("SELECT name, document FROM study WHERE hash NOT IN (SELECT study FROM model)")
    ours, today = package_sha256(), subject.now.date().isoformat()
    documents = [(row["name"], json.loads(row["document"])) for row in rows]
    alive = [(name, document) for name, document in documents if document["ends"] >= today]
    other = sorted(name for name, document in alive if document["software"]["package"] != ours)
    if other:
        told = f"{len(other)} of {len(alive)} open studies were made for other software: {', '.join(other)}"
        return beware(told, "hedgerow-coordinator study submit FILE, under another name, for this release.")
    return well(f"{len(alive)} open")


def _runs(subject: Subject) -> Look:
    rows = subject.database.rows("SELECT state, count(*) AS runs FROM run GROUP BY state ORDER BY state")
    return well(", ".join(f"{row['runs']} {row['state']}" for row in rows) or "none yet")


__all__ = ["LOOK_SECONDS", "WRITTEN", "checks", "clock"]
