"""OMOP CDM 5.4: the canonical tables as people, visits, conditions, medicines, measurements and observations.

Ids can be read back: a person's is the NHS number less nine thousand million, a location's the digits of its LSOA, a
care site's its code as a number of base 36. Concepts are of our own range, each with the vocabulary and the code that
it stands for; standard concepts are left to whoever holds the vocabularies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from synthetic.formats.format import check_whole
from synthetic.formats.omop_tables import OF_ALL, rows_of, schemas
from synthetic.formats.parquet_format import Parquet
from synthetic.lives.codes import codes
from synthetic.manifest import Written
from synthetic.tables import TRUTH

FIRST_PERSON = 9 * 10**9  # every made-up NHS number is of ten digits and begins with a nine
FIRST_CONCEPT = 2 * 10**9  # OHDSI keeps what lies above for concepts of one's own
RECORD, PRESCRIBED = 32817, 32838  # standard concepts: EHR, EHR prescription
GENDERS = {"male": 8507, "female": 8532}
VISITS = {"inpatient": 9201, "emergency": 9203, "outpatient": 9202}
VOCABULARIES = {"snomed-ct": "SNOMED", "icd-10": "ICD10", "opcs-4": "OPCS4", "dm+d": "dm+d", "loinc": "LOINC"}
# Which table an event becomes a row of: its first column's stem, the stem of its concepts, its date, the cost's domain
TABLES = {
    "condition_occurrence": ("condition", "condition_start_date", "Condition"),
    "drug_exposure": ("drug", "drug_exposure_start_date", "Drug"),
    "procedure_occurrence": ("procedure", "procedure_date", "Procedure"),
    "measurement": ("measurement", "measurement_date", "Measurement"),
    "observation": ("observation", "observation_date", "Observation"),
}
Columns = Mapping[str, pa.Array]


class Omop(Parquet):
    """A folder of Parquet parts for each table of the model; the truth stays as it is."""

    name = "omop"

    def schemas(self, given: Mapping[str, pa.Schema]) -> Mapping[str, pa.Schema]:
        """Return the tables of the model that people and events fill."""
        check_whole(given)
        of_parts = {table: schema for table, schema in schemas().items() if table not in OF_ALL}
        return {**of_parts, **{table: schema for table, schema in given.items() if table.startswith(TRUTH)}}

    def converted(self, part: Iterator[tuple[str, pa.RecordBatch]]) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Give rows of the model for people and events."""
        for table, batch in part:
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            if table == "people":
                yield from _people(columns)
            elif table == "events":
                yield from _events(columns)
            else:
                yield table, batch

    def finish(self, home: Path, parts: Sequence[Written]) -> list[Written]:
        """Add the tables that there are only once: places, organisations, concepts, and where all this is from."""
        made = [
            rows_of("location", _locations(_ids(home, parts, "location_id"))),
            rows_of("care_site", _care_sites(_ids(home, parts, "care_site_id"))),
            rows_of("concept", _concepts()),
            rows_of("cdm_source", {name: pa.array([text]) for name, text in SOURCE.items()}),
        ]
        written = []
        for table, batch in zip(OF_ALL, made, strict=True):
            path = self.path(table, 0)
            (home / path).parent.mkdir(exist_ok=True)
            with (home / path).open("wb") as file, self.opened(file, batch.schema) as sink:
                sink.write(batch)
            written.append(Written.of(home, path, table, batch.num_rows))
        return [*parts, *written]


SOURCE = {
    "cdm_source_name": "Synthetic people",
    "cdm_source_abbreviation": "SYNTHETIC",
    "cdm_holder": "nobody: no record is of a real person",
    "source_description": "People who never were, made by hedgerow-synthetic",
    "cdm_version": "5.4",
    "vocabulary_version": "none: concepts are the source's own, above 2000000000",
}


