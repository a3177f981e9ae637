"""A study is tried on nobody before anybody is asked to approve it."""

import dataclasses

import pytest

from deploy.demo.study_file import study_document
from privacy.computation import PACKAGES, Finder
from privacy.dry_run import dry_run
from privacy.errors import Invalid
from privacy.study import from_document

FINDER = Finder(*PACKAGES, "tests.computations")
INVITED = [{"name": str(n), "fingerprint": str(n)} for n in range(6)]


@pytest.fixture
def study():
    return from_document({**study_document(), "invited": INVITED})


def test_the_demos_study_runs_through(study):
    dry_run(study, FINDER)


def test_a_variable_that_no_computation_finds_is_named(study):
    with pytest.raises(Invalid) as caught:
        dry_run(dataclasses.replace(study, variables=study.variables[1:]), FINDER)
    assert caught.value.code == "variable-unknown"
    assert caught.value.detail == "admitted_next_year"


def test_a_computation_that_gives_another_shape_than_planned_is_refused(study, monkeypatch):
    step = dataclasses.replace(study.steps[0], use="head-count", parameters={}, of="")
    counted = dataclasses.replace(study, steps=(step,))
    computation = FINDER.find("head-count")
    variable = dataclasses.replace(study.variables[0], name="over_sixty")
    counted = dataclasses.replace(counted, variables=(variable,))
    dry_run(counted, FINDER)
    monkeypatch.setattr(computation, "contributions", lambda *_: study)
    with pytest.raises(Invalid, match="dry-run-failed"):
        dry_run(counted, FINDER)
