"""Which studies are to run, and one thread that runs them, one after the other, again after a restart."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from queue import SimpleQueue
from sqlite3 import Row
from typing import Literal, cast

import structlog

from coordinator.rounds import Outcome, Progress
from privacy.durable import Database
from privacy.errors import HedgerowError

RunState = Literal["queued", "running", "finished", "failed"]
STOP_SECONDS = 2.0

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS run (
        id INTEGER PRIMARY KEY, study TEXT NOT NULL REFERENCES study (hash), roster TEXT NOT NULL,
        state TEXT NOT NULL, code TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',
        queued_at TEXT NOT NULL, ended_at TEXT NOT NULL DEFAULT '', seconds TEXT NOT NULL DEFAULT '[]') STRICT""",
    """CREATE UNIQUE INDEX IF NOT EXISTS one_run_at_a_time ON run (study)
        WHERE state IN ('queued', 'running')""",
)

log = structlog.get_logger()


@dataclass(frozen=True)
class Run:
    """One attempt at a study, with the roster it began with; ``code`` tells why it failed, if it did."""

    id: int
    study: str
    roster: tuple[str, ...]
    state: RunState
    code: str
    detail: str
    queued_at: str
    ended_at: str
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Watch:
    """How far a run is, and since when it waits for the same nodes at the same place."""

    progress: Progress
    since: datetime.datetime


class Runs:
    """The runs, in the coordinator's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue(self, study: str, roster: Iterable[str], *, at: datetime.datetime) -> Run:
        """Add a run and return it; while the study has one queued or running, return that one."""
        with self._database.transaction() as write:
            query = "INSERT OR IGNORE INTO run (study, roster, state, queued_at) VALUES (?, ?, 'queued', ?)"
            write.execute(query, [study, json.dumps(sorted(roster)), at.isoformat(timespec="seconds")])
        return cast("Run", self.last(study))

    def last(self, study: str) -> Run | None:
        """Return the latest run of a study, if it has any."""
        row = self._database.one("SELECT * FROM run WHERE study = ? ORDER BY id DESC LIMIT 1", [study])
        return _run(row) if row else None

    def unfinished(self) -> list[Run]:
        """Return the runs that a stopped coordinator left to do, oldest first."""
        query = "SELECT * FROM run WHERE state IN ('queued', 'running') ORDER BY id"
        return [_run(row) for row in self._database.rows(query)]

    def begin(self, run: Run) -> None:
        """Note that a run is running."""
        with self._database.transaction() as write:
            write.execute("UPDATE run SET state = 'running' WHERE id = ?", [run.id])

    def end(self, run: Run) -> None:
        """Note how a run ended."""
        query = "UPDATE run SET state = ?, code = ?, detail = ?, ended_at = ?, seconds = ? WHERE id = ?"
        values = [run.state, run.code, run.detail, run.ended_at, json.dumps(run.seconds), run.id]
        with self._database.transaction() as write:
            write.execute(query, values)


Execute = Callable[[Run, Callable[[Progress], None]], Outcome]


class Runner:
    """Runs what is queued, one at a time, in a thread of its own; what ``stop`` cuts short is done after a restart."""

    def __init__(self, runs: Runs, execute: Execute, *, now: Callable[[], datetime.datetime]) -> None:
        self._runs, self._execute, self._now = runs, execute, now
        self._waiting: SimpleQueue[Run | None] = SimpleQueue()
        self._watches: dict[str, Watch] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="runner", daemon=True)

    def start(self) -> None:
        """Begin with what was left to do."""
        for run in self._runs.unfinished():
            self._waiting.put(run)
        self._thread.start()

    def stop(self) -> None:
        """Let the current exchange go at its next sign of life; a run that was cut short stays unfinished."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def queue(self, study: str, roster: Iterable[str]) -> Run:
        """Have a study run; one that is queued or running already is not queued twice."""
        run = self._runs.queue(study, roster, at=self._now())
        self._waiting.put(run)
        return run

    def watch(self, study: str) -> Watch | None:
        """Return how far the study's run is, while it runs."""
        return self._watches.get(study)

    def _work(self) -> None:
        while (run := self._waiting.get()) is not None and not self._stopping.is_set():
            last = self._runs.last(run.study)
            if last == run:  # not the second entry of one that has run meanwhile
                self._run(run)

    def _run(self, run: Run) -> None:
        self._runs.begin(run)
        log.info("run-began", study=run.study, nodes=len(run.roster))
        try:
            ended = replace(run, state="finished", seconds=self._execute(run, self._show).seconds)
        except _Stopped:
            return
        except HedgerowError as error:
            ended = replace(run, state="failed", code=error.code, detail=error.detail)
        except Exception as error:  # noqa: BLE001 - one study's fault must not end the thread of all
            log.error("run-fault", study=run.study, kind=type(error).__name__)  # noqa: TRY400 - no values in logs
            ended = replace(run, state="failed", code="fault")
        finally:
            self._watches.pop(run.study, None)
        if not self._stopping.is_set() or ended.state == "finished":
            self._runs.end(replace(ended, ended_at=self._now().isoformat(timespec="seconds")))
            log.info("run-ended", study=run.study, state=ended.state, code=ended.code)

    def _show(self, progress: Progress) -> None:
        if self._stopping.is_set():
            raise _Stopped
        before = self._watches.get(progress.study)
        same = before and _waits_for(before.progress) == _waits_for(progress)
        since = before.since if before and same else self._now()
        self._watches[progress.study] = Watch(progress, since)


class _Stopped(Exception):
    """Ends a run that the coordinator's own end cuts short; it is not a failure."""


def _waits_for(progress: Progress) -> tuple[str, str, tuple[str, ...]]:
    return progress.step, progress.place, progress.waiting


def _run(row: Row) -> Run:
    return Run(
        row["id"],
        row["study"],
        tuple(json.loads(row["roster"])),
        row["state"],
        row["code"],
        row["detail"],
        row["queued_at"],
        row["ended_at"],
        tuple(json.loads(row["seconds"])),
    )


__all__ = ["SCHEMA", "STOP_SECONDS", "Execute", "Run", "RunState", "Runner", "Runs", "Watch"]
