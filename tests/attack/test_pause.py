"""``pause`` stops what is under way: a computation at its next batch, a finished answer before it is sent."""

import threading
import time

import numpy as np
import pytest

from models import variables
from node.assemble import open_node
from node.clock import stamp
from privacy.release import Notice, Release
from tests.approved import FINDER, Approved, approved
from tests.computations.head_count import HeadCount
from tests.nodes import NOW

ROUND = {"round": np.array([0.0])}
ROWS = 10  # a batch, so that 150 people are many batches


@pytest.fixture
def here(tmp_path, monkeypatch) -> Approved:
    made = approved(tmp_path)
    monkeypatch.setattr(variables, "ROWS_A_BATCH", ROWS)
    return made


@pytest.fixture
def elsewhere(here):
    """The same node as another process has it: ``hedgerow-node pause`` reaches the service by the state file."""
    return open_node(here.node.home, {}, lambda: NOW, finder=FINDER).governance.register


def charges(here):
    return [(c["place"], c["answered"]) for c in here.node.ledger.charges() if c["place"] == 1]


def in_batches(monkeypatch, when):
    """Count batches of the computation, and call ``when`` with each number."""
    done, real = [], HeadCount.contributions

    def contributions(self, parameters, ask, batch):
        done.append(len(done) + 1)
        when(done[-1])
        return real(self, parameters, ask, batch)

    monkeypatch.setattr(HeadCount, "contributions", contributions)
    return done


def test_a_computation_stops_at_its_next_batch_and_goes_on_upon_its_charge(here, elsewhere, monkeypatch):
    done = in_batches(monkeypatch, lambda n: elsewhere.pause(at=stamp(NOW)) if n == 2 else None)
    answer = here.ask(1, ROUND)
    assert isinstance(answer, Notice)
    assert answer.code == "node-paused"
    assert len(done) == 2
    assert charges(here) == [(1, 0)]  # charged, nothing stored
    elsewhere.resume(at=stamp(NOW))
    first = here.ask(1, ROUND)
    assert isinstance(first, Release)
    assert here.ask(1, ROUND) == first
    assert charges(here) == [(1, 1)]
    assert len(done) > 10  # the control: not paused, it goes through all of them


def test_a_finished_answer_is_held_back_through_a_long_slot_and_kept(here, elsewhere):
    here.node.door.__dict__["slot_seconds"] = 0.6
    paused = threading.Timer(0.3, lambda: elsewhere.pause(at=stamp(NOW)))
    paused.start()
    answer = here.ask(1, ROUND)
    paused.join()
    assert isinstance(answer, Notice)
    assert (answer.code, answer.place, answer.study) == ("node-paused", 1, here.study.hash)
    assert charges(here) == [(1, 1)]
    elsewhere.resume(at=stamp(NOW))
    again = here.ask(1, ROUND)
    assert isinstance(again, Release)
    assert charges(here) == [(1, 1)]
    assert here.ask(1, ROUND) == again


def test_control_without_a_pause_the_same_slot_ends_in_a_release(here):
    here.node.door.__dict__["slot_seconds"] = 0.6
    started = time.monotonic()
    assert isinstance(here.ask(1, ROUND), Release)
    assert time.monotonic() - started >= 0.6


def test_a_switch_that_cannot_be_read_holds_back_too(here, monkeypatch):
    register = type(here.node.governance.register)

    def unreadable(_):
        raise OSError("9990000018")

    def then_the_disk_fails(*_):
        monkeypatch.setattr(register, "paused", property(unreadable))

    monkeypatch.setattr("node.egress.Door._wait", then_the_disk_fails)
    answer = here.ask(1, ROUND)
    assert isinstance(answer, Notice)
    assert answer.code == "computation-failed"
