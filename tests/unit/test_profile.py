"""What a profile says of known rows is what pandas says; what it says of change is what was planted, and no more."""

import datetime
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from node.handing_out import hand_out
from node.ingest.load import ingest
from node.optouts import current_optouts
from node.quality.columns import LAG_DAYS, MOST_BINS
from node.quality.drift import drift
from node.quality.kept import named_version, profile_of
from node.quality.page import profile_page
from node.quality.profile import NOT_SAID, Profiler
from node.quality.quarantine import Waiting, waiting
from node.quality.reach import reach
from node.quality.telling import noticed, share
from privacy.contract_file import contract_of
from privacy.errors import Refusal, Tampered
from tests.nodes import HEADER, NodeData, nhs_numbers

NOW = datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC)
COLUMNS = {
    "nhs_number": {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"},
    "day": {"kind": "measure", "type": "date", "low": "2020-01-01", "high": "2027-12-31", "role": "date",
            "may_be_missing": True, "may_be_future": True},
    "ethnicity": {"kind": "sensitive", "type": "code", "codes": ["A", "B", "Z"], "role": "ethnicity",
                  "may_be_missing": True},
    "decile": {"kind": "measure", "type": "integer", "low": 1, "high": 10, "role": "deprivation",
               "may_be_missing": True},
    "cost": {"kind": "measure", "type": "number", "low": 0, "high": 100, "may_be_missing": True},
    "age": {"kind": "quasi-identifier", "type": "integer", "low": 0, "high": 120},
    "note": {"kind": "sensitive", "type": "text", "may_be_missing": True},
}  # fmt: skip
CONTRACT_OF_EVENTS = contract_of(
    {
        "contract": {
            "name": "events", "version": 1, "title": "Events", "owner": "o", "legal_basis": "l", "source": "s",
            "table": "event", "key": ["nhs_number", "age"], "freshness_days": 30,
        },
        "columns": COLUMNS,
    }
)  # fmt: skip


def frame(rows=5000, people=900, seed=1, **changes):
    """Return known rows as pandas, sorted by person."""
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "person": np.sort(rng.integers(0, people, rows)),
            "day": pd.Timestamp("2026-12-31") - pd.to_timedelta(rng.integers(-80, 1500, rows), unit="D"),
            "ethnicity": rng.choice(["A", "Z"], rows, p=[0.9, 0.1]),
            "decile": rng.integers(1, 11, rows),
            "cost": rng.uniform(0, 100, rows),
            "age": rng.integers(0, 121, rows),
            "note": rng.choice(["x", "y"], rows),
            **changes,
        }
    )
    for name in ("day", "ethnicity", "decile", "cost", "note"):
        made.loc[rng.random(rows) < 0.1, name] = None
    return made


def table(rows):
    return pa.table(
        {
            "person": pa.array([f"k1.{p:032x}" for p in rows["person"]]).dictionary_encode(),
            "day": pa.array(rows["day"].dt.date, pa.date32()),
            "ethnicity": pa.array(rows["ethnicity"], pa.string(), from_pandas=True).dictionary_encode(),
            "decile": pa.array(rows["decile"].astype("Int64"), pa.int64()),
            "cost": pa.array(rows["cost"], pa.float64(), from_pandas=True),
            "age": pa.array(rows["age"], pa.int64()),
            "note": pa.array(rows["note"], pa.string(), from_pandas=True).dictionary_encode(),
        }
    )


def profiled(rows, pieces=4, **faults):
    """Return the profile of rows that come in pieces, whole people in each."""
    profiler = Profiler(CONTRACT_OF_EVENTS, NOW)
    for part in np.array_split(np.unique(rows["person"]), pieces):
        profiler.see(table(rows[rows["person"].isin(part)]))
    profiler.faults(faults.get("faults", {}))
    return json.loads(json.dumps(profiler.profile()))


def column(profile, name):
    return next(c for c in profile["columns"] if c["name"] == name)


def counted(profile, name):
    summary = column(profile, name)["summary"]
    return {k: v for k, v in zip(summary["labels"], summary["counts"], strict=True) if v}


@pytest.fixture(scope="module")
def rows():
    return frame()


@pytest.fixture(scope="module")
def profile(rows):
    return profiled(rows)


def test_rows_people_and_completeness_are_what_pandas_says(rows, profile):
    assert (profile["rows"], profile["people"]) == (len(rows), rows["person"].nunique())
    for name in COLUMNS:
        if name != "nhs_number":
            assert column(profile, name)["complete"] == pytest.approx(1 - rows[name].isna().mean())
    a_person = rows.groupby("person").size()
    bins = pd.cut(a_person, [0, 1, 2, 5, 10, 20, 50, 100, np.inf]).value_counts(sort=False)
    assert list(profile["rows_a_person"].values()) == bins.tolist()