def _people(c: Columns) -> Iterator[tuple[str, pa.RecordBatch]]:
    person, count = _person(c), len(c["nhs_number"])
    yield (
        "person",
        rows_of(
            "person",
            {
                "person_id": person,
                "gender_concept_id": _mapped(c["sex"], GENDERS),
                "year_of_birth": pc.year(c["birth_date"]),
                "month_of_birth": pc.month(c["birth_date"]),
                "day_of_birth": pc.day(c["birth_date"]),
                "race_concept_id": _all(0, count),
                "ethnicity_concept_id": _all(0, count),
                "location_id": _each(c["lsoa"], lambda code: int(code[1:])),
                "care_site_id": _each(c["practice"], lambda code: int(code, 36)),
                "person_source_value": c["nhs_number"],
                "gender_source_value": c["sex"],
                "ethnicity_source_value": c["ethnicity"],
            },
        ),
    )
    died = pc.is_valid(c["died_on"])
    dead = {"person_id": person.filter(died), "death_date": c["died_on"].filter(died)}
    yield "death", rows_of("death", {**dead, "death_type_concept_id": _all(RECORD, len(dead["person_id"]))})


def _events(c: Columns) -> Iterator[tuple[str, pa.RecordBatch]]:
    person = _person(c)
    yield "observation_period", _periods(person, c["date"])
    place = _mapped(c["setting"], VISITS)
    visits = pc.is_valid(place)
    visit = pc.if_else(visits, c["record_id"], pa.scalar(None, pa.int64()))
    yield (
        "visit_occurrence",
        rows_of(
            "visit_occurrence",
            {
                name: column.filter(visits)
                for name, column in {
                    "visit_occurrence_id": c["record_id"],
                    "person_id": person,
                    "visit_concept_id": place,
                    "visit_start_date": c["date"],
                    "visit_end_date": pc.coalesce(c["until"], c["date"]),
                    "visit_type_concept_id": _all(RECORD, len(place)),
                    "care_site_id": _each(c["organisation"], lambda code: int(code, 36)),
                    "visit_source_value": c["method"],
                }.items()
            },
        ),
    )
    table_of = _tables(c)
    for place_of, table in enumerate(TABLES):
        yield from _clinical(table, {**c, "person": person, "visit": visit}, pa.array(table_of == place_of))


def _tables(c: Columns) -> NDArray[np.int8]:
    """Return which of ``TABLES`` each event is a row of."""

    def where(judged: pa.Array) -> NDArray[np.bool_]:
        return np.asarray(pc.fill_null(judged, fill_value=False).to_numpy(zero_copy_only=False))

    said = pc.or_(pc.equal(c["method"], "diagnosis"), pc.equal(c["system"], "icd-10"))
    judged = [where(said), where(pc.equal(c["setting"], "prescription")), where(pc.equal(c["system"], "opcs-4"))]
    return np.select([*judged, where(pc.is_valid(c["value"]))], range(4), 4).astype(np.int8)


