"""Does a sum fail for one person's many rows? A `computation-failed` would say, without noise, that they are here."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from models.features import engine
from models.features.compiler import Layout
from models.in_memory import OutOfMemory, connect
from models.variables import (
    LEAST_ROWS,
    MOST_NUMBERS_A_PERSON,
    NUMBERS_A_BATCH,
    ROWS_A_BATCH,
    Table,
    batches,
    most_rows,
    rows_for,
)
from node import features as node_features
from node import sums as node_sums
from privacy.errors import Invalid
from privacy.features import MOST_DISTINCT, Feature, FeatureSet
from privacy.programme import MOST_NUMBERS
from privacy.release import Notice, Release
from tests.approved import approved, rows
from tests.eventful import eventful
from tests.rehearsal import no_noise

ROUND = {"round": np.array([0.0])}
MANY = 40_000  # events of one person, each of another code: more than the small engine can hold apart
INDEX = datetime.date(2025, 4, 1)
DECLARED = FeatureSet(
    INDEX,
    tuple(
        Feature(f"f{i}", "distinct", data_set="events", column="code", from_day=-365 - i, at_most=99) for i in range(10)
    ),
)
LAYOUT = Layout("people", {"events": "date"})


def little(threads):
    """Return an engine with so little memory that one person can fill it."""
    return connect(memory="32MB", threads=1)


def codes(*, monster):
    """Return what people have; the neighbouring data set has one person more, with a history that nobody has."""
    mine = {i: [f"X{i}", f"Y{i}"] for i in range(149)}
    return mine | ({149: [f"a code of some length: number {n:09d}" for n in range(MANY)]} if monster else {})


def answers(tmp_path, monkeypatch):
    """Return what the node answers without and with the person of many events, its engine's memory being small."""
    found = []
    for monster in (False, True):
        (home := tmp_path / str(monster)).mkdir()
        site = eventful(home, codes(monster=monster))
        site.node.sums._features = None  # as after a restart: what was worked out for the cohort's look is gone
        with monkeypatch.context() as small:
            small.setattr(engine, "connect", little)
            found.append((site.ask(1, ROUND), len(site.raw(site.request(1, ROUND)))))
    return found


def test_a_history_that_would_fill_the_memory_leaves_no_sign(tmp_path, monkeypatch):
    monkeypatch.setattr(node_features, "MOST_EVENTS", 1_000)  # as 100,000 is to the 2 GB of a node
    (without, short), (having, long) = answers(tmp_path, monkeypatch)
    assert isinstance(without, Release)
    assert isinstance(having, Release)
    assert short == long


def test_control_without_the_bound_the_answer_is_the_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(node_features, "MOST_EVENTS", None)
    (without, _), (having, _) = answers(tmp_path, monkeypatch)
    assert isinstance(without, Release)
    assert isinstance(having, Notice)
    assert having.code == "computation-failed"


def shard(people, events_each):
    names = [f"p{i:05d}" for i in range(people)]
    person = np.repeat(names, events_each).tolist()
    rows = len(person)
    events = {"person": person, "date": [INDEX - datetime.timedelta(days=5)] * rows}
    events["code"] = [f"a code of some length: number {n:09d}" for n in range(rows)]
    return {"people": pa.table({"person": names}), "events": pa.table(events)}


def test_a_shard_that_does_not_fit_is_done_in_halves_and_comes_out_the_same(monkeypatch):
    crowd = shard(1_500, 40)
    expected = engine.compute(DECLARED, LAYOUT, [crowd])
    done = []
    real = engine._shard
    monkeypatch.setattr(engine, "_shard", lambda *a: done.append(len(a[2])) or real(*a))
    monkeypatch.setattr(engine, "connect", little)
    assert engine.compute(DECLARED, LAYOUT, [crowd]).equals(expected)
    assert done[0] == 1_500
    assert len(done) > 2  # the control: in one piece it did not fit


def test_one_person_who_does_not_fit_is_not_halved_for_ever(monkeypatch):
    monkeypatch.setattr(engine, "connect", little)
    with pytest.raises(OutOfMemory):
        engine.compute(DECLARED, LAYOUT, [shard(1, MANY * 3)])


def test_a_study_that_keeps_more_sets_apart_than_fit_is_refused_before_anybody_approves():
    assert FeatureSet(INDEX, sets(MOST_DISTINCT))
    with pytest.raises(Invalid, match="study-malformed"):
        FeatureSet(INDEX, sets(MOST_DISTINCT + 1))


def sets(count):
    return tuple(Feature(f"f{i}", "distinct", data_set="events", column="code", at_most=99) for i in range(count))


@pytest.mark.parametrize(("most", "counted"), [(1, 0), (2, 1)])
def test_no_more_rows_of_a_person_reach_a_sum_than_the_plan_allows(tmp_path, monkeypatch, most, counted):
    """The one person who is ever over sixty is so in their second year: with one row they are not."""
    young = [line.replace(f",{30 + i // 2 % 50},", ",50,") for i, line in enumerate(rows().split("\n")[1:])]
    lines = [line.replace(",50,", ",99,") if ",L0,2," in line else line for line in young]
    steps = [{"name": "heads", "use": "head-count", "people": "everyone", "parameters": {"times": 1}}]
    here = approved(tmp_path, records="\n".join([rows().split("\n")[0], *lines]), steps=steps)
    noised = node_sums.PrivateSum.noised
    monkeypatch.setattr(node_sums.PrivateSum, "noised", lambda self: noised(self, no_noise))
    monkeypatch.setattr("models.variables.most_rows", lambda width: most)
    ring = here.ask(1, ROUND).vector().view(np.int64) * here.plan.places[1].mechanism.unit
    assert ring.tolist() == [150, counted]


@pytest.mark.parametrize("width", [1, 61, 1_891, 125_000, MOST_NUMBERS])
def test_how_much_is_worked_on_at_once_follows_from_the_plan_alone(width):
    """A batch holds its rows and at most as many more as the last person in it has."""
    rows, most = rows_for(width), most_rows(width)
    assert LEAST_ROWS <= most <= ROWS_A_BATCH
    assert rows * width <= max(NUMBERS_A_BATCH, MOST_NUMBERS)
    assert most * width <= max(MOST_NUMBERS_A_PERSON, LEAST_ROWS * MOST_NUMBERS)
    people = np.repeat(np.arange(40), most)
    table = Table(people, np.zeros(len(people), np.int64), {})
    assert max(len(batch.person) for batch in batches(table, [], rows=rows)) < rows + most
