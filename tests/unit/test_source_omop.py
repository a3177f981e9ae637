"""OMOP's tables become people and events under canonical names, from CSV, from Parquet and from a database alike."""

import datetime

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from node.sources import open_source
from node.sources.canonical import EVENT, PERSON
from tests.sources import KEY, PLANTED, code_of, contract_with, rows_of

A, B = "9990000018", "9990000026"
DAY = datetime.date
TABLES = {
    "person": {
        "person_id": [1, 2, 3],
        "gender_concept_id": [8507, 0, 8532],
        "gender_source_value": ["M", "f", None],
        "year_of_birth": [1950, 1960, 1970],
        "month_of_birth": [3, None, 11],
        "day_of_birth": [2, None, None],
        "ethnicity_source_value": ["A", None, None],
        "race_source_value": ["B", "Z", None],
        "location_id": [1, 2, None],
        "care_site_id": [7, None, None],
        "person_source_value": [A, B, None],
    },
    "location": {"location_id": [1, 2], "zip": ["LS1 4AP", "ZZ99 3VZ"], "location_source_value": ["E01011264", None]},
    "care_site": {"care_site_id": [7, 8], "care_site_source_value": ["B86001", "RR8"]},
    "concept": {
        "concept_id": [101, 102, 103, 104],
        "concept_name": ['a "name', "b", "c", "d"],
        "vocabulary_id": ["SNOMED", "ICD10", "RxNorm", "OPCS4"],
        "concept_code": ["22298006", "I21.9", "X", "K40"],
    },
    "visit_occurrence": {
        "visit_occurrence_id": [11, 12],
        "person_id": [1, 2],
        "visit_concept_id": [9201, 9202],
        "visit_start_date": [DAY(2026, 1, 1), DAY(2026, 1, 2)],
        "visit_source_value": ["spell", None],
        "care_site_id": [8, None],
    },
    "condition_occurrence": {
        "condition_occurrence_id": [1, 2, 3, 4],
        "person_id": [1, 2, 99, 1],
        "condition_concept_id": [101, 101, 101, 0],
        "condition_start_date": [DAY(2026, 1, 1)] * 4,
        "condition_source_concept_id": [102, 103, 0, 0],
        "condition_source_value": ["I219", "x", "y", "local words"],
        "visit_occurrence_id": [11, 12, None, None],
    },
    "measurement": {
        "measurement_id": [1],
        "person_id": [2],
        "measurement_concept_id": [101],
        "measurement_date": [DAY(2026, 2, 1)],
        "value_as_number": [12.5],
        "unit_source_value": ["mmol/L"],
        "visit_occurrence_id": [None],
    },
    "cost": {
        "cost_event_id": [1, 2, 11],
        "cost_domain_id": ["Condition", "Condition", "Visit"],
        "total_cost": [10.5, None, 1234.0],
        "total_paid": [None, 7.0, None],
    },
}
CONDITION, VISIT = "condition_occurrence", "visit_occurrence"
FIRST = "2026-01-01"
EVENTS = [
    (A, f"{CONDITION}/1", FIRST, CONDITION, "inpatient", "icd-10", "I21.9", None, None, "RR8", "10.5"),
    (B, f"{CONDITION}/2", FIRST, CONDITION, "outpatient", "snomed-ct", "22298006", None, None, None, "7"),
    (None, f"{CONDITION}/3", FIRST, CONDITION, None, "snomed-ct", "22298006", None, None, None, None),
    (A, f"{CONDITION}/4", FIRST, CONDITION, None, "local", "local words", None, None, None, None),
    (B, "measurement/1", "2026-02-01", "measurement", None, "snomed-ct", "22298006", "12.5", "mmol/L", None, None),
    (A, f"{VISIT}/11", FIRST, VISIT, "inpatient", "omop-concept", "9201", None, None, "RR8", "1234"),
    (B, f"{VISIT}/12", "2026-01-02", VISIT, "outpatient", "omop-concept", "9202", None, None, None, None),
]  # fmt: skip
PEOPLE = [
    (A, "1950-03-02", "male", "A", "LS1 4AP", "E01011264", "E01011264", None, "B86001"),
    (B, "1960-07-01", "female", "Z", "ZZ99 3VZ", None, None, None, None),
    (None, "1970-11-15", "female", None, None, None, None, None, None),
]
EVENTS_CONTRACT, PEOPLE_CONTRACT = contract_with(*EVENT), contract_with(*PERSON, table="person")


def tables(**changes):
    return {name: pa.table(columns) for name, columns in {**TABLES, **changes}.items() if columns}


