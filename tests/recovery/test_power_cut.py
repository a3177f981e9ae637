"""The power fails after any call to the disk: what was said to be reserved, charged or released is there, once."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.recovery import charging
from tests.recovery.disk_calls import Disk, recorded

PROGRAM = Path(charging.__file__)
HOWS = ("none", "all", "some")


def cuts(calls, step=1):
    """Yield what lies on the disk after each call, whatever of the unforced writes reached it, and what was said."""
    disk, rng = Disk(), random.Random(7)
    for number, call in enumerate(calls):
        disk.take(call)
        if number % step == 0 or call.file == "said":
            for how in HOWS:
                yield f"{how} after call {number}", disk.after_a_cut(how, rng), list(disk.said)


def found_after(cut, said, folder):
    """Return what is wrong with what one cut leaves behind."""
    folder.mkdir()
    for name, content in cut.items():
        (folder / Path(name).name).write_bytes(content)
    try:
        return charging.faults(folder, said)
    finally:
        shutil.rmtree(folder)


@pytest.mark.services
def test_whenever_the_power_is_cut_nothing_that_was_said_is_lost_and_the_books_verify(tmp_path):
    (tmp_path / "books").mkdir()
    calls = recorded(PROGRAM, tmp_path / "books")
    assert Counter(call.name for call in calls)["fdatasync"] >= 2 * charging.PLACES
    assert [line[0] for line in said_in(calls)].count("charged") == charging.PLACES
    tried = {what: found_after(cut, said, tmp_path / "found") for what, cut, said in cuts(calls)}
    assert len(tried) == len(HOWS) * len(calls)
    assert {what: found for what, found in tried.items() if found} == {}


@pytest.mark.services
def test_control_commits_that_are_not_forced_to_the_disk_are_lost(tmp_path):
    (tmp_path / "books").mkdir()
    calls = recorded(PROGRAM, tmp_path / "books", "unsynced")
    found = [found_after(cut, said, tmp_path / "found") for how, cut, said in cuts(calls, step=10**9) if "none" in how]
    assert any("charge 1 is lost" in each for each in found)


def said_in(calls):
    return [line.split() for call in calls if call.file == "said" for line in call.content.decode().splitlines()]
