"""Whole studies with many nodes: twelve as processes of their own, forty in one process."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from deploy.bench.processes import peak_megabytes
from deploy.bench.run import Figure
from deploy.demo.fast import load
from deploy.demo.in_process import local_federation
from deploy.demo.people import PERSON, SITE, read_public_file, write_sites
from deploy.demo.play import Site
from deploy.demo.study_file import study_document
from tests.recovery.federation import Federation
from tests.recovery.walk import Walk

REAL, IN_PROCESS = 12, 40
SLOT_SECONDS = 0.01  # in one process, so that the figure shows the work and not the waiting


def figures() -> Iterator[Figure]:
    """Run both."""
    yield from _real()
    yield from _in_process()


def _real() -> Iterator[Figure]:
    """Run a study of two sums at twelve node processes, each a whole ``serve``, over TLS."""
    with tempfile.TemporaryDirectory() as name:
        federation = Federation(Path(name), tuple(f"node-{n}" for n in range(REAL)), deadline_seconds=60.0)
        federation.found(slot_seconds=0.2)
        try:
            started = time.perf_counter()
            federation.start_all()
            up = time.perf_counter() - started
            walk = Walk(federation)
            evidence = walk.run()
            memory = sum(peak_megabytes(process.pid) for process in federation.processes.values())
        finally:
            federation.stop()
    against = f"run typed to model kept, 2 sums; {memory:.0f} MB in all, {up:.0f} s to start them at once"
    yield Figure(f"study_seconds_{REAL}_processes", walk.run_seconds, "s", 10, "at_most", against)
    wrong = evidence.double_charges + evidence.lost_charges + len(evidence.faults)
    yield Figure(f"study_faults_{REAL}_processes", wrong, "faults", 0, "at_most", "charges, answers, logs, the model")


def _in_process() -> Iterator[Figure]:
    """Run the demo's study at forty nodes, its people dealt out among them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as name:
        sites = list(_dealt(Path(name) / "sites"))
        floors = {"reply_slot_seconds": SLOT_SECONDS}
        with local_federation(Path(name), [site.name for site in sites], floors=floors) as federation:
            for site in sites:
                load(federation, site)
            study = federation.submit(study_document())
            federation.approve_everywhere(study)
            started = time.perf_counter()
            federation.run(study)
            seconds = time.perf_counter() - started
            result = federation.hub.result(study)
            for node in federation.nodes.values():
                node.verify()
    against = f"the demo's study; {result['exchanges']} exchanges, median {result['seconds_per_exchange']:.2f} s"
    yield Figure(f"study_seconds_{IN_PROCESS}_in_process", seconds, "s", 60, "at_most", against)


def _dealt(home: Path) -> Iterator[Site]:
    """Yield forty sites of the same people, whatever site they were of."""
    rows = read_public_file()
    hand = rows[PERSON].rank(method="dense").astype(int) % IN_PROCESS
    for number in range(IN_PROCESS):
        (site,) = write_sites(rows[hand == number].assign(**{SITE: 1}), home / str(number))
        yield replace(site, name=f"node-{number}")


__all__ = ["IN_PROCESS", "REAL", "SLOT_SECONDS", "figures"]
