"""Data sets as a DCAT catalogue in JSON-LD: what their contracts say, and nothing that depends on who is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from privacy.canonical import Document
from privacy.code_systems import CODE_SYSTEMS
from privacy.columns import Column, iso_of
from privacy.contract import Contract

CONTEXT: Mapping[str, str] = {
    "csvw": "http://www.w3.org/ns/csvw#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "hedgerow": "urn:hedgerow:terms:",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
# Controlled vocabularies of the Publications Office of the EU, which DCAT-AP asks for
NOT_PUBLIC = "http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC"
HEALTH = "http://publications.europa.eu/resource/authority/data-theme/HEAL"
ENGLISH = "http://publications.europa.eu/resource/authority/language/ENG"
ACCESS = "No record leaves the node. A study that two people there approve is answered with noisy sums."
DATATYPES = {"integer": "xsd:integer", "number": "xsd:double", "date": "xsd:date"}
ROWS = {"person": "a person", "event": "an event"}
RESOLUTIONS = {"month": "P1M", "year": "P1Y"}


def catalogue(contracts: Iterable[Contract], *, publisher: str) -> Document:
    """Return the catalogue (W3C DCAT 3; mandatory properties of DCAT-AP 3.0) of data sets with these contracts.

    Equal contracts give equal catalogues, whoever's records are loaded: no count, no day of a record or of a load, no
    number of a load is in it. The version of a data set here is that of its contract, which people raise.
    """
    ordered = sorted(contracts, key=lambda contract: contract.name)
    return {
        "@context": dict(CONTEXT),
        "@type": "dcat:Catalog",
        "dcterms:title": f"Data sets at a node of {publisher}",
        "dcterms:description": ACCESS,
        "dcterms:publisher": _agent(publisher),
        "dcterms:language": {"@id": ENGLISH},
        "dcat:dataset": [_data_set(contract) for contract in ordered],
    }


def _data_set(contract: Contract) -> Document:
    described: Document = {
        "@id": f"urn:hedgerow:{contract.hash}",
        "@type": "dcat:Dataset",
        "dcterms:identifier": contract.name,
        "dcterms:title": contract.title,
        "dcterms:description": f"{contract.title}. One row is {ROWS[contract.table]}.",
        "dcterms:publisher": _agent(contract.owner),
        "dcat:version": str(contract.version),
        "dcat:theme": {"@id": HEALTH},
        "dcat:keyword": keywords(contract),
        "dcterms:accessRights": {"@id": NOT_PUBLIC, "@type": "dcterms:RightsStatement", "rdfs:label": ACCESS},
        "dcterms:provenance": {"@type": "dcterms:ProvenanceStatement", "rdfs:label": contract.source},
        "dcterms:language": {"@id": ENGLISH},
        "dpv:hasLegalBasis": contract.legal_basis,
    }
    if contract.purpose:
        described["dpv:hasPurpose"] = contract.purpose
    if contract.recipient:
        described["dpv:hasRecipient"] = contract.recipient
    if resolution := temporal_resolution(contract):
        described["dcat:temporalResolution"] = {"@type": "xsd:duration", "@value": resolution}
    if systems := code_systems(contract):
        described["dcterms:conformsTo"] = [_standard(name) for name in systems]
    columns = {"@list": [_column(column) for column in contract.stored]}
    return {**described, "csvw:tableSchema": {"@type": "csvw:Schema", "csvw:column": columns}}


def keywords(contract: Contract) -> list[str]:
    """Return words to find a data set by: its kind of rows, the roles of its columns, its code systems."""
    roles = {str(column.role) for column in contract.stored if column.role}
    return sorted({contract.table, *roles, *code_systems(contract)})


def code_systems(contract: Contract) -> list[str]:
    """Return the code systems that its columns name, without local ones."""
    return sorted({column.system for column in contract.stored if column.system} - {"local"})


def temporal_resolution(contract: Contract) -> str | None:
    """Return how finely the event's day is kept, as an ISO 8601 duration, or None where there is none."""
    dates = contract.with_role("date")
    return RESOLUTIONS.get(str(dates[0].treatment), "P1D") if dates else None


def _column(column: Column) -> Document:
    described: Document = {
        "@type": "csvw:Column",
        "csvw:name": column.name,
        "csvw:required": not column.may_be_missing,
        "csvw:datatype": _datatype(column),
        "hedgerow:kind": column.kind,
        "hedgerow:treatment": column.treatment or "keep",
    }
    said = {"dcterms:description": column.description, "hedgerow:unit": column.unit, "hedgerow:role": column.role}
    described |= {name: value for name, value in said.items() if value}
    if column.code_list:
        named = {"dcterms:identifier": column.code_list, "hedgerow:sha256": column.code_list_sha256}
        described["skos:inScheme"] = {"@type": "skos:ConceptScheme", **named}
    elif column.system:
        described["skos:inScheme"] = _standard(column.system)
    elif column.codes:
        described["hedgerow:codes"] = list(column.codes)
    return described


def _datatype(column: Column) -> Document:
    datatype: Document = {"@type": "csvw:Datatype", "csvw:base": DATATYPES.get(column.type, "xsd:string")}
    for end, value in (("csvw:minimum", column.low), ("csvw:maximum", column.high)):
        if value is not None:
            datatype[end] = iso_of(value) if column.type == "date" else value
    return datatype


def _standard(name: str) -> Document:
    system = CODE_SYSTEMS[name]
    named = {"@id": system.uri} if system.uri else {}
    return {**named, "@type": "skos:ConceptScheme", "dcterms:title": system.title}


def _agent(name: str) -> Document:
    return {"@type": "foaf:Agent", "foaf:name": name}


__all__ = [
    "ACCESS",
    "CONTEXT",
    "DATATYPES",
    "ENGLISH",
    "HEALTH",
    "NOT_PUBLIC",
    "RESOLUTIONS",
    "ROWS",
    "catalogue",
    "code_systems",
    "keywords",
    "temporal_resolution",
]
