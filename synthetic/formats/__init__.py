"""The ways in which tables are written down, by name; each in a file of its own, loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from privacy.errors import Invalid

if TYPE_CHECKING:
    from synthetic.formats.format import Format

DEFAULT, CONTRACT = "parquet", "contract"
TITLES: Mapping[str, str] = {
    "parquet": "columns with their types, one folder of parts a table: small, and fast to read",
    "csv": "text with a header, one folder of parts a table: every program reads it",
    "duckdb": "one database file, and another apart with the truth: for SQL",
    "omop": "OMOP Common Data Model 5.4, one folder of Parquet parts a table",
    "fhir": "FHIR R4 resources as NDJSON, one file of parts a kind of resource",
    "contract": "what `hedgerow-node ingest` takes: Parquet, the data contracts, and the list of who may be used",
}


def format_of(name: str) -> Format:
    """Return a format by its name; ``data-set-format-unknown`` lists them."""
    if name not in TITLES:
        raise Invalid("data-set-format-unknown", name[:100], faults=TITLES)
    return cast("Format", import_module(f"synthetic.formats.{name}_format").FORMAT)


__all__ = ["CONTRACT", "DEFAULT", "TITLES", "format_of"]
