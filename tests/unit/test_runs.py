"""Runs have a thread each: one that waits holds up no other, and what a stop or a cancel cuts short goes on later."""

import threading

import pytest

from coordinator import runs, studies
from coordinator.rounds import Outcome, Progress, Stopped
from coordinator.runs import Runner, Runs
from privacy.durable import Database
from privacy.errors import Refusal
from tests.coordinators import NOW, Clock

DONE = Outcome({}, (), (0.5, 0.25))


def shown(study, place=2):
    return Progress(study, "risk", place, "risk: gradient 1", 1, 4, 0, 2)


@pytest.fixture
def kept(tmp_path):
    return runs_in(tmp_path)


def runs_in(folder):
    database = Database(folder / "c.db", [*studies.SCHEMA, *runs.SCHEMA])
    with database.transaction() as write:
        for name in "abc":
            query = "INSERT OR IGNORE INTO study (hash, name, document, submitted_at) VALUES (?, ?, ?, '')"
            write.execute(query, [name, name, b""])
    return Runs(database)


def until(condition):
    for _ in range(400):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come about")


def state(kept, study="a"):
    run = kept.last(study)
    return run and run.state


def runner_of(kept, execute, *, at_once=8):
    return Runner(kept, execute, now=Clock(), at_once=at_once)


def done(run, progress, stop):
    return DONE


class Waiting:
    """Runs that wait for a node that never answers, until they are stopped."""

    def __init__(self, *studies):
        self.studies, self.began, self.let_go = studies, threading.Event(), threading.Event()

    def __call__(self, run, progress, stop):
        if run.study not in self.studies:
            return DONE
        progress(shown(run.study))
        self.began.set()
        stop.wait(20)
        self.let_go.set()
        raise Stopped


def test_a_run_is_kept_with_its_roster_and_its_end(kept):
    with runner_of(kept, done) as runner:
        run = runner.queue("a", ["2", "1"], deadline_seconds=7.5)
        assert (run.roster, run.deadline_seconds) == (("1", "2"), 7.5)
        until(lambda: state(kept) == "finished")
    assert kept.last("a").seconds == (0.5, 0.25)
    assert kept.last("a").ended_at == NOW.isoformat(timespec="seconds")
    assert kept.unfinished() == []


def test_a_study_that_waits_for_a_silent_node_holds_up_no_other(kept):
    waiting = Waiting("a")
    with runner_of(kept, waiting) as runner:
        runner.queue("a", ["1"])
        assert waiting.began.wait(5)
        runner.queue("b", ["1"])
        runner.queue("c", ["1"])
        until(lambda: state(kept, "b") == state(kept, "c") == "finished")
        assert state(kept, "a") == "running"


def test_control_with_one_thread_for_all_they_would_wait(kept):
    waiting = Waiting("a")
    with runner_of(kept, waiting, at_once=1) as runner:
        runner.queue("a", ["1"])
        assert waiting.began.wait(5)
        runner.queue("b", ["1"])
        threading.Event().wait(0.3)
        assert state(kept, "b") == "queued"


def test_no_more_run_at_once_than_may_and_the_rest_first_come_first_served(kept):
    order, gates = [], {study: threading.Event() for study in "abc"}

    def execute(run, progress, stop):
        order.append(run.study)
        gates[run.study].wait(5)
        return DONE

    with runner_of(kept, execute, at_once=2) as runner:
        for study in "abc":
            runner.queue(study, ["1"])
        until(lambda: sorted(order) == ["a", "b"])
        threading.Event().wait(0.1)
        assert state(kept, "c") == "queued"
        gates["b"].set()
        until(lambda: order[2:] == ["c"])
        for gate in gates.values():
            gate.set()
        until(lambda: state(kept, "c") == state(kept, "a") == "finished")


def test_a_study_asked_for_twice_runs_once(kept):
    began, free, count = threading.Event(), threading.Event(), []

    def execute(run, progress, stop):
        count.append(run.study)
        began.set()
        free.wait(5)
        return DONE

    with runner_of(kept, execute) as runner:
        first = runner.queue("a", ["1"])
        began.wait(5)
        assert runner.queue("a", ["1", "2"]).id == first.id
        runner.queue("b", ["1"])
        free.set()
        until(lambda: state(kept, "a") == state(kept, "b") == "finished")
    assert sorted(count) == ["a", "b"]


