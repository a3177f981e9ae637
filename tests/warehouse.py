"""A made-up warehouse for the page on sources: admissions as one table, and the same people in OMOP's tables."""

import datetime

import numpy as np
import pyarrow as pa

from tests.nodes import nhs_numbers

PEOPLE = 500
NUMBERS = nhs_numbers(PEOPLE)
FIRST = datetime.date(2026, 1, 1)
DAYS = 180
LAST = FIRST + datetime.timedelta(DAYS)
CONTRACT = """\
[contract]
name = "admissions"
version = 1
title = "Admissions"
owner = "A trust"
legal_basis = "Article 6(1)(e), 9(2)(h)"
source = "the trust's warehouse, table care.admissions"
purpose = "Tests"
recipient = "A node"
table = "event"
key = ["nhs_number", "spell_id"]

[columns.nhs_number]
kind = "direct-identifier"
type = "nhs-number"
treatment = "pseudonym"

[columns.spell_id]
kind = "direct-identifier"
type = "text"
treatment = "pseudonym"

[columns.admitted]
kind = "quasi-identifier"
type = "date"
low = 2020-01-01
high = 2030-01-01
role = "date"

[columns.diagnosis]
kind = "sensitive"
type = "code"
system = "icd-10"
role = "code"
may_be_missing = true

[columns.cost]
kind = "measure"
type = "number"
low = 0
high = 100000
unit = "GBP"
role = "cost"
"""


def admissions(rows=2_000):
    """Return admissions of made-up people; three rows are not right."""
    rng = np.random.default_rng(1)
    who = np.array(NUMBERS)[rng.integers(0, PEOPLE, rows)].tolist()
    cost = rng.integers(100, 9_000, rows).astype(float)
    who[7], cost[8], cost[9] = "9990000000", -20.0, 250_000.0
    return pa.table(
        {
            "nhs_number": who,
            "spell_id": [f"S{i}" for i in range(rows)],
            "admitted": [FIRST + datetime.timedelta(int(d)) for d in rng.integers(0, DAYS, rows)],
            "diagnosis": np.array(["I21.9", "J44.1", "E11.9", "S72.0"])[rng.integers(0, 4, rows)],
            "cost": cost,
            "ward_clerk": ["not declared, so not asked for"] * rows,
        }
    )


def omop(events=3_000):
    """Return the tables of OMOP that the example needs; one condition is of nobody."""
    rng = np.random.default_rng(2)
    days = [FIRST + datetime.timedelta(int(d)) for d in rng.integers(0, DAYS, events)]
    people, ids = rng.integers(1, PEOPLE + 1, events), np.arange(1, events + 1)
    people[5] = PEOPLE + 1
    half = events // 2
    return {
        "person": pa.table(
            {
                "person_id": np.arange(1, PEOPLE + 1),
                "gender_concept_id": rng.choice([8507, 8532], PEOPLE),
                "year_of_birth": rng.integers(1930, 2010, PEOPLE),
                "month_of_birth": rng.integers(1, 13, PEOPLE),
                "ethnicity_source_value": rng.choice(["A", "H", "N", "Z"], PEOPLE),
                "location_id": np.ones(PEOPLE, np.int64),
                "person_source_value": NUMBERS,
            }
        ),
        "location": pa.table({"location_id": [1], "zip": ["LS1 4AP"], "location_source_value": ["E01011264"]}),
        "concept": pa.table(
            {
                "concept_id": [1, 2, 3],
                "vocabulary_id": ["SNOMED", "ICD10", "SNOMED"],
                "concept_code": ["22298006", "I21.9", "271649006"],
            }
        ),
        "condition_occurrence": pa.table(
            {
                "condition_occurrence_id": ids[:half],
                "person_id": people[:half],
                "condition_concept_id": np.ones(half, np.int64),
                "condition_source_concept_id": rng.choice([0, 2], half),
                "condition_start_date": days[:half],
            }
        ),
        "measurement": pa.table(
            {
                "measurement_id": ids[half:],
                "person_id": people[half:],
                "measurement_concept_id": np.full(events - half, 3),
                "measurement_date": days[half:],
                "value_as_number": rng.integers(90, 180, events - half).astype(float),
                "unit_source_value": ["mm[Hg]"] * (events - half),
            }
        ),
    }
