"""A pack as a Data Package: ``datapackage.json``, which Frictionless tools read and check rows against."""

from __future__ import annotations

from dataclasses import asdict

from privacy.canonical import Document
from privacy.columns import BOUNDED, Column, iso_of
from privacy.contract import Contract
from synthetic.pack.about import MEDIA_TYPES, PEOPLE, About, Packed

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"  # Data Package, version 2.0 (June 2024)
TYPES = {"integer": "integer", "number": "number", "date": "date"}


def datapackage(about: About) -> Document:
    """Return the descriptor: every table with its schema, keys between tables, sizes and hashes."""
    return {
        "$schema": PROFILE,
        "name": about.name,
        "title": about.title,
        "description": f"{about.description}\n\n{about.use}",
        "version": about.version,
        **({"created": f"{about.created}T00:00:00Z"} if about.created else {}),
        "licenses": [{name: value for name, value in asdict(about.licence).items() if value}],
        "sources": [{"title": about.plan.provenance.says}],
        "contributors": [{"title": about.made_with, "roles": ["creator"]}],
        "keywords": ["synthetic data", "NHS", "integrated care system"],
        "resources": [_resource(table, about) for table in about.tables.values()],
    }


def _resource(table: Packed, about: About) -> Document:
    document: Document = {
        "name": table.name,
        "type": "table",
        "title": table.contract.title,
        "path": table.path,
        "format": table.format,
        "mediatype": MEDIA_TYPES[table.format],
        "bytes": table.bytes,
        "hash": f"sha256:{table.sha256}",
        "schema": _schema(table.contract),
    }
    if table.format == "csv":
        document["encoding"] = "utf-8"
    if PEOPLE in about.tables and table.name != PEOPLE:
        people = about.tables[PEOPLE]
        document["schema"]["foreignKeys"] = [
            {"fields": [table.person], "reference": {"resource": PEOPLE, "fields": [people.person]}}
        ]
    return document


def _schema(contract: Contract) -> Document:
    key = {} if contract.may_repeat else {"primaryKey": list(contract.key)}
    return {"fields": [_field(c) for c in contract.columns], **key, "missingValues": list(contract.missing)}


def _field(column: Column) -> Document:
    field: Document = {"name": column.name, "type": TYPES.get(column.type, "string")}
    if column.description:
        field["description"] = column.description
    if column.unit:
        field["unit"] = column.unit
    constraints: Document = {"required": not column.may_be_missing}
    if column.type == "nhs-number":
        constraints["pattern"] = "[0-9]{10}"
    if column.codes:
        constraints["enum"] = list(column.codes)
    if column.type in BOUNDED and column.low is not None and column.high is not None:
        constraints |= {"minimum": _bound(column, column.low), "maximum": _bound(column, column.high)}
    return {**field, "constraints": constraints}


def _bound(column: Column, value: float) -> float | str:
    if column.type == "date":
        return iso_of(value)
    return int(value) if column.type == "integer" else value


__all__ = ["PROFILE", "datapackage"]
