"""OMOP CDM 5.4 as people and events under canonical names: ids become numbers and codes, the rest is left as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from node.sources.canonical import (
    Lookup,
    as_day,
    as_ids,
    as_sex,
    as_text,
    canonical_names,
    cells_of,
    either,
    translated,
)
from node.sources.source import Rows, Source
from node.sources.tables import Tables
from privacy.contract import Contract
from privacy.errors import Invalid

PERSON_COLUMN = "person_source_value"
LOCAL, CONCEPT = "local", "omop-concept"
# Athena's vocabularies, by the names that contracts use for code systems
VOCABULARIES = {
    "SNOMED": "snomed-ct",
    "ICD10": "icd-10",
    "OPCS4": "opcs-4",
    "dm+d": "dm+d",
    "LOINC": "loinc",
    "Read": "read-2",
    "CTV3": "ctv3",
}
# Standard concepts of OMOP: the CDM's conventions on gender and visit
GENDERS = {"8507": "male", "8532": "female", "8521": "other", "8551": "unknown"}
SETTINGS = {
    "9201": "inpatient",
    "262": "inpatient",  # through the emergency department
    "9203": "emergency",
    "9202": "outpatient",
    "581476": "home",
    "5083": "virtual",
}
PARTS_OF_BIRTH = ("year_of_birth", "month_of_birth", "day_of_birth")


@dataclass(frozen=True)
class Table:
    """Where one of the clinical tables keeps what an event has."""

    stem: str
    date: str
    value: str = ""
    unit: str = ""
    domain: str = ""  # what the cost table calls it

    @property
    def concepts(self) -> tuple[str, str, str]:
        """Return the columns of the standard concept, the source's concept and the source's own text."""
        return f"{self.stem}_concept_id", f"{self.stem}_source_concept_id", f"{self.stem}_source_value"


TABLES = {
    "condition_occurrence": Table("condition", "condition_start_date", domain="Condition"),
    "drug_exposure": Table("drug", "drug_exposure_start_date", "quantity", "dose_unit_source_value", "Drug"),
    "procedure_occurrence": Table("procedure", "procedure_date", domain="Procedure"),
    "measurement": Table("measurement", "measurement_date", "value_as_number", "unit_source_value", "Measurement"),
    "observation": Table("observation", "observation_date", "value_as_number", "unit_source_value", "Observation"),
    "visit_occurrence": Table("visit", "visit_start_date", domain="Visit"),
}


class Omop(Source):
    """People (one row each) for a person table, events of six clinical tables for an event table.

    Rows are counted through the tables, in the order of ``TABLES``. In memory are the numbers of people, and of
    visits, places, costs and concepts as far as the contract asks for what they say: events only stream by.
    An event whose person is not there, or is there twice with different numbers, comes without a number.
    """

    unit = "row"

    def __init__(self, tables: Tables, *, contract: Contract | None, person_column: str = PERSON_COLUMN) -> None:
        self.names = canonical_names(contract)
        self._tables = tables
        self._person_column = person_column.lower()
        self._of_people = contract is not None and contract.table == "person"
        self._read = 0
        if "person" not in tables.names():
            raise Invalid("table-absent", "person")
        if not self._of_people and not set(TABLES) & tables.names():
            raise Invalid("table-absent", faults=sorted(TABLES))

    def read(self) -> Iterator[Rows]:
        """Give the rows once, table after table."""
        if self._of_people:
            yield from self._people()
        else:
            for name, table in TABLES.items():
                yield from self._events(name, table)
        if not self._read:
            raise Invalid("file-empty")

    def digest(self) -> str:
        """Return a keyed hash of all tables that were read."""
        return self._tables.digest()

    def close(self) -> None:
        """Let go of the tables."""
        self._tables.close()

    def _rows(self, columns: dict[str, pa.Array], count: int) -> Rows:
        numbers = np.arange(self._read + 1, self._read + 1 + count, dtype=np.int64)
        self._read += count
        return Rows(cells_of(columns, self.names, count), numbers)

    def _people(self) -> Iterator[Rows]:
        places, sites = self._lookup("location", "location_id", "zip", "location_source_value"), self._sites
        columns = ["gender_concept_id", "gender_source_value", "race_source_value", "ethnicity_source_value"]
        columns += [*PARTS_OF_BIRTH, "birth_datetime", "location_id", "care_site_id", self._person_column]
        for found in self._tables.read("person", columns, needed=[self._person_column]):
            n = len(next(iter(found.values())))
            text = {name: as_text(found.get(name), n) for name in columns}
            place = as_ids(found.get("location_id"), n)
            gender = either(translated(text["gender_concept_id"], GENDERS), as_sex(text["gender_source_value"]))
            area = places.find(place, "location_source_value")
            made = {
                "nhs_number": text[self._person_column],
                "birth_date": either(
                    as_day(found.get("birth_datetime"), n), _birth(*(text[p] for p in PARTS_OF_BIRTH))
                ),
                "sex": gender,
                "ethnicity": either(text["ethnicity_source_value"], text["race_source_value"]),
                "postcode": places.find(place, "zip"),
                "lsoa": area,
                "area": area,
                "practice": sites.find(as_ids(found.get("care_site_id"), n), "care_site_source_value"),
            }
            yield self._rows(made, n)

    def _events(self, name: str, table: Table) -> Iterator[Rows]:
        id_column, visits = f"{name}_id", name == "visit_occurrence"
        columns = ["person_id", id_column, table.date, *table.concepts, table.value, table.unit, "visit_occurrence_id"]
        columns = [c for c in dict.fromkeys([*columns, *(["care_site_id"] if visits else [])]) if c]
        for found in self._tables.read(name, columns, needed=["person_id", table.date]):
            n = len(next(iter(found.values())))
            ids, visit = as_text(found.get(id_column), n), as_ids(found.get("visit_occurrence_id"), n)
            system, code = self._code(table, found, n)
            made = {
                "nhs_number": self._numbers.find(as_ids(found["person_id"], n), self._person_column),
                "record_id": pc.binary_join_element_wise(name, ids, "/"),
                "date": as_day(found[table.date], n),
                "source": pa.array([name] * n),
                "system": system,
                "code": code,
                "value": as_text(found.get(table.value), n),
                "unit": as_text(found.get(table.unit), n),
            }
            if "setting" in self.names or "organisation" in self.names:
                made["setting"] = self._visits.find(visit, "setting")
                made["organisation"] = self._visits.find(visit, "organisation")
            if "cost" in self.names:
                made["cost"] = self._costs(table.domain).find(as_ids(found.get(id_column), n), "cost")
            yield self._rows(made, n)

    def _code(self, table: Table, found: dict[str, pa.Array], n: int) -> tuple[pa.Array, pa.Array]:
        """Return the code as recorded: the source's concept, else the standard one, else the source's own text."""
        standard, source = (as_ids(found.get(c), n) for c in table.concepts[:2])
        said = as_text(found.get(table.concepts[2]), n)
        concept = pc.cast(either(_not_none(source), _not_none(standard)), pa.string())
        known = [(self._concepts.find(ids, "system"), self._concepts.find(ids, "code")) for ids in (source, standard)]
        last = [(_where(concept, CONCEPT), concept), (_where(said, LOCAL), said)]
        ways = [*known, *(last if "concept" in self._tables.names() else reversed(last))]
        return either(*(system for system, _ in ways)), either(*(code for _, code in ways))

    @cached_property
    def _numbers(self) -> Lookup:
        return self._lookup("person", "person_id", self._person_column, needed=True)

    @cached_property
    def _sites(self) -> Lookup:
        return self._lookup("care_site", "care_site_id", "care_site_source_value")

    @cached_property
    def _concepts(self) -> Lookup:
        ids, systems, codes = [], [], []
        for found in self._tables.read("concept", ["concept_id", "vocabulary_id", "concept_code"]):
            n = len(found["concept_id"])
            system = translated(as_text(found.get("vocabulary_id"), n), VOCABULARIES)
            known = system.is_valid()
            ids.append(as_ids(found["concept_id"], n).filter(known))
            systems.append(system.filter(known))
            codes.append(as_text(found.get("concept_code"), n).filter(known))
        return Lookup(_joined(ids, pa.int64()), system=_joined(systems), code=_joined(codes))

    @cached_property
    def _visits(self) -> Lookup:
        ids, settings, organisations = [], [], []
        columns = ["visit_occurrence_id", "visit_concept_id", "care_site_id"]
        for found in self._tables.read("visit_occurrence", columns):
            n = len(found["visit_occurrence_id"])
            ids.append(as_ids(found["visit_occurrence_id"], n))
            settings.append(translated(as_text(found.get("visit_concept_id"), n), SETTINGS))
            organisations.append(self._sites.find(as_ids(found.get("care_site_id"), n), "care_site_source_value"))
        return Lookup(_joined(ids, pa.int64()), setting=_joined(settings), organisation=_joined(organisations))

    def _costs(self, domain: str) -> Lookup:
        return self._all_costs.get(domain, Lookup(pa.array([], pa.int64()), cost=pa.array([], pa.string())))

    @cached_property
    def _all_costs(self) -> dict[str, Lookup]:
        parts: dict[str, list[tuple[pa.Array, pa.Array]]] = {}
        for found in self._tables.read("cost", ["cost_event_id", "cost_domain_id", "total_cost", "total_paid"]):
            n = len(found["cost_event_id"])
            domains = as_text(found.get("cost_domain_id"), n)
            amounts = either(as_text(found.get("total_cost"), n), as_text(found.get("total_paid"), n))
            for domain in {table.domain for table in TABLES.values()}:
                those = pc.fill_null(pc.equal(domains, domain), fill_value=False)
                ids = as_ids(found["cost_event_id"], n).filter(those)
                parts.setdefault(domain, []).append((ids, amounts.filter(those)))
        return {
            d: Lookup(_joined([i for i, _ in p], pa.int64()), cost=_joined([a for _, a in p])) for d, p in parts.items()
        }

    def _lookup(self, table: str, key: str, *texts: str, needed: bool = False) -> Lookup:
        ids: list[pa.Array] = []
        columns: dict[str, list[pa.Array]] = {name: [] for name in texts}
        for found in self._tables.read(table, [key, *texts], needed=[key, *(texts if needed else ())]):
            n = len(found[key])
            ids.append(as_ids(found[key], n))
            for name in texts:
                columns[name].append(as_text(found.get(name), n))
        return Lookup(_joined(ids, pa.int64()), **{name: _joined(parts) for name, parts in columns.items()})


def _birth(year: pa.Array, month: pa.Array, day: pa.Array) -> pa.Array:
    """Return a date of birth; the middle of the year or of the month stands for what is not known."""
    middle = pc.if_else(month.is_valid(), "15", "1")
    month, day = pc.fill_null(month, "7"), either(day, middle)
    return pc.binary_join_element_wise(year, pc.utf8_lpad(month, 2, "0"), pc.utf8_lpad(day, 2, "0"), "-")


def _not_none(ids: pa.Array) -> pa.Array:
    """Return ids without 0, OMOP's "no matching concept"."""
    return pc.if_else(pc.equal(ids, 0), pa.scalar(None, pa.int64()), ids)


def _where(texts: pa.Array, name: str) -> pa.Array:
    return pc.if_else(texts.is_valid(), pa.scalar(name), pa.scalar(None, pa.string()))


def _joined(parts: Sequence[pa.Array], kind: pa.DataType | None = None) -> pa.Array:
    return pa.concat_arrays(list(parts)) if parts else pa.array([], kind or pa.string())


__all__ = [
    "CONCEPT",
    "GENDERS",
    "LOCAL",
    "PARTS_OF_BIRTH",
    "PERSON_COLUMN",
    "SETTINGS",
    "TABLES",
    "VOCABULARIES",
    "Omop",
    "Table",
]