def _clinical(table: str, c: Columns, which: pa.Array) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Give the rows of one table, and what each cost."""
    stem, date, domain = TABLES[table]
    c = {name: column.filter(which) for name, column in c.items()}
    count = len(c["person"])
    rows = {
        f"{table}_id": c["record_id"],
        "person_id": c["person"],
        f"{stem}_concept_id": _all(0, count),
        date: c["date"],
        f"{stem}_type_concept_id": _all(PRESCRIBED if table == "drug_exposure" else RECORD, count),
        "visit_occurrence_id": c["visit"],
        f"{stem}_source_value": c["code"],
        f"{stem}_source_concept_id": _concept(c["code"]),
    }
    if table == "drug_exposure":
        rows["drug_exposure_end_date"] = c["date"]
    if table in ("measurement", "observation"):
        rows |= {"value_as_number": c["value"], "unit_source_value": c["unit"]}
    yield table, rows_of(table, rows)
    paid = pc.is_valid(c["cost"])
    ids, cost = c["record_id"].filter(paid), c["cost"].filter(paid)
    costs = {"cost_id": ids, "cost_event_id": ids, "cost_domain_id": _all(domain, len(ids)), "total_cost": cost}
    yield "cost", rows_of("cost", {**costs, "cost_type_concept_id": _all(RECORD, len(ids))})


def _periods(person: pa.Array, day: pa.Array) -> pa.RecordBatch:
    """Return when each person was observed: from their first event to their last."""
    found = pa.table({"person": person, "day": day}).group_by("person", use_threads=False)
    found = found.aggregate([("day", "min"), ("day", "max")]).combine_chunks()
    who = found["person"].combine_chunks()
    return rows_of(
        "observation_period",
        {
            "observation_period_id": who,
            "person_id": who,
            "observation_period_start_date": found["day_min"].combine_chunks(),
            "observation_period_end_date": found["day_max"].combine_chunks(),
            "period_type_concept_id": _all(RECORD, len(who)),
        },
    )


def _person(c: Columns) -> pa.Array:
    return pc.subtract(c["nhs_number"].cast(pa.int64()), FIRST_PERSON)


def _all(value: object, count: int) -> pa.Array:
    return pa.repeat(value, count)


def _mapped(column: pa.DictionaryArray, meanings: Mapping[str, int]) -> pa.Array:
    return _each(column, meanings.get)


def _each(column: pa.DictionaryArray, number: Callable[[str], int | None]) -> pa.Array:
    """Return the number of each text, worked out once for each text of the dictionary."""
    numbers = pa.array([number(text) for text in column.dictionary.to_pylist()], pa.int64())
    return numbers.take(column.indices)


def _concept(column: pa.DictionaryArray) -> pa.Array:
    known = _own_concepts()
    return _each(column, lambda code: known.get(code, 0))


@cache
def _own_concepts() -> dict[str, int]:
    """Return our concept of each code that is of a published system."""
    known = [each.code for each in codes() if each.system in VOCABULARIES]
    return {code: FIRST_CONCEPT + 1 + place for place, code in enumerate(known)}


def _concepts() -> Columns:
    of = [each for each in codes() if each.system in VOCABULARIES]
    count = len(of)
    return {
        "concept_id": pa.array([_own_concepts()[each.code] for each in of]),
        "concept_name": pa.array([each.title for each in of]),
        "domain_id": _all("Metadata", count),
        "vocabulary_id": pa.array([VOCABULARIES[each.system] for each in of]),
        "concept_class_id": _all("Undefined", count),
        "concept_code": pa.array([each.code for each in of]),
        "valid_start_date": pa.repeat(pa.scalar(0, pa.int32()), count).cast(pa.date32()),
        "valid_end_date": pa.repeat(pa.scalar(47481, pa.int32()), count).cast(pa.date32()),  # 2099-12-31
    }


def _ids(home: Path, parts: Sequence[Written], column: str) -> list[int]:
    """Return the different ids that people and visits name."""
    found: set[int] = set()
    for file in parts:
        if file.table in schemas() and column in schemas()[file.table].names and file.table not in OF_ALL:
            found.update(pc.unique(pq.read_table(home / file.path, columns=[column])[column]).to_pylist())
    return sorted(found - {None})


def _locations(ids: Sequence[int]) -> Columns:
    return {"location_id": pa.array(ids), "location_source_value": pa.array([f"E{each:08d}" for each in ids])}


def _care_sites(ids: Sequence[int]) -> Columns:
    return {"care_site_id": pa.array(ids), "care_site_source_value": pa.array([np.base_repr(i, 36) for i in ids])}


FORMAT = Omop()

__all__ = [
    "FIRST_CONCEPT",
    "FIRST_PERSON",
    "FORMAT",
    "GENDERS",
    "PRESCRIBED",
    "RECORD",
    "SOURCE",
    "TABLES",
    "VISITS",
    "VOCABULARIES",
    "Columns",
    "Omop",
]
