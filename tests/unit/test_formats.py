"""Every format says the same of the same people, and a node takes those that are made for one, unchanged."""

import json
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from nhs_number import is_valid

from node.ingest.load import ingest
from node.optouts import current_optouts, load_optouts
from privacy.contract_file import read_contract
from privacy.contracts.ready_made import find
from synthetic.contracts.canonical import contracts
from synthetic.draws import PEOPLE_A_BLOCK
from synthetic.formats import TITLES
from synthetic.formats.fhir_format import KINDS
from synthetic.formats.omop_tables import schemas
from synthetic.generating import generate
from synthetic.lives.canonical import CONDITION, EVENTS, OUTCOME, PEOPLE, Simulated
from synthetic.lives.codes import codes
from synthetic.lives.truth import PROGRAMME, USE_CASES
from synthetic.manifest import check_files, read_manifest
from synthetic.recipe import Recipe
from synthetic.sandbox.sandbox import Sandbox
from synthetic.tables import BLOCKS_A_PART
from synthetic.written.reading import open_data_set
from tests.nodes import NOW, NodeData
from tests.synthetic_people import RECIPE, data_set, frame


@pytest.fixture
def node(tmp_path):
    made = NodeData(tmp_path / "node")
    allowed = data_set("contract") / "allowed.csv"
    load_optouts(
        file=allowed, as_of=NOW.date(), store=made.store, keystore=made.keystore, now=NOW, allow_test_numbers=True
    )
    return made


def taken(node, contract, location, **options):
    return ingest(
        contract=contract,
        location=location,
        options=options,
        store=node.store,
        keystore=node.keystore,
        optouts=current_optouts(node.store, now=NOW, at_most_days=30),
        now=NOW,
        allow_test_numbers=True,
    )


def filled_in(tmp_path, name):
    path = tmp_path / f"{name}.toml"
    path.write_text(find(name).text.replace("TODO: ", ""))
    return read_contract(path)


@pytest.mark.parametrize("kind", TITLES)
def test_each_format_is_whole_and_keeps_the_truth_apart(kind):
    manifest = read_manifest(data_set(kind))
    check_files(data_set(kind), manifest.files)
    assert {name for name in manifest.plan.tables if name.startswith("truth/")} == {
        f"truth/{name}" for name in (*USE_CASES, "conditions")
    }
    for file in manifest.files:
        loud = file.path.startswith("truth/") and "synthetic-truth" in file.path
        assert loud or not file.table.startswith("truth/"), file.path


def test_csv_says_what_parquet_says():
    for table in ("people", "events", "truth/falls", "truth/conditions"):
        found = [open_data_set(data_set(kind)).batches(table) for kind in ("csv", "parquet")]
        frames = [pd.concat([b.to_pandas() for b in each], ignore_index=True) for each in found]
        pd.testing.assert_frame_equal(*frames, check_dtype=False)  # of a CSV only the kind of number is known


def test_a_database_says_what_parquet_says_and_no_truth():
    with duckdb.connect(data_set("duckdb") / "synthetic.duckdb", read_only=True) as database:
        assert {name for (name,) in database.execute("SHOW TABLES").fetchall()} == {"people", "events"}
        ((count, cost),) = database.execute("SELECT count(*), sum(cost::DOUBLE) FROM events").fetchall()
    assert count == len(frame("events"))
    assert cost == pytest.approx(float(frame("events")["cost"].astype(float).sum()))
    with duckdb.connect(data_set("duckdb") / "truth/synthetic-truth.duckdb", read_only=True) as database:
        (falls,) = database.execute("SELECT count(*) FROM falls").fetchone()
    assert falls == len(frame("truth/falls"))


def test_a_node_takes_the_canonical_tables_unchanged(node):
    home, reports = data_set("contract"), {}
    for table in ("people", "events"):
        contract = read_contract(home / f"synthetic-{table}.toml")
        assert contract.hash == contracts()[table].hash
        reports[table] = taken(node, contract, home / table)
    rows = read_manifest(home).rows
    assert {table: report.rows_kept for table, report in reports.items()} == {t: rows[t] for t in ("people", "events")}
    assert [report.rows_quarantined for report in reports.values()] == [0, 0]


@pytest.mark.parametrize("kind", ["omop", "fhir"])
def test_a_node_reads_the_standard_models(node, tmp_path, kind):
    people = taken(node, filled_in(tmp_path, f"{kind}-person"), data_set(kind))
    events = taken(node, filled_in(tmp_path, f"{kind}-events"), data_set(kind))
    assert (people.rows_kept, people.rows_quarantined) == (RECIPE.people, 0)
    assert events.rows_quarantined == 0
    rows = read_manifest(data_set(kind)).rows
    if kind == "fhir":
        missed = int((frame("events")["method"] == "did-not-attend").sum())
        assert events.rows_kept == len(frame("events")) - missed
    else:
        assert events.rows_kept == len(frame("events")) + rows["visit_occurrence"]


