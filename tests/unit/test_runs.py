"""Runs are done one at a time, once each, and those that a stop cut short are done after it."""

import threading

import pytest

from coordinator import runs, studies
from coordinator.rounds import Outcome, Progress
from coordinator.runs import Runner, Runs
from privacy.durable import Database
from privacy.errors import Refusal
from tests.coordinators import NOW, Clock

DONE = Outcome({}, (), (0.5, 0.25))


def shown(study, *waiting, place="risk: gradient 1"):
    return Progress(study, "risk", place, 1, 4, (), waiting, 0.1)


@pytest.fixture
def kept(tmp_path):
    return runs_in(tmp_path)


def runs_in(folder):
    database = Database(folder / "c.db", [*studies.SCHEMA, *runs.SCHEMA])
    with database.transaction() as write:
        for name in "ab":
            write.execute("INSERT OR IGNORE INTO study VALUES (?, ?, ?, '')", [name, name, b""])
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


def test_a_run_is_kept_with_its_roster_and_its_end(kept):
    runner = Runner(kept, lambda run, progress: DONE, now=Clock())
    runner.start()
    run = runner.queue("a", ["2", "1"])
    assert run.roster == ("1", "2")
    until(lambda: state(kept) == "finished")
    runner.stop()
    assert kept.last("a").seconds == (0.5, 0.25)
    assert kept.last("a").ended_at == NOW.isoformat(timespec="seconds")
    assert kept.unfinished() == []


def test_a_study_asked_for_twice_runs_once(kept):
    began, free, count = threading.Event(), threading.Event(), []

    def execute(run, progress):
        count.append(run.study)
        began.set()
        free.wait(5)
        return DONE

    runner = Runner(kept, execute, now=Clock())
    runner.start()
    first = runner.queue("a", ["1"])
    began.wait(5)
    assert runner.queue("a", ["1", "2"]).id == first.id
    runner.queue("b", ["1"])
    free.set()
    until(lambda: state(kept, "b") == "finished")
    runner.stop()
    assert count == ["a", "b"]


def test_a_failure_is_kept_by_its_code_and_the_next_run_goes_on(kept):
    def execute(run, progress):
        if run.study == "a":
            raise Refusal("study-expired", "ended")
        raise ValueError("9990000018")

    runner = Runner(kept, execute, now=Clock())
    runner.start()
    runner.queue("a", [])
    runner.queue("b", [])
    until(lambda: state(kept, "b") == "failed")
    runner.stop()
    assert (kept.last("a").code, kept.last("a").detail) == ("study-expired", "ended")
    assert (kept.last("b").code, kept.last("b").detail) == ("fault", "")


def test_what_a_stop_cuts_short_runs_again_after_it(kept, tmp_path):
    began = threading.Event()

    def endless(run, progress):
        began.set()
        while True:
            progress(shown(run.study, "1"))
            threading.Event().wait(0.01)

    runner = Runner(kept, endless, now=Clock())
    runner.start()
    runner.queue("a", ["1"])
    began.wait(5)
    runner.stop()
    assert state(kept) == "running"
    rosters = []
    again = Runner(runs_in(tmp_path), lambda run, progress: rosters.append(run.roster) or DONE, now=Clock())
    again.start()
    until(lambda: state(kept) == "finished")
    again.stop()
    assert rosters == [("1",)]


def test_the_end_of_the_coordinator_is_no_failure_of_the_study(kept):
    began, free = threading.Event(), threading.Event()

    def execute(run, progress):
        began.set()
        free.wait(5)
        raise Refusal("quorum-lost")  # what a run sees when the fleet is shut down under it

    runner = Runner(kept, execute, now=Clock())
    runner.start()
    runner.queue("a", ["1"])
    began.wait(5)
    threading.Timer(0.1, free.set).start()
    runner.stop()
    assert state(kept) == "running"


def test_one_waits_since_the_waiting_began(kept):
    clock, steps = Clock(), threading.Semaphore(0)
    seen, reports = [], [shown("a", "1", "2"), shown("a", "1", "2"), shown("a", "2"), shown("a", "2", place="x")]

    def execute(run, progress):
        for report in reports:
            progress(report)
            seen.append(runner.watch("a").since)
            clock.pass_seconds(1)
        steps.release()
        return DONE

    runner = Runner(kept, execute, now=clock)
    runner.start()
    runner.queue("a", ["1", "2"])
    steps.acquire(timeout=5)
    until(lambda: state(kept) == "finished")
    runner.stop()
    assert [(at - NOW).seconds for at in seen] == [0, 0, 2, 3]
    assert runner.watch("a") is None
