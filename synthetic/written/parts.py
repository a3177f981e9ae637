"""Makes the parts of a data set, in this process or in several; a part is the same whoever makes it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from privacy.errors import Unreachable
from synthetic.formats.format import Format
from synthetic.manifest import Written
from synthetic.tables import Tables


@dataclass(frozen=True)
class Job:
    """What is written, how, and where."""

    source: Tables
    format: Format
    home: Path

    def part(self, number: int) -> list[Written]:
        """Write one part, a file for each table, and force it to the disk."""
        given = self.source.schemas()
        schemas = self.format.schemas(given)
        paths = {table: self.format.path(table, number) for table in schemas}
        rows = dict.fromkeys(schemas, 0)
        with ExitStack() as stack:
            files, sinks = {}, {}
            for table, schema in schemas.items():
                (self.home / paths[table]).parent.mkdir(parents=True, exist_ok=True)
                files[table] = stack.enter_context((self.home / paths[table]).open("wb"))
                sinks[table] = stack.enter_context(self.format.opened(files[table], schema))
            for table, batch in self.format.converted(self.source.part(number)):
                sinks[table].write(batch)
                rows[table] += batch.num_rows
        for each in paths.values():
            _force(self.home / each)
        return [Written.of(self.home, paths[table], table, rows[table]) for table in schemas]


def in_processes(job: Job, numbers: Sequence[int], processes: int) -> Iterator[tuple[int, list[Written]]]:
    """Give each part as it is done, by number; on any fault, and when interrupted, no process is left behind.

    ``process-died`` when one is killed, as the system does when memory runs out.
    """
    if min(processes, len(numbers)) <= 1:
        for number in numbers:
            yield number, job.part(number)
        return
    before = set(multiprocessing.active_children())
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process is a core: more threads in each would only wait
    pool = ProcessPoolExecutor(
        min(processes, len(numbers)), multiprocessing.get_context("spawn"), initializer=_begin, initargs=(job,)
    )
    try:
        waiting = {pool.submit(_part, number): number for number in numbers}
        for done in as_completed(waiting):
            yield waiting.pop(done), done.result()
    except BrokenProcessPool as error:
        raise Unreachable("process-died") from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
            child.join()


_JOB: Job | None = None


def _begin(job: Job) -> None:
    """Be a process that makes parts: an interrupt is the parent's to handle, and its end is the end."""
    global _JOB  # noqa: PLW0603 - one job a process, so that it is sent only once
    _JOB = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _part(number: int) -> list[Written]:
    if _JOB is None:
        raise RuntimeError("a process makes parts of the job that it was begun with")
    return _JOB.part(number)


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["Job", "in_processes"]
