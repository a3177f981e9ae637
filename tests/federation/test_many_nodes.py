"""Forty nodes in one process: a run with all of them finishes, and the round loop's work grows as the nodes do."""

import sys
import threading
import time

from coordinator import histories, journal, rounds
from coordinator.assemble import COMPUTATIONS
from coordinator.federation import grid
from coordinator.federation.in_process import InProcessGrid
from coordinator.journal import Journal
from coordinator.rounds import run_study
from privacy.canonical import canonical
from privacy.durable import Database
from privacy.release import decode
from privacy.signing import PublicKey
from privacy.study import from_document
from tests.coordinators import NOW, Clock, Fleet, new_home, serving, sites, study_document

NODES, EXCHANGES = 40, 4
LOOP = {module.__file__ for module in (grid, histories, journal, rounds)}


def members_of(count):
    return sites(*(f"site-{n:02}" for n in range(count)))


def document(members):
    invited = [{"name": site.name, "fingerprint": site.fingerprint} for site in members]
    return {**study_document(members[:3]), "invited": invited}


def test_forty_nodes_take_part_in_every_sum(tmp_path):
    home, members = new_home(tmp_path / "hub"), members_of(NODES)
    with serving(home, members, Clock(), Fleet(members)) as hub:
        study = hub.submit(canonical(document(members)))["hash"]
        for site in members:
            hub.studies.note(notice_of(site, study), at=NOW)
        hub.run(study)
        ends = time.monotonic() + 120
        while not hub.runs.last(study).ended and time.monotonic() < ends:
            threading.Event().wait(0.05)
        assert hub.runs.last(study).state == "finished"
        result, history = hub.result(study), hub.history(study)
    assert (result["exchanges"], result["receipts"], len(result["nodes"])) == (EXCHANGES, EXCHANGES * NODES, NODES)
    assert [len(e["nodes"]) for e in history["exchanges"]] == [NODES] * EXCHANGES
    assert {n["state"] for e in history["exchanges"] for n in e["nodes"]} == {"answered"}


def notice_of(site, study):
    return decode(site.notice("approved", study), PublicKey.of(site.key))


def steps_taken(folder, count):
    """Return how many bytecodes the round loop, its journal and its history execute for a run of so many nodes."""
    home, members = new_home(folder / f"hub-{count}"), members_of(count)
    study = from_document(document(members))
    key = PublicKey.of(home.identity)
    handlers = {s.fingerprint: lambda content, s=s: s.answer_zeros(study, key, content) for s in members}
    kept = Journal(Database(folder / f"{count}.db", journal.SCHEMA))
    taken = 0

    def trace(frame, event, _):
        nonlocal taken
        if frame.f_code.co_filename not in LOOP:
            return None
        frame.f_trace_opcodes = True
        taken += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        outcome = run_study(
            study=study,
            finder=COMPUTATIONS,
            grid=InProcessGrid(handlers),
            key=home.identity,
            roster={site.fingerprint: PublicKey.of(site.key) for site in members},
            journal=kept,
            deadline_seconds=120.0,
            now=lambda: NOW,
            progress=lambda _: None,
            stop=threading.Event(),
        )
        histories.history_of(study, [], None, kept.contacts(study.hash), {})
    finally:
        sys.settrace(before)
    assert len(outcome.receipts) == EXCHANGES * count
    return taken


def test_nothing_in_the_round_loop_is_quadratic(tmp_path):
    ten, forty = steps_taken(tmp_path, 10), steps_taken(tmp_path, NODES)
    assert forty / ten < 4.5  # forty by ten; a quadratic part would show as up to sixteen
