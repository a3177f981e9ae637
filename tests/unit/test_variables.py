"""The numbers a study declares, against a loop over rows that anybody can check by eye; people never cut in two."""

import math

import numpy as np
import pytest

from models.variables import Table, batch, batches
from privacy.errors import Invalid
from privacy.variables import Variable
from tests.builders import random_table


def variable(name="v", column="age", transform="unit", **changes):
    terms = {"low": 0.0, "high": 100.0, "if_missing": 30.0, "threshold": 50.0, "periods_ahead": 0} | changes
    return Variable(name, column, transform, **terms)


DECLARED = [
    variable("age"),
    variable("age_squared", transform="square"),
    variable("old", transform="at-least", threshold=65.0, if_missing=70.0),
    variable("visits", "visits", "log", high=30.0, if_missing=-5.0),
    variable("next_visits", "visits", high=30.0, periods_ahead=1),
    variable("admitted_in_two", "admissions", "at-least", high=10.0, threshold=1.0, periods_ahead=2),
]


def slowly(table, declared):
    """Return (person, values) a row, by looking for each row's later periods one by one."""
    rows = []
    for i in range(len(table.person)):
        values = []
        for v in declared:
            there = [
                j
                for j in range(len(table.person))
                if table.person[j] == table.person[i] and table.period[j] == table.period[i] + v.periods_ahead
            ]
            values.append(one_value(table.columns[v.column][there[0]], v) if there else None)
        if None not in values:
            rows.append((int(table.person[i]), values))
    return rows


def one_value(x, v):
    x = v.if_missing if math.isnan(x) else x
    x = min(max(x, v.low), v.high)
    if v.transform == "at-least":
        return float(x >= v.threshold)
    if v.transform == "log":
        return math.log(1 + x - v.low) / math.log(1 + v.high - v.low)
    return ((x - v.low) / (v.high - v.low)) ** (2 if v.transform == "square" else 1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rows_a_batch", [1, 7, 10_000])
def test_variables_agree_with_the_slow_reference(seed, rows_a_batch):
    table = random_table(60, seed=seed, periods=5)
    made = list(batches(table, DECLARED, rows=rows_a_batch))
    names = [v.name for v in DECLARED]
    rows = np.vstack([b.matrix(names) for b in made])
    expected = slowly(table, DECLARED)
    np.testing.assert_allclose(rows, np.array([values for _, values in expected]), rtol=1e-12)
    counts = {p: [q for q, _ in expected].count(p) for p, _ in expected}
    assert [int(n) for b in made for n in np.bincount(b.person, minlength=b.people)] == list(counts.values())


@pytest.mark.parametrize("rows_a_batch", [1, 2, 3, 59, 60, 61, 1000])
def test_people_are_whole_whatever_the_batch_size(rows_a_batch):
    table = random_table(60, seed=9)
    whole = batch(table, DECLARED[:4])
    made = list(batches(table, DECLARED[:4], rows=rows_a_batch))
    assert sum(b.people for b in made) == whole.people == 60
    most = np.bincount(table.person).max()
    assert all(len(b.person) < rows_a_batch + most for b in made)
    names = [v.name for v in DECLARED[:4]]
    by_person = np.vstack([b.by_person(b.matrix(names) * b.weights[:, None]) for b in made])
    assert by_person.tobytes() == whole.by_person(whole.matrix(names) * whole.weights[:, None]).tobytes()


def test_values_stay_between_zero_and_one_whatever_was_recorded():
    extremes = np.array([-np.inf, np.inf, np.nan, -1e308, 1e308, 0, 100, 5e-324])
    table = Table(np.arange(8), np.zeros(8, np.int64), dict.fromkeys(("age", "visits", "admissions"), extremes))
    for v in DECLARED[:4]:
        values = batch(table, [v]).variables[v.name]
        assert ((values >= 0) & (values <= 1)).all()


def test_a_table_without_periods_keeps_each_row_s_own_values():
    table = Table(np.array([0, 0, 0, 1]), np.zeros(4, np.int64), {"age": np.array([10.0, 20.0, 30.0, 40.0])})
    made = batch(table, [variable()])
    assert made.variables["v"].tolist() == [0.1, 0.2, 0.3, 0.4]
    assert made.person.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("ahead", [1, 2, 2**40, 2**52, 2**53 - 1])
@pytest.mark.parametrize("period", [0, 2020, -(2**40), 2**62])
def test_no_distance_ahead_reaches_another_person(ahead, period):
    """Whole numbers that overflow once made another person's row the outcome of this one's."""
    people = 50
    table = Table(np.arange(people), np.full(people, period), {"age": np.arange(people) * 1.0})
    assert batch(table, [variable(periods_ahead=ahead)]).people == 0


def test_periods_may_be_far_apart():
    table = Table(np.array([0, 0, 1, 1]), np.array([0, 2**40, 0, 7]), {"age": np.array([1.0, 2.0, 3.0, 4.0])})
    made = batch(table, [variable(periods_ahead=2**40)])
    assert (made.people, made.variables["v"].tolist()) == (1, [0.02])


def test_rows_of_a_person_that_do_not_lie_together_are_refused():
    table = Table(np.array([0, 1, 0]), np.array([1, 1, 2]), {"age": np.ones(3)})
    with pytest.raises(ValueError, match="lie together"):
        list(batches(table, [variable()]))


@pytest.mark.parametrize("first", [-5, -1, 0, 3])
def test_nobody_is_left_out_for_their_number(first):
    table = Table(np.arange(first, first + 4), np.zeros(4, np.int64), {"age": np.ones(4)})
    assert sum(b.people for b in batches(table, [variable()], rows=2)) == 4


def test_nobody_at_all_is_no_batch_and_nobody_left_is_an_empty_one():
    empty = Table(np.zeros(0, np.int64), np.zeros(0, np.int64), {"age": np.zeros(0)})
    assert list(batches(empty, [variable()])) == []
    alone = Table(np.zeros(1, np.int64), np.zeros(1, np.int64), {"age": np.ones(1)})
    (left,) = batches(alone, [variable(periods_ahead=1)])
    assert (left.people, left.matrix(["v"]).shape) == (0, (0, 1))


def test_an_unknown_column_is_said_so():
    with pytest.raises(Invalid) as caught:
        batch(random_table(2, seed=0), [variable(column="shoe_size")])
    assert caught.value.code == "variable-unknown"