def as_csv(folder, found):
    for name, table in found.items():
        if name == "concept":  # as Athena hands it out: tabs, and quotes that mean nothing
            rows = [table.column_names, *(map(str, row.values()) for row in table.to_pylist())]
            (folder / "CONCEPT.csv").write_text("".join("\t".join(row) + "\n" for row in rows))
        else:
            pa_csv.write_csv(table, folder / f"{name}.csv")


def as_parquet(folder, found):
    for name, table in found.items():
        pq.write_table(table, folder / f"{name.upper()}.parquet")


def read(folder, contract, **options):
    with open_source(str(folder), contract=contract, key=KEY, **options) as source:
        return rows_of(source)[0]


def in_order(rows):
    return sorted(rows, key=lambda row: row[1])


@pytest.mark.parametrize("write", [as_csv, as_parquet])
def test_people_and_events_come_under_canonical_names(tmp_path, write):
    write(tmp_path, tables())
    assert in_order(read(tmp_path, EVENTS_CONTRACT)) == EVENTS
    assert read(tmp_path, PEOPLE_CONTRACT) == PEOPLE


def test_only_what_the_contract_asks_for_comes(tmp_path):
    as_csv(tmp_path, tables())
    assert read(tmp_path, contract_with("nhs_number", "code"))[0] == (A, "I21.9")
    code, where = code_of(lambda: read(tmp_path, contract_with("nhs_number", "shoe_size")))
    assert (code, "shoe_size: declared, not given" in where) == ("column-absent", True)


def test_without_concepts_the_sources_own_codes_come(tmp_path):
    as_parquet(tmp_path, tables(concept=None))
    rows = read(tmp_path, contract_with("nhs_number", "record_id", "system", "code"))
    assert rows[0] == (A, "condition_occurrence/1", "local", "I219")
    assert rows[4] == (B, "measurement/1", "omop-concept", "101")


def test_the_number_may_be_in_another_column(tmp_path):
    person = {**TABLES["person"], "NHS_No": [B, A, None]}
    as_parquet(tmp_path, tables(person=person))
    rows = read(tmp_path, contract_with("nhs_number", "record_id"), person_column="nhs_no")
    assert rows[0] == (B, "condition_occurrence/1")
    code, where = code_of(lambda: read(tmp_path, PEOPLE_CONTRACT, person_column="nothing"))
    assert (code, where) == ("column-absent", "person; person.nothing: is not there")


def test_a_person_who_is_two_people_is_nobody(tmp_path):
    person = {name: [*values, values[0]] for name, values in TABLES["person"].items()}
    person["person_source_value"][-1] = B
    as_parquet(tmp_path, tables(person=person))
    rows = read(tmp_path, contract_with("nhs_number", "record_id"))
    assert rows[0] == (None, "condition_occurrence/1")


def test_tables_that_are_not_there_have_a_code(tmp_path):
    as_parquet(tmp_path, {"care_site": tables()["care_site"]})
    act = lambda: read(tmp_path, PEOPLE_CONTRACT, format="omop")  # noqa: E731
    assert code_of(act) == ("table-absent", "person")
    as_parquet(tmp_path, {"person": tables()["person"]})
    assert code_of(lambda: read(tmp_path, EVENTS_CONTRACT))[0] == "table-absent"
    assert code_of(lambda: read(tmp_path / "nothing", EVENTS_CONTRACT, format="omop"))[0] == "file-unreadable"


def test_a_damaged_table_has_its_code_and_shows_nothing(tmp_path):
    as_csv(tmp_path, tables())
    (tmp_path / "measurement.csv").write_text(f"measurement_id,person_id,measurement_date\n1,2\n{PLANTED},2,3,4\n")
    assert code_of(lambda: read(tmp_path, EVENTS_CONTRACT))[0] == "file-ragged"
    (tmp_path / "measurement.csv").write_text(f"measurement_id,person\n1,{PLANTED}\n")
    assert code_of(lambda: read(tmp_path, EVENTS_CONTRACT))[0] == "column-absent"


def test_the_digest_is_of_all_tables(tmp_path):
    def digest(found):
        as_parquet(tmp_path, found)
        with open_source(str(tmp_path), contract=EVENTS_CONTRACT, key=KEY) as source:
            list(source.read())
            return source.digest()

    one = digest(tables())
    other = digest(tables(care_site={"care_site_id": [7, 8], "care_site_source_value": ["B86001", "RR9"]}))
    assert one == digest(tables())
    assert one != other


def test_a_table_may_have_no_rows(tmp_path):
    as_csv(tmp_path, tables(measurement={name: pa.array([], pa.string()) for name in TABLES["measurement"]}))
    assert len(read(tmp_path, EVENTS_CONTRACT)) == len(EVENTS) - 1
