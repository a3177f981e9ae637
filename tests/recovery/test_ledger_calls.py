"""Each write or sync of the ledger's file kills the program, or fails: what was said to be charged is there, once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.recovery import charging
from tests.recovery.disk_calls import injected, recorded

PROGRAM = Path(charging.__file__)
FAILURES = ("error=EIO:when={}", "error=EIO:when={}+", "error=ENOSPC:when={}+")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """How often each call is made, and how often before the first charge is said."""
    folder = tmp_path_factory.mktemp("made")
    calls = recorded(PROGRAM, folder)
    said = [call.content for call in calls].index(b"charged 1\n")
    return Counter(call.name for call in calls), Counter(call.name for call in calls[:said])


def lines(done):
    return [line.split() for line in done.stdout.splitlines()]


def killed(folder, call, number, *more):
    """Return what is wrong after a program was killed at a call."""
    folder.mkdir()
    done = injected(call, f"signal=KILL:when={number}", PROGRAM, folder, *more)
    assert done.returncode in (-9, 137)
    return charging.faults(folder, lines(done))


def failed(folder, call, how):
    """Return what is wrong after a call failed, and what the program said of it."""
    folder.mkdir()
    done = injected(call, how, PROGRAM, folder)
    assert done.returncode == 0, done
    said = lines(done)
    refused = [line[1] for line in said if line[0] == "refused"]
    return charging.faults(folder, said) + [code for code in refused if not code.startswith("state-un")], refused


@pytest.mark.services
def test_killed_about_the_first_charges_what_was_said_is_there(made, tmp_path):
    _, first = made
    points = [("pwrite64", first["pwrite64"] + n) for n in (-2, -1, 0, 1, 2, 3, 4, 12, 30)]
    points += [("fdatasync", first["fdatasync"] + n) for n in (0, 1, 2, 11)]
    found = {point: killed(tmp_path / f"{point[0]}-{point[1]}", *point) for point in points}
    assert {point: faults for point, faults in found.items() if faults} == {}


@pytest.mark.slow
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_killed_at_every_call_what_was_said_is_there(made, tmp_path, call):
    found = {number: killed(tmp_path / str(number), call, number) for number in range(1, made[0][call] + 1)}
    assert {number: faults for number, faults in found.items() if faults} == {}


@pytest.mark.services
def test_control_a_ledger_that_speaks_before_its_commit_is_caught(made, tmp_path):
    assert "charge 1 is lost" in killed(tmp_path / "one", "pwrite64", made[1]["pwrite64"] - 1, "too-soon")


@pytest.mark.services
@pytest.mark.parametrize("how", FAILURES)
def test_a_disk_that_fails_is_said_and_nothing_that_was_said_is_lost(made, tmp_path, how):
    _, first = made
    points = [("pwrite64", first["pwrite64"] + n) for n in (-1, 0, 1, 7, 20)]
    points += [("fdatasync", first["fdatasync"] + n) for n in (0, 1, 5) if "ENOSPC" not in how]
    for call, number in points:
        faults, refused = failed(tmp_path / f"{call}-{number}", call, how.format(number))
        assert faults == []
        assert refused, (call, number)  # a disk that failed is never passed over


@pytest.mark.slow
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
def test_a_disk_that_fails_at_any_call_loses_nothing_that_was_said(made, tmp_path, call):
    every = range(1, made[0][call] + 1)
    found = {number: failed(tmp_path / str(number), call, f"error=EIO:when={number}+")[0] for number in every}
    assert {number: faults for number, faults in found.items() if faults} == {}