def test_spreads_are_what_pandas_says(rows, profile):
    assert counted(profile, "ethnicity") == rows["ethnicity"].value_counts().to_dict()
    assert "B" in column(profile, "ethnicity")["summary"]["labels"]  # of the closed list, though nobody has it
    assert counted(profile, "decile") == {str(int(k)): v for k, v in rows["decile"].value_counts().items()}
    months = rows["day"].dropna().dt.strftime("%Y-%m").value_counts()
    assert counted(profile, "day") == months.to_dict()
    bins = np.histogram(rows["cost"].dropna(), bins=MOST_BINS, range=(0, 100))[0]
    assert column(profile, "cost")["summary"]["counts"] == bins.tolist()
    ages = column(profile, "age")["summary"]
    assert ages["labels"][:2] == ["0 to 6", "7 to 13"]
    assert ages["counts"] == (rows["age"] // 7).value_counts(sort=False).sort_index().tolist()
    assert len(ages["counts"]) <= MOST_BINS
    assert column(profile, "note")["summary"] is None


def test_lags_and_the_newest_day_are_what_pandas_says(rows, profile):
    days = rows["day"].dropna()
    lag = (pd.Timestamp("2027-03-01") - days).dt.days
    expected = pd.cut(lag, [-np.inf, *LAG_DAYS, np.inf]).value_counts(sort=False).tolist()
    found = column(profile, "day")["summary"]
    assert list(found["lags"].values()) == expected
    assert found["newest"] == days.max().date().isoformat()
    assert found["days_old"] == lag.min()
    assert not list(noticed(profile))


def test_people_of_each_group_are_what_pandas_says(rows, profile):
    said = {c["role"]: {g["group"]: g["people"] for g in c["groups"]} for c in profile["coverage"]}
    for role, name in (("ethnicity", "ethnicity"), ("deprivation", "decile")):
        texts = rows[name].map(lambda v: NOT_SAID if pd.isna(v) else str(v).removesuffix(".0"))
        assert said[role] == rows.groupby(texts)["person"].nunique().to_dict()


def test_it_does_not_matter_in_how_many_pieces_rows_come(rows, profile):
    assert profiled(rows, pieces=1) == profiled(rows, pieces=9) == profile


def test_faults_count_against_completeness_and_validity(rows):
    faults = {("value-missing", "age"): 100, ("value-out-of-bounds", "age"): 50, ("check-failed", "age"): 7}
    found = column(profiled(rows, faults={**faults, ("key-repeated", "nhs_number+age"): 4}), "age")
    assert found["complete"] == pytest.approx(len(rows) / (len(rows) + 100))
    assert found["valid"] == pytest.approx(len(rows) / (len(rows) + 50))
    assert found["faults"] == {"value-out-of-bounds": 50}
    assert profiled(rows, faults={("key-repeated", "nhs_number+age"): 4})["repeated"] == 4


def test_no_rows_at_all_give_a_profile_that_says_so():
    empty = profiled(frame().head(0), pieces=1)
    assert (empty["rows"], column(empty, "cost")["complete"]) == (0, None)
    assert column(empty, "day")["summary"]["labels"] == []
    assert profile_page(CONTRACT_OF_EVENTS, [("events@1", empty)])


def test_old_rows_are_not_fresh():
    stale = profiled(frame(day=pd.Timestamp("2026-01-01")))
    assert [note for note in noticed(stale) if "days old" in note]


def test_the_page_shows_the_newest_years_of_many():
    days = pd.Series(pd.Timestamp("2026-12-31") - pd.to_timedelta(np.arange(5000) * 3, unit="D"))
    columns = COLUMNS | {"day": COLUMNS["day"] | {"low": "1980-01-01"}}
    profiler = Profiler(contract_of(CONTRACT_OF_EVENTS.document() | {"columns": columns}), NOW)
    profiler.see(table(frame().assign(day=days)))
    shown = profile_page(CONTRACT_OF_EVENTS, [("events@1", profiler.profile())]).decode()
    assert ">2026</text>" in shown
    assert ">before 2004</text>" in shown
    assert ">1990</text>" not in shown


def test_the_page_shows_births_by_decade():
    born = pd.Series(pd.Timestamp("2020-12-31") - pd.to_timedelta(np.arange(5000) * 6, unit="D"))
    columns = COLUMNS | {"day": COLUMNS["day"] | {"low": "1900-01-01", "role": "birth"}}
    profiler = Profiler(contract_of(CONTRACT_OF_EVENTS.document() | {"columns": columns}), NOW)
    profiler.see(table(frame().assign(day=born)))
    shown = profile_page(CONTRACT_OF_EVENTS, [("events@1", profiler.profile())]).decode()
    assert all(f">{decade}s</text>" in shown for decade in range(1940, 2021, 10))
    assert "before 2" not in shown


def test_the_same_people_another_time_are_no_drift(profile):
    again = profiled(frame(seed=2))
    assert [d.column for d in drift(profile, again) if d.warnings] == []


def test_few_rows_of_many_codes_are_no_drift_by_chance():
    listed = [f"A{i:02d}" for i in range(100)]
    document = {**COLUMNS, "ethnicity": {"kind": "sensitive", "type": "code", "codes": listed}}
    many = contract_of(CONTRACT_OF_EVENTS.document() | {"columns": document})

    def of(seed):
        profiler = Profiler(many, NOW)
        codes = np.random.default_rng(seed).choice(listed, 300)
        profiler.see(table(frame(300, seed=seed).assign(ethnicity=codes)))
        return profiler.profile()

    (found,) = [d for d in drift(of(1), of(2)) if d.column == "ethnicity"]
    assert found.stability_index > 0.25  # by the rule of thumb alone it would be a large change
    assert not [w for w in found.warnings if "spread" in w]


def test_a_code_that_no_contract_lists_is_named_only_where_it_is_not_rare():
    document = {**COLUMNS, "ethnicity": {"kind": "sensitive", "type": "code", "system": "icd-10"}}
    profiler = Profiler(contract_of(CONTRACT_OF_EVENTS.document() | {"columns": document}), NOW)
    profiler.see(table(frame(300).assign(ethnicity=["I10"] * 281 + ["E11"] * 10 + ["Q87.4"] * 9)))
    found = column(profiler.profile(), "ethnicity")["summary"]
    assert (found["labels"], found["counts"], found["others"]) == (["I10", "E11"], [281, 10], 9)


@pytest.mark.parametrize(
    ("change", "name", "warning"),
    [
        ({"cost": lambda d: d["cost"] / 2}, "cost", "spread changed much"),
        ({"decile": lambda d: d["decile"].where(d["decile"] > 2, 1)}, "decile", "spread changed"),
        ({"cost": lambda d: d["cost"].where(d["age"] > 20)}, "cost", "less complete"),
        ({"ethnicity": lambda d: d["ethnicity"].where(d["age"] > 20, "B")}, "ethnicity", "new codes: 1"),
        ({"ethnicity": lambda d: d["ethnicity"].where(d["ethnicity"] != "Z", "A")}, "ethnicity", "codes gone: 1"),
    ],
)
def test_planted_drift_is_found_and_only_where_it_is(profile, change, name, warning):
    found = [d for d in drift(profile, profiled(frame(seed=2).assign(**change))) if d.warnings]
    assert [d.column for d in found] == [name]
    assert any(said.startswith(warning) for said in found[0].warnings)


def test_the_stability_index_is_its_formula_without_the_smoothing(profile, rows):
    moved = frame(seed=2).assign(cost=lambda d: d["cost"] * 0.8)
    (found,) = [d for d in drift(profile, profiled(moved)) if d.column == "cost"]
    p, q = (np.histogram(f["cost"].dropna(), bins=20, range=(0, 100))[0] + 0.5 for f in (rows, moved))
    p, q = p / p.sum(), q / q.sum()
    assert found.stability_index == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.02)


