"""A service tries a study on nobody in another process: the same answers, and nothing of it stays in memory."""

import dataclasses
import subprocess
import sys

import pytest

from deploy.demo.study_file import study_document
from node import trial
from node.trial import try_apart
from privacy.computation import PACKAGES, Finder
from privacy.dry_run import dry_run
from privacy.errors import Invalid
from privacy.study import from_document

FINDER = Finder(*PACKAGES, "tests.computations")


@pytest.fixture
def study():
    invited = [{"name": str(n), "fingerprint": str(n)} for n in range(6)]
    return from_document({**study_document(), "invited": invited})


def test_a_fault_there_is_the_fault_here(study):
    broken = dataclasses.replace(study, variables=study.variables[1:])
    with pytest.raises(Invalid) as here:
        dry_run(broken, FINDER)
    with pytest.raises(Invalid) as there:
        try_apart(broken, FINDER)
    assert (there.value.code, there.value.detail) == (here.value.code, here.value.detail)


def test_a_trial_that_dies_or_does_not_end_is_a_failed_trial(study, monkeypatch):
    monkeypatch.setattr(trial, "_PROGRAM", "import os; os.abort()")
    with pytest.raises(Invalid, match="dry-run-failed"):
        try_apart(study, FINDER)
    monkeypatch.setattr(trial, "_PROGRAM", "import threading; threading.Event().wait()")
    monkeypatch.setattr(trial, "TRIAL_SECONDS", 0.3)
    with pytest.raises(Invalid, match="dry-run-failed"):
        try_apart(study, FINDER)


def test_a_study_that_runs_through_here_runs_through_there_and_torch_stays_out_of_who_asks():
    program = (
        "import sys, tests.unit.test_trial as t\n"
        "t.try_apart(t.study.__wrapped__(), t.FINDER)\n"
        "assert 'torch' not in sys.modules\n"
        "t.dry_run(t.study.__wrapped__(), t.FINDER)\n"
        "assert 'torch' in sys.modules\n"  # the control: it is what such a study loads
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
