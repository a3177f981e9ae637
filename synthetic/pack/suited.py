"""The contract of each table as it was made: what a given one says of its columns, and plain words for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from privacy.checks import columns_of
from privacy.columns import LARGEST_INTEGER, Column, days_of
from privacy.contract import Contract, TableShape
from privacy.contract_file import read_contract
from synthetic.contracts.canonical import contracts
from synthetic.fitted.contracting import path_of
from synthetic.manifest import NAME, read_manifest
from synthetic.pack.about import PEOPLE
from synthetic.provenance import PublicPriors
from synthetic.written.reading import PLAIN as FORMATS
from synthetic.written.reading import DataSet

NUMBER = "nhs_number"
FIRST, LAST = days_of(date(1800, 1, 1)), days_of(date(2200, 1, 1))
PLAIN = Contract(
    name="plain",
    version=1,
    title="Made-up records",
    owner="nobody: no record is of a real person",
    legal_basis="none is needed: no record is of a real person",
    source="hedgerow-synthetic",
    table="person",
    key=(NUMBER,),
    columns=(Column(NUMBER, "direct-identifier", "nhs-number", "pseudonym", description="a number that is nobody's"),),
)


def suited(data: DataSet, given: Mapping[str, Contract]) -> dict[str, Contract]:
    """Return a contract for each table that a model may see, with just the table's columns, in their order.

    ``given`` are contracts by the table that each is of. A column that its own contract lacks is as any other of them
    has it: fitted people have attributes that the contract of their rows declares.
    """
    columns = {column.name: column for contract in given.values() for column in contract.columns}
    tables = data.manifest.plan.tables
    return {name: _suited(name, tables[name], given.get(name), columns) for name in data.tables()}


def contracts_of(home: Path, files: Sequence[Path]) -> dict[str, Contract]:
    """Return a contract for each table of a data set: the simulator's own, those in a fitted one, or of files.

    Nothing for what is no data set, since a pack brings its own contracts, and for tables that were converted.
    """
    if not (home / NAME).is_file():
        return {}
    data = DataSet(home, read_manifest(home))
    if data.manifest.plan.format not in FORMATS:
        return {}
    given = {contract.name: contract for contract in map(read_contract, files)}
    own = contracts() if isinstance(data.manifest.plan.provenance, PublicPriors) else _fitted(data)
    return suited(data, {**own, **given})


def _fitted(data: DataSet) -> dict[str, Contract]:
    """Return the contracts that lie in a fitted data set, by table."""
    there = {file.path for file in data.manifest.files}
    return {name: read_contract(data.home / path_of(name)) for name in data.tables() if path_of(name) in there}


def _suited(table: str, words: Mapping[str, str], own: Contract | None, others: Mapping[str, Column]) -> Contract:
    if own is not None and [column.name for column in own.columns] == list(words):
        return own
    declared = {**others, **({c.name: c for c in own.columns} if own else {}), NUMBER: PLAIN.columns[0]}
    columns = tuple(declared.get(name) or _plain(name, word) for name, word in words.items())
    if own is None:
        told_apart = table == PEOPLE
        shape: TableShape = "person" if told_apart else "event"
        return replace(
            PLAIN,
            name=table,
            title=f"Made-up records: {table}",
            columns=columns,
            table=shape,
            may_repeat=not told_apart,
        )
    kept = tuple(check for check in own.checks if set(columns_of(check)) <= set(words))
    told_apart = own.table == "person" or set(own.key) <= set(words)
    key = tuple(NUMBER if name == own.person else name for name in own.key if name in words or name == own.person)
    period = own.period if own.period in words else None
    return replace(own, columns=columns, key=key, checks=kept, period=period, may_repeat=not told_apart)


def _plain(name: str, word: str) -> Column:
    """Return a column of which nothing is known but its type."""
    if word == "date":
        return Column(name, "measure", "date", low=FIRST, high=LAST, may_be_missing=True, may_be_future=True)
    if word == "whole number":
        return Column(name, "measure", "integer", low=-LARGEST_INTEGER, high=LARGEST_INTEGER, may_be_missing=True)
    if word == "number":
        return Column(name, "measure", "number", low=-1e12, high=1e12, may_be_missing=True)
    if word == "yes or no":
        return Column(name, "measure", "code", codes=("true", "false"), may_be_missing=True)
    return Column(name, "measure", "code", system="local", may_be_missing=True)


__all__ = ["FIRST", "LAST", "NUMBER", "PLAIN", "contracts_of", "suited"]
