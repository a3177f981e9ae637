"""Writes a data set: part by part, in as many processes as there is work for; whole, or not at all.

Everything goes to ``OUT.unfinished``, where an interrupted run goes on. When all parts lie there the manifest is
written, and one rename makes ``OUT`` of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from privacy.alone import alone
from privacy.atomic import SHARED, put
from privacy.errors import Refusal, Unreachable
from synthetic.formats.format import Format
from synthetic.manifest import Manifest, Plan, Written
from synthetic.tables import Tables
from synthetic.written.disk import disk_faults
from synthetic.written.parts import Job, in_processes
from synthetic.written.unfinished import Unfinished

README = "README.txt"
EMPTY: Mapping[str, bytes] = MappingProxyType({})

Tell = Callable[[int, int], None]  # how many parts are done, of how many


def write(
    *,
    source: Tables,
    plan: Plan,
    out: Path,
    format: Format,  # noqa: A002 - the option's name
    processes: int | None,
    tell: Tell,
    papers: Mapping[str, bytes] = EMPTY,
) -> Manifest:
    """Write the tables of ``source`` to the new directory ``out``, or finish what an interrupted run began there.

    The bytes depend on source and format alone: not on ``processes`` (None: one for each processor that this process
    may use), nor on where a run was interrupted. ``papers`` are files of the whole data set, by their path in it.
    ``data-set-exists`` and ``data-set-half-made`` when something else is there, ``data-set-busy`` when somebody is
    writing it, ``data-set-no-room`` when the disk is full or will be.
    """
    if out.exists():
        raise Refusal("data-set-exists", str(out))
    unfinished, parts = Unfinished(out, plan), source.parts()
    with disk_faults(unfinished.home):
        unfinished.home.mkdir(parents=True, exist_ok=True)
        with alone(unfinished.lock, Unreachable("data-set-busy", str(unfinished.home))):
            manifest = unfinished.ready()
            if manifest is None:
                unfinished.begin(parts)
                at_once = processes or len(os.sched_getaffinity(0))
                _make(unfinished, Job(source, format, unfinished.home), parts, at_once, tell)
                files = [*format.finish(unfinished.home, unfinished.files()), _readme(unfinished.home, plan)]
                files += [_put(unfinished.home, name, content) for name, content in papers.items()]
                manifest = Manifest.of(plan, unfinished.files(), files)
            unfinished.end(manifest)
    return manifest


def _make(unfinished: Unfinished, job: Job, parts: int, processes: int, tell: Tell) -> None:
    missing = unfinished.missing(parts)
    tell(parts - len(missing), parts)
    for done, (number, files) in enumerate(in_processes(job, missing, processes), start=parts - len(missing) + 1):
        unfinished.add(number, files)
        tell(done, parts)
        unfinished.check_room(parts, job.format.room)


def _readme(home: Path, plan: Plan) -> Written:
    """Write what a person should know who finds the folder without us."""
    provenance = plan.provenance
    lines = ["These people never were.", "", provenance.says, *filter(None, [provenance.cost]), ""]
    lines += ["You may:", *(f"* {each}" for each in provenance.may)]
    lines += ["", "You may not:", *(f"* {each}" for each in provenance.may_not)]
    lines += ["", "Know that:", *(f"* {each}" for each in plan.notes)] if plan.notes else []
    lines += ["", "Made by:", f"  {plan.command}", "", "manifest.json lists every file with its hash.", ""]
    return _put(home, README, "\n".join(lines).encode())


def _put(home: Path, path: str, content: bytes) -> Written:
    put(home / path, content, mode=SHARED, replace=True)
    return Written.of(home, path)


__all__ = ["EMPTY", "README", "Tell", "write"]
