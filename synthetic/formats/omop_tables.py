"""The tables of OMOP CDM 5.4: their columns and types, and batches that fill some of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pyarrow as pa

OF_ALL = ("location", "care_site", "concept", "cdm_source")  # written once, when all people are there
_NUMBERS = ("total_", "paid_", "amount_", "range_", "quantity", "value_as_number", "latitude", "longitude")
_WHOLE = ("refills", "days_supply")
_TEXT_IDS = ("cost_domain_id", "domain_id", "vocabulary_id", "concept_class_id")


@cache
def schemas() -> Mapping[str, pa.Schema]:
    """Return every table's columns."""
    path = Path(__file__).with_name("omop.toml")
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {table: pa.schema([(name, _type(name)) for name in names.split()]) for table, names in tables.items()}


def rows_of(table: str, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Return rows of a table with these columns; the others are empty."""
    schema, count = schemas()[table], len(next(iter(columns.values())))
    filled = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.record_batch(filled, schema=schema)


def _type(name: str) -> pa.DataType:
    """Return the type that the model gives a column of this name."""
    if name.endswith(("_concept_id", "_of_birth")) or name in ("concept_id", *_WHOLE):
        return pa.int32()
    if name.endswith("_id") and name not in _TEXT_IDS:
        return pa.int64()
    if name.endswith("_datetime"):
        return pa.timestamp("ms")
    if name.endswith("_date"):
        return pa.date32()
    return pa.float64() if name.startswith(_NUMBERS) else pa.string()


__all__ = ["OF_ALL", "rows_of", "schemas"]