def test_a_failure_is_kept_by_its_code_and_the_next_run_goes_on(kept):
    def execute(run, progress, stop):
        if run.study == "a":
            raise Refusal("study-expired", "ended")
        raise ValueError("9990000018")

    with runner_of(kept, execute, at_once=1) as runner:
        runner.queue("a", [])
        runner.queue("b", [])
        until(lambda: state(kept, "b") == "failed")
    assert (kept.last("a").code, kept.last("a").detail) == ("study-expired", "ended")
    assert (kept.last("b").code, kept.last("b").detail) == ("fault", "")


def test_what_a_stop_cuts_short_runs_again_after_it(kept, tmp_path):
    waiting = Waiting("a")
    with runner_of(kept, waiting) as runner:
        runner.queue("a", ["1"])
        waiting.began.wait(5)
    assert state(kept) == "running"
    rosters = []
    with runner_of(runs_in(tmp_path), lambda run, *_: rosters.append(run.roster) or DONE):
        until(lambda: state(kept) == "finished")
    assert rosters == [("1",)]


def test_the_end_of_the_coordinator_is_no_failure_of_the_study(kept):
    began, free = threading.Event(), threading.Event()

    def execute(run, progress, stop):
        began.set()
        free.wait(5)
        raise Refusal("quorum-lost")  # what a run sees when the fleet is shut down under it

    with runner_of(kept, execute) as runner:
        runner.queue("a", ["1"])
        began.wait(5)
        threading.Timer(0.1, free.set).start()
    assert state(kept) == "running"


def test_a_cancelled_run_lets_go_and_stays_cancelled_over_a_restart(kept, tmp_path):
    waiting = Waiting("a")
    with runner_of(kept, waiting) as runner:
        runner.queue("a", ["1"])
        waiting.began.wait(5)
        assert runner.watch("a").place == 2
        runner.cancel("a")
        assert waiting.let_go.is_set()  # when cancel returns, nothing of it runs any more
        assert (state(kept), runner.watch("a")) == ("cancelled", None)
        with pytest.raises(Refusal, match="run-not-running"):
            runner.cancel("a")
    began = []
    with runner_of(runs_in(tmp_path), lambda run, *_: began.append(run) or DONE) as runner:
        threading.Event().wait(0.2)
        assert began == []
        runner.queue("a", ["1"])
        until(lambda: state(kept) == "finished")
    assert [run.state for run in kept.of("a")] == ["cancelled", "finished"]


def test_a_queued_run_can_be_cancelled_before_it_begins(kept):
    waiting = Waiting("a")
    began = []

    def execute(run, progress, stop):
        began.append(run.study)
        return waiting(run, progress, stop)

    with runner_of(kept, execute, at_once=1) as runner:
        runner.queue("a", ["1"])
        runner.queue("b", ["1"])
        waiting.began.wait(5)
        runner.cancel("b")
        runner.cancel("a")
        runner.queue("c", ["1"])
        until(lambda: state(kept, "c") == "finished")
    assert began == ["a", "c"]


def test_a_run_that_made_its_model_before_the_cancel_reached_it_is_finished(kept):
    began, free = threading.Event(), threading.Event()

    def execute(run, progress, stop):
        began.set()
        free.wait(5)
        return DONE

    with runner_of(kept, execute) as runner:
        runner.queue("a", ["1"])
        began.wait(5)
        threading.Timer(0.1, free.set).start()
        runner.cancel("a")
        until(lambda: state(kept) == "finished")


def test_a_resumed_run_begins_only_when_the_cancelled_one_has_let_go(kept):
    began, free, order = threading.Event(), threading.Event(), []

    def execute(run, progress, stop):
        order.append(("in", run.id))
        began.set()
        free.wait(5)  # slow to let go
        order.append(("out", run.id))
        return DONE if run.id == 2 else stopped()

    def stopped():
        raise Stopped

    with runner_of(kept, execute) as runner:
        runner.queue("a", ["1"])
        began.wait(5)
        kept.cancel("a", at=NOW)
        runner.queue("a", ["1"])
        threading.Timer(0.2, free.set).start()
        until(lambda: state(kept) == "finished")
    assert order == [("in", 1), ("out", 1), ("in", 2), ("out", 2)]