def loaded(tmp_path, people=30):
    data = NodeData(tmp_path)
    data.allow(nhs_numbers(people))
    numbers = enumerate(nhs_numbers(people))
    lines = [f"{n},L,{y},{20 + i},{i % 2},{'W' if i % 3 else ''}" for i, n in numbers for y in (1, 2)]
    data.load("\n".join([HEADER, *lines, f"{nhs_numbers(1)[0]},L,9,500,7,W", "123,L,1,5,1,SECRETWARD"]))
    return data


def test_a_profile_is_kept_with_its_version_and_says_what_was_set_aside(tmp_path):
    data = loaded(tmp_path)
    version = data.store.latest("visits")
    assert named_version(data.store, "visits@1") == version
    found = profile_of(data.store, version)
    assert (found["rows"], found["people"]) == (60, 30)
    assert column(found, "year")["faults"] == {"value-out-of-bounds": 1}
    assert column(found, "sex")["faults"] == {"code-unknown": 1}
    assert column(found, "nhs_number")["valid"] == pytest.approx(60 / 61)
    assert Waiting("value-out-of-bounds", "age", 1, 62) in waiting(data.store, version)
    made_at_load = data.store.files.vault.noted(version.file)
    assert made_at_load is not None
    assert json.loads(made_at_load) == found
    with data.database.transaction() as connection:
        connection.execute("DELETE FROM file_note")
    assert profile_of(data.store, version) == found  # worked out anew, from rows and quarantine
    noted = data.database.one("SELECT note FROM file_note WHERE file = ?", [version.file])
    assert noted is not None
    assert b"visits" not in noted["note"]
    with data.database.transaction() as connection:
        connection.execute("UPDATE file_note SET note = zeroblob(60)")
    with pytest.raises(Tampered):
        profile_of(data.store, version)


