"""A pack as a Croissant data set: ``croissant.json``, which machine-learning tools load records from."""

from __future__ import annotations

from typing import Any

from privacy.canonical import Document
from privacy.columns import Column
from synthetic.pack.about import MEDIA_TYPES, About, Packed

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"  # the version that every tool reads
TYPES = {"integer": "sc:Integer", "number": "sc:Float", "date": "sc:Date"}
# The words of Croissant's own vocabulary that its specification, version 1.0, asks a document to declare.
WORDS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{word: f"cr:{word}" for word in WORDS},
}


def croissant(about: About) -> Document:
    """Return the JSON-LD document: a file and a set of records for each table.

    No field refers to another table's: mlcroissant 1.1.1 then joins the tables whenever one is read, and cannot where
    a CSV's keys are all digits. ``datapackage.json`` names the keys between tables.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": about.name,
        "alternateName": about.title,
        "description": f"{about.description} {about.use}",
        "conformsTo": CONFORMS_TO,
        "license": about.licence.path,
        "citeAs": f"{about.title}. Made by {about.made_with}.",
        "version": about.version,
        **({"datePublished": about.created} if about.created else {}),
        "distribution": [_file(table) for table in about.tables.values()],
        "recordSet": [_records(table) for table in about.tables.values()],
    }


def _file(table: Packed) -> Document:
    return {
        "@type": "cr:FileObject",
        "@id": _file_id(table),
        "name": table.path.rpartition("/")[2],
        "contentUrl": table.path,
        "contentSize": f"{table.bytes} B",
        "encodingFormat": MEDIA_TYPES[table.format],
        "sha256": table.sha256,
    }


def _records(table: Packed) -> Document:
    key = {} if table.contract.may_repeat else {"key": [{"@id": f"{table.name}/{c}"} for c in table.contract.key]}
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.contract.title,
        **key,
        "field": [_field(column, table) for column in table.contract.columns],
    }


def _field(column: Column, table: Packed) -> Document:
    field: Document = {
        "@type": "cr:Field",
        "@id": f"{table.name}/{column.name}",
        "name": column.name,
        "dataType": TYPES.get(column.type, "sc:Text"),
        "source": {"fileObject": {"@id": _file_id(table)}, "extract": {"column": column.name}},
    }
    if column.description:
        field["description"] = column.description
    return field


def _file_id(table: Packed) -> str:
    return f"file-{table.name}"


__all__ = ["CONFORMS_TO", "croissant"]
