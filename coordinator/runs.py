"""Which studies are to run, and the threads that run them: one a run, so many at once, again after a restart."""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from sqlite3 import Row
from typing import Literal, Self, cast

import structlog

from coordinator.rounds import Outcome, Progress, Stopped
from privacy.durable import Database
from privacy.errors import HedgerowError, Refusal

RunState = Literal["queued", "running", "finished", "failed", "cancelled"]
STOP_SECONDS = 2.0

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS run (
        id INTEGER PRIMARY KEY, study TEXT NOT NULL REFERENCES study (hash), roster TEXT NOT NULL,
        state TEXT NOT NULL, code TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',
        queued_at TEXT NOT NULL, ended_at TEXT NOT NULL DEFAULT '', seconds TEXT NOT NULL DEFAULT '[]',
        deadline_seconds REAL NOT NULL DEFAULT 0) STRICT""",
    """CREATE UNIQUE INDEX IF NOT EXISTS one_run_at_a_time ON run (study)
        WHERE state IN ('queued', 'running')""",
)

log = structlog.get_logger()


@dataclass(frozen=True)
class Run:
    """One attempt at a study, with the roster it began with; ``code`` tells why it failed, if it did.

    ``deadline_seconds`` is how long its exchanges wait; 0 leaves that to the settings.
    """

    id: int
    study: str
    roster: tuple[str, ...]
    state: RunState
    code: str
    detail: str
    queued_at: str
    ended_at: str
    seconds: tuple[float, ...]
    deadline_seconds: float

    @property
    def ended(self) -> bool:
        """Say whether it is over, however it ended."""
        return self.ended_at != ""


class Runs:
    """The runs, in the coordinator's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue(
        self, study: str, roster: Iterable[str], *, at: datetime.datetime, deadline_seconds: float = 0.0
    ) -> tuple[Run, bool]:
        """Add a run; while the study has one queued or running, return that one, and that it is not new."""
        with self._database.transaction() as write:
            query = """INSERT OR IGNORE INTO run (study, roster, state, queued_at, deadline_seconds)
                       VALUES (?, ?, 'queued', ?, ?)"""
            values = [study, json.dumps(sorted(roster)), at.isoformat(timespec="seconds"), deadline_seconds]
            new = write.execute(query, values).rowcount == 1
        return cast("Run", self.last(study)), new

    def last(self, study: str) -> Run | None:
        """Return the latest run of a study, if it has any."""
        row = self._database.one("SELECT * FROM run WHERE study = ? ORDER BY id DESC LIMIT 1", [study])
        return _run(row) if row else None

    def of(self, study: str) -> list[Run]:
        """Return every run of a study, oldest first."""
        return [_run(row) for row in self._database.rows("SELECT * FROM run WHERE study = ? ORDER BY id", [study])]

    def unfinished(self) -> list[Run]:
        """Return the runs that a stopped coordinator left to do, oldest first."""
        query = "SELECT * FROM run WHERE state IN ('queued', 'running') ORDER BY id"
        return [_run(row) for row in self._database.rows(query)]

    def begin(self, run: Run) -> bool:
        """Note that a run is running; one that was cancelled meanwhile does not begin."""
        with self._database.transaction() as write:
            query = "UPDATE run SET state = 'running' WHERE id = ? AND state IN ('queued', 'running')"
            return write.execute(query, [run.id]).rowcount == 1

    def end(self, run: Run) -> None:
        """Note how a run ended; one that was cancelled stays so, unless it had just made its model."""
        query = """UPDATE run SET state = ?, code = ?, detail = ?, ended_at = ?, seconds = ?
                   WHERE id = ? AND (state = 'running' OR ? = 'finished')"""
        values = [run.state, run.code, run.detail, run.ended_at, json.dumps(run.seconds), run.id, run.state]
        with self._database.transaction() as write:
            write.execute(query, values)

    def cancel(self, study: str, *, at: datetime.datetime) -> None:
        """Note that a study's run is cancelled, also over a restart; ``run-not-running`` when there is none to."""
        query = (
            """UPDATE run SET state = 'cancelled', ended_at = ? WHERE study = ? AND state IN ('queued', 'running')"""
        )
        with self._database.transaction() as write:
            if not write.execute(query, [at.isoformat(timespec="seconds"), study]).rowcount:
                raise Refusal("run-not-running")


