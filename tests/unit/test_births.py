"""An event of before its person was born is set aside, at a load and at a replay, whatever was cut off the days."""

import datetime

import pytest

from node.ingest.load import ingest
from node.optouts import current_optouts
from node.quality.kept import profile_of
from node.quality.quarantine import waiting, write_rows
from node.quality.replay import replay
from privacy.contract_file import contract_of
from privacy.errors import Invalid
from tests.nodes import NodeData, nhs_numbers

NOW = datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC)
HEAD = {
    "version": 1, "title": "t", "owner": "o", "legal_basis": "l", "source": "s", "bad_rows_at_most": 1,
    "purpose": "p", "recipient": "r",
}  # fmt: skip
PERSON = {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"}
DAY = {"kind": "quasi-identifier", "type": "date", "low": "1900-01-01", "high": "2030-01-01"}
CHECK = {"name": "not-before-birth", "column": "day", "relation": "at-least", "other": "people.birth"}


def people(treatment="month", role="birth"):
    born = DAY | {"treatment": treatment, "may_be_missing": True} | ({"role": role} if role else {})
    head = HEAD | {"name": "people", "table": "person", "key": ["nhs_number"]}
    return {"contract": head, "columns": {"nhs_number": PERSON, "born": born}}


def events(**changes):
    head = HEAD | {"name": "events", "table": "event", "key": ["nhs_number", "day"], "people": "people"}
    return {"contract": head, "columns": {"nhs_number": PERSON, "day": DAY | changes}, "checks": [CHECK]}


@pytest.fixture
def data(tmp_path):
    node = NodeData(tmp_path)
    node.allow(nhs_numbers(4))
    return node


def load(data, contract, *rows):
    file = data.home / "extract.csv"
    file.write_text("\n".join([",".join(contract["columns"]), *rows]))
    return ingest(contract=contract_of(contract), location=file, now=NOW, allow_test_numbers=True, **common(data))


def common(data):
    optouts = current_optouts(data.store, now=NOW, at_most_days=30)
    return {"store": data.store, "keystore": data.keystore, "optouts": optouts}


def born_and_seen(data, *, birth, **event):
    """Load three people, one with no birth recorded, and their events: two of them long before the birth."""
    one, two, three, four = nhs_numbers(4)
    load(data, people(birth), f"{one},1950-03-20", f"{two},1960-07-01", f"{three},", f"{four},1970-01-01")
    rows = (f"{one},1950-03-25", f"{one},1950-02-25", f"{two},1959-01-01", f"{three},1901-01-01", f"{four},1990-01-01")
    return load(data, events(**event), *rows)


@pytest.mark.parametrize(
    ("birth", "event", "early"),
    [("month", {}, 2), ("year", {}, 1), ("month", {"treatment": "month"}, 2), ("month", {"treatment": "year"}, 1)],
)
def test_events_of_before_birth_are_set_aside_as_far_as_the_days_can_tell(data, birth, event, early):
    report = born_and_seen(data, birth=birth, **event)
    assert report.reasons.get("check-failed", 0) == early
    version = data.store.latest("events")
    (found,) = [w for w in waiting(data.store, version) if w.reason == "check-failed"]
    assert (found.column, found.rows) == ("not-before-birth", early)
    assert profile_of(data.store, version)["checks"] == [{"name": "not-before-birth", "broken": early}]
    assert "people.birth" not in data.store.read_whole(version, "records").column_names
    assert "people.birth" not in data.store.read_quarantine(version).column_names


def test_a_mended_event_is_held_against_the_birth_too(data):
    born_and_seen(data, birth="month")
    version = data.store.latest("events")
    fixed = data.home / "fixed.csv"
    for day, lines in (("1949-01-01", 3), ("1999-01-01", 0)):
        fixed.write_text(f"line,nhs_number,day\n3,{nhs_numbers(1)[0]},{day}\n")
        more = {"version": version, "file": fixed, "now": NOW, "allow_test_numbers": True}
        if lines:
            with pytest.raises(Invalid) as caught:
                replay(**more, **common(data))
            assert caught.value.code == "replay-rows-bad"
        else:
            assert replay(**more, **common(data)).rows_repaired == 1


def test_people_without_a_birth_and_checks_that_cannot_hold_are_said(data):
    load(data, people(role=None), f"{nhs_numbers(1)[0]},1950-03-20")
    with pytest.raises(Invalid) as caught:
        load(data, events(), f"{nhs_numbers(1)[0]},1950-03-25")
    assert caught.value.code == "birth-absent"
    for change, fault in (
        ({"checks": [CHECK | {"relation": "above"}]}, "checks[1].relation: with people.birth it is at-least"),
        ({"checks": [CHECK | {"column": "n"}]}, "checks[1].column: only a date is compared with people.birth"),
        ({"contract": {k: v for k, v in events()["contract"].items() if k != "people"}},
         "checks[1].other: the contract names no people"),
    ):  # fmt: skip
        columns = events()["columns"] | {"n": {"kind": "measure", "type": "integer", "low": 0, "high": 9}}
        with pytest.raises(Invalid) as caught:
            contract_of(events() | {"columns": columns} | change)
        assert fault in caught.value.faults


def test_a_keyed_text_is_not_shown_and_is_keyed_from_what_is_given_again(data):
    local = {"kind": "direct-identifier", "type": "text", "treatment": "pseudonym"}
    contract = events()
    contract = contract | {"columns": contract["columns"] | {"local": local}}
    one = nhs_numbers(1)[0]
    load(data, people(), f"{one},1950-03-20")
    load(data, contract, f"{one},1990-01-01,LOCAL-17", f"{one},1901-01-01,LOCAL-17")
    version = data.store.latest("events")
    assert write_rows(data.store, version, common(data)["optouts"], data.home / "rows.csv", home=data.directory) == 1
    shown = (data.home / "rows.csv").read_text().splitlines()
    assert shown[1].endswith(",")
    assert "LOCAL" not in shown[1]
    (data.home / "fixed.csv").write_text(f"line,nhs_number,day,local\n3,{one},1991-01-01,LOCAL-17\n")
    more = {"version": version, "file": data.home / "fixed.csv", "now": NOW, "allow_test_numbers": True}
    made = replay(**more, **common(data)).version
    assert len(set(data.store.read(made, ["local"])["local"].to_pylist())) == 1
