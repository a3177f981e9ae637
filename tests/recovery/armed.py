"""Runs one of our programs as it is, notes what it commits and sends, and has it kill itself at one stated point.

    python tests/recovery/armed.py node|coordinator ARGUMENTS…

The environment says what to do. WALK_TRACE: a file to append to. WALK_ARM: a file, read again at each point, with
``kind|site|occurrence|before`` or ``…|after``: there the process sends SIGKILL to itself. Occurrences are counted since
the file changed. WALK_PLANT: a weakness from ``plants.py``, as a control.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = {"node": ("node.command", "hedgerow-node"), "coordinator": ("coordinator.command", "hedgerow-coordinator")}


class Points:
    """Counts what passes, by kind and site; at the stated point nothing more of this process happens."""

    def __init__(self, trace: int, arm: Path) -> None:
        self._trace, self._arm, self._lock = trace, arm, threading.Lock()
        self._seen, self._point = Counter[tuple[str, str]](), ""

    def reach(self, kind: str, site: str, moment: str) -> None:
        """Note that a point is passed, or die there."""
        with self._lock:
            point = self._arm.read_text() if self._arm.exists() else ""
            if point != self._point:
                self._seen.clear()
                self._point = point
            if moment == "before":
                self._seen[kind, site] += 1
            here = (kind, site, str(self._seen[kind, site]), moment)
            if "|".join(here) == point:
                os.kill(os.getpid(), signal.SIGKILL)
            self.note(*here)

    def note(self, what: str, *details: object) -> None:
        """Append a line; one write, so that lines of several processes do not mix."""
        line = json.dumps([time.monotonic(), os.getpid(), what, *details]) + "\n"
        os.write(self._trace, line.encode())


def site_of(frame: Any) -> str:
    """Return who asked for a transaction: the first caller outside the database and the context managers."""
    while frame.f_globals.get("__name__") == "contextlib":
        frame = frame.f_back
    return f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"


def arm_disk(points: Points) -> None:
    """Point out every commit to a database and every file that appears whole."""
    from privacy import atomic
    from privacy.durable import Database

    transaction, appear = Database.transaction, atomic.appear

    @contextmanager
    def pointed(self: Database) -> Iterator[Any]:
        site = site_of(sys._getframe(1))
        with transaction(self) as connection:
            yield connection
            points.reach("commit", site, "before")
        points.reach("commit", site, "after")

    def appearing(path: Any, *arguments: Any, **options: Any) -> None:
        points.reach("file", path.suffix or path.name, "before")
        appear(path, *arguments, **options)
        points.reach("file", path.suffix or path.name, "after")

    Database.transaction, atomic.appear = pointed, appearing


def arm_node(points: Points) -> None:
    """Point out what is computed and what leaves; note which places were asked."""
    from node.egress import Door
    from privacy.canonical import sha256
    from privacy.envelope import Envelope
    from privacy.private_sum import PrivateSum
    from privacy.release import RELEASE
    from privacy.request import Request

    noised, answer, notify = PrivateSum.noised, Door.answer, Door.notify

    def computing(self: PrivateSum, *arguments: Any) -> Any:
        points.reach("compute", "sum", "before")
        vector = noised(self, *arguments)
        points.reach("compute", "sum", "after")
        return vector

    def answering(self: Door, content: bytes, send: Any) -> None:
        request = Request.decode(content, self.coordinator)
        points.note("asked", request.study, request.place, self.node)

        def sending(body: bytes) -> None:
            if Envelope.decode(body).context == RELEASE:
                points.note("sent", request.study, request.place, self.node, sha256(body))
            send(body)

        answer(self, content, _pointed(points, "answer", sending))

    def notifying(self: Door, notice: Any, send: Any, seen: bytes = b"") -> None:
        notify(self, notice, _pointed(points, notice.kind, send), seen)

    PrivateSum.noised, Door.answer, Door.notify = computing, answering, notifying


def _pointed(points: Points, site: str, send: Any) -> Any:
    def sending(body: bytes) -> None:
        points.reach("send", site, "before")
        send(body)
        points.reach("send", site, "after")

    return sending


def watch_connection(points: Points) -> None:
    """Note what a serving node says of its connection."""
    from node.federation import fleet

    hold = fleet.hold_connection

    def holding(*arguments: Any, on_state: Any, **options: Any) -> None:
        def say(state: str) -> None:
            points.note("state", state)
            on_state(state)

        hold(*arguments, on_state=say, **options)

    fleet.hold_connection = holding


def arm_coordinator(points: Points) -> None:
    """Point out each message that is posted; note which answers were kept."""
    from coordinator.federation.switchboard import Switchboard
    from coordinator.journal import Journal

    post, keep = Switchboard.post, Journal.keep

    def posting(self: Any, *arguments: Any, **options: Any) -> Any:
        points.reach("send", "request", "before")
        posted = post(self, *arguments, **options)
        points.reach("send", "request", "after")
        return posted

    def keeping(self: Any, study: str, place: int, node: str, content: bytes, **when: Any) -> None:
        keep(self, study, place, node, content, **when)
        points.note("kept", study, place, node)

    Switchboard.post, Journal.keep = posting, keeping


def main() -> None:
    """Arm a program and run it."""
    import importlib

    program, environ = sys.argv[1], os.environ
    trace = os.open(environ["WALK_TRACE"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    points = Points(trace, Path(environ["WALK_ARM"]))
    know_the_tests_computations()
    arm_disk(points)
    {"node": arm_node, "coordinator": arm_coordinator}[program](points)
    if sys.argv[1:3] == ["node", "serve"]:
        watch_connection(points)
    if plant := environ.get("WALK_PLANT"):
        from tests.recovery import plants

        getattr(plants, plant)()
    module, name = PROGRAMS[program]
    sys.argv = [name, *sys.argv[2:]]
    importlib.import_module(module).main()


def know_the_tests_computations() -> None:
    """Let every finder also find what is in ``tests/computations``: a study of a few sums, without torch."""
    from privacy.computation import Finder

    begin = Finder.__init__
    Finder.__init__ = lambda self, *packages: begin(self, *packages, "tests.computations")


if __name__ == "__main__":
    main()