Execute = Callable[[Run, Callable[[Progress], None], threading.Event], Outcome]


@dataclass
class _Control:
    """A run that has a thread: how to stop it, and how to know that its thread has let go."""

    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    progress: Progress | None = None


class Runner:
    """Runs what is queued, first come first served, each in a thread: one that waits for a node holds up no other.

    At most ``at_once`` run at a time. What ``stop`` cuts short is done after a restart.
    """

    def __init__(self, runs: Runs, execute: Execute, *, now: Callable[[], datetime.datetime], at_once: int) -> None:
        self._runs, self._execute, self._now = runs, execute, now
        self._waiting: SimpleQueue[Run | None] = SimpleQueue()
        self._controls: dict[str, _Control] = {}  # by study
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"runner-{n + 1}", daemon=True) for n in range(at_once)
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with what was left to do."""
        for run in self._runs.unfinished():
            self._waiting.put(run)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop every run within a second or so; one that was cut short stays unfinished."""
        self._stopping.set()
        for control in list(self._controls.values()):
            control.stop.set()
        for _ in self._threads:
            self._waiting.put(None)
        ends = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, ends - time.monotonic()))

    def queue(self, study: str, roster: Iterable[str], *, deadline_seconds: float = 0.0) -> Run:
        """Have a study run; one that is queued or running already is not queued twice."""
        run, new = self._runs.queue(study, roster, at=self._now(), deadline_seconds=deadline_seconds)
        if new:
            self._waiting.put(run)
        return run

    def cancel(self, study: str) -> None:
        """End a study's run within a second or so, whatever it waits for; its journal stays."""
        self._runs.cancel(study, at=self._now())
        if control := self._controls.get(study):
            control.stop.set()
            control.over.wait(STOP_SECONDS)
        log.info("run-cancelled", study=study)

    def watch(self, study: str) -> Progress | None:
        """Return how far the study's run is, while it runs."""
        control = self._controls.get(study)
        return control.progress if control else None

    def _work(self) -> None:
        while (run := self._waiting.get()) is not None and not self._stopping.is_set():
            control = self._enter(run.study)
            try:
                if self._runs.begin(run):
                    self._run(run, control)
            except HedgerowError as error:  # the disk, say: the run stands as it was noted last
                log.error("run-not-noted", study=run.study, code=error.code)  # noqa: TRY400 - no values in logs
            finally:
                del self._controls[run.study]
                control.over.set()

    def _enter(self, study: str) -> _Control:
        """Return the control of a study's one thread, once a cancelled run of it has let go."""
        control = _Control()
        while (before := self._controls.setdefault(study, control)) is not control:
            before.over.wait()
        if self._stopping.is_set():
            control.stop.set()
        return control

    def _run(self, run: Run, control: _Control) -> None:
        log.info("run-began", study=run.study, nodes=len(run.roster))

        def show(progress: Progress) -> None:
            control.progress = progress

        try:
            ended = replace(run, state="finished", seconds=self._execute(run, show, control.stop).seconds)
        except Stopped:
            return
        except HedgerowError as error:
            ended = replace(run, state="failed", code=error.code, detail=error.detail)
        except Exception as error:  # noqa: BLE001 - one study's fault must not end the thread of others
            log.error("run-fault", study=run.study, kind=type(error).__name__)  # noqa: TRY400 - no values in logs
            ended = replace(run, state="failed", code="fault")
        if not self._stopping.is_set() or ended.state == "finished":
            self._runs.end(replace(ended, ended_at=self._now().isoformat(timespec="seconds")))
            log.info("run-ended", study=run.study, state=ended.state, code=ended.code)


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
        row["deadline_seconds"],
    )


__all__ = ["SCHEMA", "STOP_SECONDS", "Execute", "Run", "RunState", "Runner", "Runs"]
