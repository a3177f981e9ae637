"""What data sets a node has: their variables and versions, found by words, and described for those outside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from node.data_version import DataVersion
from node.store import Store
from privacy.canonical import Document
from privacy.code_lists import read_code_list
from privacy.columns import Column, iso_of
from privacy.contract import Contract
from privacy.dcat import catalogue
from privacy.errors import HedgerowError, Refusal
from privacy.gateway import gateway_entries

FORMATS = {"dcat": catalogue, "hdruk": gateway_entries}


@dataclass(frozen=True)
class Entry:
    """One data set: its versions that are still here, oldest first, and the contract of the newest."""

    name: str
    versions: tuple[DataVersion, ...]

    @property
    def contract(self) -> Contract:
        """Return the contract of the newest version."""
        return self.versions[-1].contract

    @cached_property
    def variables(self) -> tuple[Document, ...]:
        """Return what each stored column is, as plain data."""
        return tuple(_variable(column) for column in self.contract.stored)


@dataclass(frozen=True)
class Hit:
    """Where all words of a search were found: a data set, one of its variables, or ``""`` for the data set itself."""

    data_set: str
    variable: str
    what: str


def entries(store: Store) -> list[Entry]:
    """Return every data set that is loaded, by name."""
    versions = store.all()
    names = sorted({version.data_set for version in versions})
    return [Entry(name, tuple(v for v in versions if v.data_set == name)) for name in names]


def entry(store: Store, name: str) -> Entry:
    """Return one data set; ``data-set-unknown`` when it was never loaded."""
    for found in entries(store):
        if found.name == name:
            return found
    raise Refusal("data-set-unknown", name)


def search(found: Sequence[Entry], text: str) -> list[Hit]:
    """Return the data sets and variables that hold every word of a text, in names, titles, descriptions or codes.

    A variable is also found by its code system and by the meanings of its codes, where a list that ships says them.
    """
    words = [word.casefold() for word in re.findall(r"\S+", text)]
    hits = [hit for each in found for hit in _hits(each, words)] if words else []
    return sorted(hits, key=lambda hit: (hit.data_set, hit.variable))


def described(found: Sequence[Entry], form: str, publisher: str = "") -> Document:
    """Return data sets for those outside, in one of ``FORMATS``.

    From contracts alone, so nothing depends on who is in them. ``publisher`` is who runs the node; else the
    recipients that the contracts name.
    """
    contracts = [each.contract for each in found]
    named = sorted({contract.recipient or contract.owner for contract in contracts})
    who = publisher or ", ".join(named) or "an organisation that has loaded nothing yet"
    return FORMATS[form](contracts, publisher=who)


def _hits(found: Entry, words: Sequence[str]) -> Iterator[Hit]:
    contract = found.contract
    head = (contract.name, contract.title, contract.owner, contract.source, contract.purpose, contract.table)
    if _all_in(words, head):
        yield Hit(found.name, "", contract.title)
    for column in contract.stored:
        own = (column.name, column.description, column.unit, column.role or "", column.system, column.code_list)
        if _all_in(words, (contract.name, *own, *column.codes, *_labels(column))) and not _all_in(words, head):
            yield Hit(found.name, column.name, column.description or column.type)


def _all_in(words: Sequence[str], texts: Sequence[str]) -> bool:
    whole = " ".join(texts).casefold()
    return all(word in whole for word in words)


def _labels(column: Column) -> tuple[str, ...]:
    if not column.code_list:
        return ()
    try:
        listed = read_code_list(column.code_list)
    except HedgerowError:  # a list of the node's own: the contract has its codes, the file its labels
        return ()
    return tuple(label for _, label in listed.codes) if listed.sha256 == column.code_list_sha256 else ()


def _variable(column: Column) -> Document:
    low, high = (iso_of(v) if column.type == "date" and v is not None else v for v in (column.low, column.high))
    said: Document = {"role": column.role, "unit": column.unit, "low": low, "high": high, "system": column.system}
    said |= {"code_list": column.code_list, "codes": list(column.codes), "description": column.description}
    head = {"name": column.name, "kind": column.kind, "type": column.type, "treatment": column.treatment or "keep"}
    return {**head, **{name: value for name, value in said.items() if value not in (None, "", [])}}


__all__ = ["FORMATS", "Entry", "Hit", "described", "entries", "entry", "search"]