def test_when_records_are_rewritten_the_profile_of_before_is_gone_and_made_anew(tmp_path):
    data = loaded(tmp_path)
    store, version = data.store, data.store.latest("visits")
    before = profile_of(store, version)
    from node.store import Swap

    rest = store.read_whole(version, "records").slice(4)
    store.change("person-erased", {}, lambda: [Swap(version, "records", [rest])], now=NOW)
    assert data.database.rows("SELECT * FROM file_note") == []
    after = profile_of(store, store.latest("visits"))
    assert (after["rows"], after["people"]) == (before["rows"] - 4, before["people"] - 2)
    everything = [Swap(store.latest("visits"), kind) for kind in ("records", "quarantine")]
    store.change("data-erased", {}, lambda: everything, now=NOW)
    assert data.database.rows("SELECT * FROM file_note") == []
    with pytest.raises(Refusal):
        named_version(store, "visits@1")


def test_the_page_stands_alone_escapes_what_it_shows_and_is_not_written_into_the_home(tmp_path, profile):
    nasty = json.loads(json.dumps(profile).replace('"Z"', '"<script>"'))
    content = profile_page(CONTRACT_OF_EVENTS, [("events@1", profile), ("events@2", nasty)])
    assert b"<script>" not in content
    assert b"&lt;script&gt;" in content
    home = tmp_path / "home"
    home.mkdir()
    with pytest.raises(Refusal) as caught:
        hand_out(content, home / "page.html", home=home)
    assert caught.value.code == "out-inside-home"
    hand_out(content, tmp_path / "page.html", home=home)
    assert (tmp_path / "page.html").stat().st_mode & 0o077 == 0


def test_a_share_is_never_rounded_to_all_or_nothing():
    assert [share(v) for v in (None, 0.0, 1e-9, 0.5, 0.99999, 1.0)] == ["-", "0%", "0.1%", "50.0%", "99.9%", "100%"]


def test_of_each_group_of_people_it_is_said_how_many_have_an_event(tmp_path, monkeypatch):
    monkeypatch.setattr("node.quality.reach.shards_for", lambda rows: 3)
    data = NodeData(tmp_path)
    numbers = nhs_numbers(40)
    data.allow(numbers)
    person = {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"}
    ethnicity = {"kind": "sensitive", "type": "code", "codes": ["A", "B"], "role": "ethnicity", "may_be_missing": True}
    head = {"version": 1, "title": "t", "owner": "o", "legal_basis": "l", "source": "s", "bad_rows_at_most": 1}
    head |= {"purpose": "p", "recipient": "r"}
    people = {"contract": {**head, "name": "people", "table": "person", "key": ["nhs_number"]},
              "columns": {"nhs_number": person, "ethnicity": ethnicity}}  # fmt: skip
    year = {"kind": "measure", "type": "integer", "low": 1, "high": 9}
    key = ["nhs_number", "year"]
    events = {"contract": {**head, "name": "events", "table": "event", "key": key, "people": "people"},
              "columns": {"nhs_number": person, "year": year}}  # fmt: skip
    rows = [f"{n},{'A' if i < 30 else 'B' if i < 38 else ''}" for i, n in enumerate(numbers)]
    load(data, people, "\n".join(["nhs_number,ethnicity", *rows]))
    assert reach(data.store, data.store.latest("people")) == []
    with_events = [*numbers[:15], *numbers[30:32], numbers[39]]
    load(data, events, "\n".join(["nhs_number,year", *(f"{n},{y}" for n in with_events for y in (1, 2))]))
    (found,) = reach(data.store, data.store.latest("events"))
    assert (found["column"], found["role"]) == ("ethnicity", "ethnicity")
    assert [(g["group"], g["people"], g["with_events"], g["share"]) for g in found["groups"]] == [
        ("A", 30, 15, 0.5),
        ("B", 8, 2, 0.25),
        (NOT_SAID, 2, 1, 0.5),
    ]


def load(data, contract, content):
    file = data.home / "extract.csv"
    file.write_text(content)
    ingest(
        contract=contract_of(contract),
        location=file,
        store=data.store,
        keystore=data.keystore,
        optouts=current_optouts(data.store, now=NOW, at_most_days=30),
        now=NOW,
        allow_test_numbers=True,
    )


def test_a_profile_that_cannot_be_kept_leaves_no_half_of_a_load(tmp_path, monkeypatch):
    data = loaded(tmp_path)
    before = data.state()

    def full(*_):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr("node.vault.Vault.keep_note", full)
    with pytest.raises(OSError, match="no space"):
        data.load("\n".join([HEADER, f"{nhs_numbers(1)[0]},L,1,40,1,W"]))
    assert data.state() == before
