"""Data sets in the shape of HDR UK's dataset schema 2.1, for a gateway: only what their contracts say."""

from __future__ import annotations

from collections.abc import Iterable

from privacy.canonical import Document
from privacy.code_systems import CODE_SYSTEMS
from privacy.columns import Column
from privacy.contract import Contract
from privacy.dcat import ACCESS, code_systems, keywords

CONTEXT = {"@vocab": "https://hdruk.github.io/schemata/schema/dataset/"}
LONGEST_TITLE, LONGEST_ABSTRACT = 80, 255  # of the schema
LIMITATION = "General research use within a study that the node's own people approve; no record can be downloaded"
# What the schema asks for and a node will not say, and why; the gateway's own fields are filled in by the gateway
LEFT_OUT = {
    "observations": "counts of people depend on who is in the data",
    "coverage.spatial": "contracts do not say it",
    "coverage.temporal": "days of records depend on who is in the data",
    "provenance.temporal.startDate": "days of records depend on who is in the data",
    "identifier": "the gateway gives it",
    "revisions": "the gateway keeps them",
    "issued": "the day of a load depends on the data; the gateway knows the day of publication",
    "modified": "the day of a load depends on the data; the gateway knows the day of publication",
}


def gateway_entries(contracts: Iterable[Contract], *, publisher: str) -> Document:
    """Return one entry a data set, by name; equal contracts give equal entries, whoever's records are loaded."""
    ordered = sorted(contracts, key=lambda contract: contract.name)
    entries = [_entry(contract, publisher) for contract in ordered]
    return {"@context": CONTEXT, "datasets": entries, "leftOut": LEFT_OUT}


def _entry(contract: Contract, publisher: str) -> Document:
    return {
        "version": f"{contract.version}.0.0",
        "summary": {
            "title": contract.title[:LONGEST_TITLE],
            "abstract": f"{contract.title}. {ACCESS}"[:LONGEST_ABSTRACT],
            "publisher": {"name": publisher, "memberOf": "OTHER"},
            "keywords": keywords(contract),
        },
        "documentation": {"description": f"{contract.title}. Source: {contract.source}. {ACCESS}"},
        "provenance": {
            "origin": {"purpose": contract.purpose, "source": contract.source},
            "temporal": _lag(contract),
        },
        "accessibility": {
            "usage": {"dataUseLimitation": [LIMITATION], "dataUseRequirements": ["PROJECT SPECIFIC RESTRICTIONS"]},
            "access": {
                "accessRights": ACCESS,
                "jurisdiction": ["GB"],
                "dataController": contract.owner,
                "dataProcessor": contract.recipient,
                "legalBasis": contract.legal_basis,
            },
            "formatAndStandards": {
                "vocabularyEncodingScheme": [CODE_SYSTEMS[name].title for name in code_systems(contract)] or ["LOCAL"],
                "language": ["en"],
                "format": ["private sums"],
            },
        },
        "structuralMetadata": [
            {
                "name": contract.name,
                "description": contract.title,
                "elements": [_element(column) for column in contract.stored],
            }
        ],
    }


def _lag(contract: Contract) -> Document:
    return {} if contract.freshness_days is None else {"timeLag": f"at most {contract.freshness_days} days"}


def _element(column: Column) -> Document:
    described = ", ".join(text for text in (column.description, column.unit) if text)
    sensitive = column.kind != "measure"
    return {"name": column.name, "dataType": column.type, "description": described, "sensitive": sensitive}


__all__ = ["CONTEXT", "LEFT_OUT", "LIMITATION", "LONGEST_ABSTRACT", "LONGEST_TITLE", "gateway_entries"]
