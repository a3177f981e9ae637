"""The data dictionary of tables that have contracts: one line a column, and what each code means."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields

from privacy.code_lists import read_code_list
from privacy.code_systems import CODE_SYSTEMS
from privacy.columns import BOUNDED, Column, iso_of
from privacy.contract import Contract
from privacy.page import Html, bullets, page, paragraphs, section, table

LOCAL = "local"  # codes of the data's own, of which no system says anything
WRITTEN_OUT = 12  # codes named in a column's own line; those of longer lists are in the second table
TYPES = {
    "nhs-number": "text, ten digits",
    "linked-id": "text",
    "text": "text",
    "integer": "whole number",
    "number": "number",
    "code": "code",
    "date": "date, YYYY-MM-DD",
    "postcode": "text, a postcode",
}

Meanings = Mapping[tuple[str, str], Mapping[str, str]]  # a table and its column, its codes, what each means


@dataclass(frozen=True)
class Line:
    """What is to be known of one column; texts for people, empty where there is nothing to say."""

    table: str
    column: str
    type: str
    may_be_missing: str
    unit: str
    values: str
    description: str


@dataclass(frozen=True)
class Code:
    """A code that may stand in a column, and what it means."""

    table: str
    column: str
    code: str
    meaning: str


def lines(contracts: Mapping[str, Contract], meanings: Meanings) -> tuple[Line, ...]:
    """Return a line for each column of each table, in the tables' own order."""
    return tuple(
        _line(name, column, len(meanings.get((name, column.name), ())))
        for name, contract in contracts.items()
        for column in contract.columns
    )


def codes(contracts: Mapping[str, Contract], meanings: Meanings) -> tuple[Code, ...]:
    """Return every code of every column with its meaning: from ``meanings``, or the code list of its contract."""
    return tuple(
        Code(name, column.name, code, meaning)
        for name, contract in contracts.items()
        for column in contract.columns
        for code, meaning in _meanings(column, meanings.get((name, column.name), {})).items()
    )


def as_csv(rows: Iterable[Line | Code]) -> bytes:
    """Return lines or codes as CSV with a header; lines end in one sign, so that bytes are the same everywhere."""
    listed = list(rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if listed:
        writer.writerow([field.name for field in fields(listed[0])])
    writer.writerows(astuple(row) for row in listed)
    return text.getvalue().encode()


def as_html(title: str, contracts: Mapping[str, Contract], meanings: Meanings, *, foot: str) -> bytes:
    """Return the dictionary as one page that stands alone: a table for each table, then what codes mean."""
    return page(
        title,
        *_tables(contracts, meanings),
        *_checks(contracts),
        *_code_tables(contracts, meanings),
        kind="Data dictionary",
        foot=foot,
    )


def _tables(contracts: Mapping[str, Contract], meanings: Meanings) -> Iterator[Html]:
    head = ["Column", "Type", "May be missing", "Unit", "Values", "What it is"]
    for name, contract in contracts.items():
        rows = [astuple(line)[1:] for line in lines({name: contract}, meanings)]
        key = f"One row is told from another by {' and '.join(contract.key)}."
        yield section(
            f"Table {name}", paragraphs(contract.title, key), table(f"Columns of {name}", head, rows, captioned=False)
        )


def _checks(contracts: Mapping[str, Contract]) -> Iterator[Html]:
    said = [f"{name}: {check.name.replace('-', ' ')}" for name, c in contracts.items() for check in c.checks]
    if said:
        yield section("What holds in every row", bullets(said))


def _code_tables(contracts: Mapping[str, Contract], meanings: Meanings) -> Iterator[Html]:
    seen = codes(contracts, meanings)
    for place in dict.fromkeys((each.table, each.column) for each in seen):
        rows = [(each.code, each.meaning) for each in seen if (each.table, each.column) == place]
        title = f"Codes of {place[0]}.{place[1]}"
        yield section(title, table(title, ["Code", "What it means"], rows, captioned=False))


def _line(name: str, column: Column, known: int) -> Line:
    missing = "yes" if column.may_be_missing else "no"
    return Line(name, column.name, TYPES[column.type], missing, column.unit, _values(column, known), column.description)


def _values(column: Column, known: int) -> str:
    if column.type in BOUNDED and column.low is not None and column.high is not None:
        low, high = (iso_of(v) if column.type == "date" else f"{v:,.10g}" for v in (column.low, column.high))
        return f"{low} to {high}"
    if len(column.codes) > WRITTEN_OUT:
        return f"one of {len(column.codes)} codes, see below"
    if column.codes:
        return ", ".join(column.codes)
    if known:
        return f"one of {known} codes, see below"
    return "" if column.system in ("", LOCAL) else CODE_SYSTEMS[column.system].title


def _meanings(column: Column, told: Mapping[str, str]) -> dict[str, str]:
    """Return a column's codes with what is known of each; codes that nobody explains are left out."""
    known = {**(dict(read_code_list(column.code_list).codes) if column.code_list else {}), **told}
    return {code: known[code] for code in column.codes or known if code in known}


__all__ = [
    "LOCAL",
    "TYPES",
    "WRITTEN_OUT",
    "Code",
    "Line",
    "Meanings",
    "as_csv",
    "as_html",
    "codes",
    "lines",
]
