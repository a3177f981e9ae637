"""Every fault that is put into made-up records is told, cell by cell, and nothing else is changed."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from privacy.errors import Invalid
from privacy.identifiers import check_nhs_numbers
from synthetic.identifiers import nhs_numbers
from synthetic.sandbox.mess import KINDS, NUMBER, SPOILT, Sheet, check_rate, spoil

ROWS, RATE = 20_000, 0.02


def sheet(**changes):
    numbers = pa.array(nhs_numbers(1, 0, ROWS)).cast(pa.string())
    born = pa.array((np.arange(ROWS) % 20_000).astype(np.int32)).cast(pa.date32())
    names = pa.array(["Christopher", "Alan", "Zoë", "Catherine"] * (ROWS // 4))
    ids = pa.array(np.arange(ROWS)).cast(pa.string())
    columns = {
        NUMBER: numbers, "given_name": names, "birth_date": born, "date_of_birth": pc.strftime(born, "%d/%m/%Y"),
        "ethnicity": pa.array(["A"] * ROWS), "event_id": ids, "began": born, "ended": born,
    }  # fmt: skip
    fields = {"record": "event_id", "ends": ("began", "ended")}
    return Sheet("north", "housing", columns, numbers, **{**fields, **changes})


@pytest.fixture(scope="module")
def spoilt():
    return spoil(sheet(), RATE, np.random.default_rng(1))


def test_each_kind_of_fault_comes_at_about_the_rate(spoilt):
    _, told = spoilt
    assert told.schema == SPOILT
    counts = {each["values"]: each["counts"] for each in pc.value_counts(told["kind"]).to_pylist()}
    assert set(counts) == set(KINDS)
    for kind, count in counts.items():
        if kind not in ("birth-conflicting", "name-variant"):  # two columns; and some names are left whole
            assert abs(count - ROWS * RATE) < 5 * (ROWS * RATE) ** 0.5, kind  # false alarms below one in a million


def test_cells_that_nothing_is_told_of_are_as_they_were_and_the_others_are_what_is_told(spoilt):
    clean, (after, told) = sheet(), spoilt
    place = {record: i for i, record in enumerate(after.columns["event_id"].to_pylist())}
    changed = {(t["record_id"], t["column"]): t for t in told.to_pylist() if t["column"] not in ("", "event_id")}
    assert len(changed) > 1000
    for column, cells in clean.columns.items():
        now = after.columns[column].cast(pa.string()).to_pylist()
        for i, was in enumerate(cells.cast(pa.string()).to_pylist()):
            if str(i) in place:
                fault = changed.get((str(i), column))
                assert now[place[str(i)]] == (fault["now"] if fault else was)
                assert fault is None or fault["was"] == was != fault["now"]


def test_rows_that_came_twice_or_late_are_told(spoilt):
    after, told = spoilt
    records = after.columns["event_id"].to_pylist()
    of = {kind: told.filter(pc.equal(told["kind"], kind)) for kind in ("repeated", "resubmitted", "late")}
    assert len(records) == ROWS + len(of["repeated"]) + len(of["resubmitted"]) - len(of["late"])
    assert not set(of["late"]["record_id"].to_pylist()) & set(records)
    assert all(records.count(record) == 2 for record in of["repeated"]["record_id"].to_pylist()[:5])
    assert set(of["resubmitted"]["now"].to_pylist()) < set(records)


def test_a_mistyped_number_never_passes_and_anothers_always_does(spoilt):
    _, told = spoilt
    for kind, passes in (("number-mistyped", False), ("number-of-another", True)):
        now = told.filter(pc.equal(told["kind"], kind))["now"].to_pylist()
        assert (check_nhs_numbers(now, allow_test_numbers=True).ok == passes).all()
        assert {number[:3] for number in now} == {"999"}


def test_days_of_birth_stay_days_and_ends_come_before_starts(spoilt):
    _, told = spoilt
    rows = {
        kind: told.filter(pc.equal(told["kind"], kind)).to_pylist()
        for kind in ("birth-conflicting", "ends-before-start")
    }
    for row in rows["birth-conflicting"]:
        pattern = "%d/%m/%Y" if row["column"] == "date_of_birth" else "%Y-%m-%d"
        was, now = (datetime.datetime.strptime(row[name], pattern).astimezone() for name in ("was", "now"))
        assert was.year == now.year
        assert (now.day, now.month) in ((was.month, was.day), (1, 1))
    assert all(row["now"] < row["was"] for row in rows["ends-before-start"])


def test_what_a_source_cannot_get_wrong_stays_right():
    traced = spoil(sheet(traced=True), RATE, np.random.default_rng(1))[1]
    assert not [kind for kind in traced["kind"].unique().to_pylist() if kind.startswith("number")]
    people, told = spoil(sheet(record="", ends=None), RATE, np.random.default_rng(1))
    assert len(people) == ROWS
    assert not {"repeated", "resubmitted", "late", "ends-before-start"} & set(told["kind"].unique().to_pylist())


def test_at_rate_nought_nothing_happens():
    clean = sheet()
    after, told = spoil(clean, 0.0, np.random.default_rng(1))
    assert after.columns == clean.columns
    assert len(told) == 0


@pytest.mark.parametrize("rate", [-0.1, 0.3, float("nan")])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(Invalid, match="mess-impossible"):
        check_rate(rate)