def test_omop_has_the_tables_columns_and_codes_of_the_model():
    home = data_set("omop")
    for table, schema in schemas().items():
        for path in (home / table).glob("*.parquet"):
            assert pq.read_schema(path).equals(schema), table
    person = pq.read_table(home / "person").to_pandas()
    assert person["person_id"].is_unique
    assert (person["person_id"] + 9 * 10**9).astype(str).tolist() == person["person_source_value"].tolist()
    places = pq.read_table(home / "location").to_pandas()
    lsoa = person["location_id"].map(places.set_index("location_id")["location_source_value"])
    assert lsoa.tolist() == frame()["lsoa"].astype(str).tolist()
    conditions = pq.read_table(home / "condition_occurrence").to_pandas()
    concepts = pq.read_table(home / "concept").to_pandas().set_index("concept_id")
    named = conditions[conditions["condition_source_concept_id"] > 0]
    assert len(named) > 1000
    meant = named["condition_source_concept_id"].map(concepts["concept_code"])
    assert meant.tolist() == named["condition_source_value"].tolist()
    assert conditions["condition_occurrence_id"].is_unique
    costs = pq.read_table(home / "cost").to_pandas()
    assert costs["total_cost"].sum() == pytest.approx(float(frame("events")["cost"].astype(float).sum()))


def test_fhir_is_json_marked_as_test_data_and_refers_to_patients_that_are_there():
    found = {kind: [] for kind in KINDS}
    for path in data_set("fhir").glob("*.ndjson"):
        for line in path.read_text().splitlines():
            resource = json.loads(line)
            found[resource["resourceType"]].append(resource)
    assert {kind: len(each) for kind, each in found.items()} == {
        k: read_manifest(data_set("fhir")).rows[k] for k in KINDS
    }
    everything = [resource for each in found.values() for resource in each]
    assert all(resource["meta"]["security"][0]["code"] == "HTEST" for resource in everything)
    patients = {f"Patient/{resource['id']}" for resource in found["Patient"]}
    assert {r["subject"]["reference"] for kind in KINDS[1:] for r in found[kind]} <= patients
    assert sum("deceasedDateTime" in r for r in found["Patient"]) == int(frame()["died_on"].notna().sum())


def test_no_text_needs_an_escape_in_json():
    schemas_of = {"people": PEOPLE, "events": EVENTS}
    for table, schema in schemas_of.items():
        for column in (f.name for f in schema if "string" in str(f.type)):
            texts = frame(table)[column].dropna().astype(str).unique()
            assert not [text for text in texts if set(text) & set('"\\')], column
    assert not [each for each in codes() if set(each.code + each.unit) & set('"\\')]


def test_the_canonical_tables_hold_together():
    people, events = frame(), frame("events")
    assert [len(people), people["nhs_number"].nunique()] == [RECIPE.people] * 2
    assert all(is_valid(number) and number.startswith("999") for number in people["nhs_number"])
    assert set(events["nhs_number"]) <= set(people["nhs_number"])
    assert events["record_id"].is_unique
    assert not events["record_id"].is_monotonic_increasing  # a record's number tells nothing of whose it is
    assert (events["until"].dropna() > events.loc[events["until"].notna(), "date"]).all()
    died = events["nhs_number"].map(people.set_index("nhs_number")["died_on"])
    assert not (events["date"] > died).any()
    for table, contract in contracts().items():
        assert [column.name for column in contract.columns] == list(frame(table).columns)
    known = {each.code: each.system for each in codes()}
    assert events["code"].astype(str).map(known).tolist() == events["system"].astype(str).tolist()


def test_the_truth_is_of_those_who_could_have_the_outcome():
    schemas_of = Simulated(RECIPE).schemas()
    assert [schemas_of[f"truth/{name}"] for name in USE_CASES] == [OUTCOME] * len(USE_CASES)
    assert schemas_of["truth/conditions"] == CONDITION
    for name in USE_CASES:
        truth = frame(f"truth/{name}")
        assert truth["nhs_number"].is_unique
        assert truth["probability"].between(0, 1).all()
    assert len(frame("truth/falls")) < len(frame())
    assert frame("truth/conditions")["condition"].nunique() > 20


@pytest.mark.parametrize("kind", ["parquet", "csv", "omop", "fhir", "contract"])
def test_the_same_recipe_gives_the_same_bytes(tmp_path, kind):
    generate(RECIPE, tmp_path / "again", format=kind, processes=2, tell=lambda done, of: None)
    found = [read_manifest(home).files for home in (data_set(kind), tmp_path / "again")]
    assert [ours.path for ours, again in zip(*found, strict=True) if ours != again] == []
    check_files(tmp_path / "again", found[0])


@pytest.mark.slow
def test_two_processes_make_the_bytes_that_one_makes(tmp_path):
    recipe = Recipe(people=PEOPLE_A_BLOCK * BLOCKS_A_PART + 1, seed=2)
    for processes in (1, 2):
        generate(recipe, tmp_path / str(processes), format="parquet", processes=processes, tell=lambda done, of: None)
    found = [read_manifest(tmp_path / name) for name in "12"]
    assert found[0] == found[1]
    assert len(found[0].of_table("people")) == 2


def test_the_programme_has_its_truth_with_or_without_sites():
    recipe = Recipe(people=400, intervention=0.5)
    for source in (Simulated(recipe), Sandbox(recipe, 2)):
        schemas_of, given = source.schemas(), {}
        for table, batch in source.part(0):
            assert table in schemas_of
            given[table] = given.get(table, 0) + batch.num_rows
        assert {given[f"truth/{name}"] for name in PROGRAMME} - {0} == {given["truth/intervention"]}
        assert not {f"truth/{name}" for name in PROGRAMME} & set(Simulated(RECIPE).schemas())


def test_parts_do_not_depend_on_each_other():
    whole, (first, second) = Simulated(RECIPE), [dict(Simulated(RECIPE).part(0)) for _ in range(2)]
    assert whole.parts() == 1
    assert all(first[table].equals(second[table]) for table in whole.schemas())
    assert Path(data_set()).name == "parquet"
