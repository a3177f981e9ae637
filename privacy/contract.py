"""What a data set may hold: each column declared once, with kind, type and bounds, before any row is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from privacy.canonical import Document, hash_of
from privacy.checks import Check, check_documents, check_faults
from privacy.columns import Column, Role
from privacy.errors import Invalid

TableShape = Literal["person", "event"]

DATA_SET_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
BAD_ROWS_AT_MOST = 0.05


@dataclass(frozen=True)
class Contract:
    """A data contract that holds: making one that does not is ``contract-malformed``, with all its faults."""

    name: str
    version: int
    title: str
    owner: str
    legal_basis: str
    source: str
    table: TableShape
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    period: str | None = None
    missing: tuple[str, ...] = ("",)
    bad_rows_at_most: float = BAD_ROWS_AT_MOST
    keep_versions: int | None = None
    keep_days: int | None = None
    purpose: str = ""
    recipient: str = ""
    freshness_days: int | None = None
    people: str | None = None
    may_repeat: bool = False
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not hold together."""
        faults = [*_head_faults(self), *_reference_faults(self)]
        for column in self.columns:
            faults += [f"columns.{column.name}.{fault}" for fault in column.faults(self.missing)]
        faults += check_faults(self.checks, self.stored, self.people)
        if faults:
            raise Invalid("contract-malformed", self.name, faults=faults)

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the canonical document, defaults included."""
        return hash_of(self.document())

    @cached_property
    def person(self) -> str:
        """Return the name of the column that says whose row it is."""
        return next(c.name for c in self.columns if c.is_person)

    @property
    def linkage(self) -> str:
        """Return the linkage agreement by which its rows become people's; empty where they bear NHS numbers."""
        return self.column(self.person).linkage

    @property
    def stored(self) -> tuple[Column, ...]:
        """Return the columns that the store keeps under their own names: all but the person and what is dropped."""
        return tuple(c for c in self.columns if c.is_stored)

    def with_role(self, role: Role) -> tuple[Column, ...]:
        """Return the stored columns of one role; several columns may hold an event's codes."""
        return tuple(c for c in self.stored if c.role == role)

    def column(self, name: str) -> Column:
        """Return a column by name; ``variable-unknown`` when the contract declares none of it."""
        for column in self.columns:
            if column.name == name:
                return column
        raise Invalid("variable-unknown", name)

    def bounds(self, name: str) -> tuple[float, float]:
        """Return a number's public bounds in the column's unit; any other column is ``variable-unknown``."""
        column = self.column(name)
        if column.low is None or column.high is None:
            raise Invalid("variable-unknown", f"{name} is not a number")
        return column.low, column.high

    def document(self) -> Document:
        """Return the contract as plain data, every default of version 0.1 filled in; ``contract_of`` reads it back."""
        head: Document = {
            "name": self.name,
            "version": self.version,
            "title": self.title,
            "owner": self.owner,
            "legal_basis": self.legal_basis,
            "source": self.source,
            "table": self.table,
            "key": list(self.key),
            "missing": list(self.missing),
            "bad_rows_at_most": self.bad_rows_at_most,
        }
        head |= {name: value for name in _OPTIONAL if (value := getattr(self, name)) not in (None, "", False)}
        document = {"contract": head, "columns": {column.name: column.document() for column in self.columns}}
        return document | ({"checks": check_documents(self.checks)} if self.checks else {})


_OPTIONAL = ("period", "keep_versions", "keep_days", "purpose", "recipient", "freshness_days", "people", "may_repeat")


def _head_faults(contract: Contract) -> Iterator[str]:
    if not DATA_SET_NAME.fullmatch(contract.name):
        yield "contract.name: is small letters and digits, joined by hyphens"
    if contract.version < 1:
        yield "contract.version: is a whole number of at least 1"
    for name in ("title", "owner", "legal_basis", "source"):
        if not getattr(contract, name).strip():
            yield f"contract.{name}: is empty"
    if contract.table not in get_args(TableShape):
        yield "contract.table: is one of event, person"
    if not 0 <= contract.bad_rows_at_most <= 1:
        yield "contract.bad_rows_at_most: is a share from 0 to 1"


def _reference_faults(contract: Contract) -> Iterator[str]:
    by_name = {column.name: column for column in contract.columns}
    people = [c.name for c in contract.columns if c.is_person]
    if len(people) != 1:
        yield f'columns: exactly one nhs-number or linked-id has treatment = "pseudonym", here {len(people)}'
    if len(by_name) != len(contract.columns):
        yield "columns: a name is there twice"
    if unknown := [name for name in contract.key if name not in by_name]:
        yield f"contract.key: {', '.join(unknown)} is not a declared column"
    elif len(people) == 1 and people[0] not in contract.key:
        yield f"contract.key: must hold {people[0]}"
    elif contract.table == "person" and len(contract.key) != 1:
        yield "contract.key: of a person table is the person's column alone"
    elif loose := [name for name in contract.key if by_name[name].may_be_missing]:
        yield f"contract.key: {', '.join(loose)} may not be missing"
    if contract.people is not None and (contract.table == "person" or not DATA_SET_NAME.fullmatch(contract.people)):
        yield "contract.people: of an event table, is the name of the data set that holds its people"
    if contract.period is not None:
        yield from _period_faults(contract, by_name.get(contract.period))


def _period_faults(contract: Contract, period: Column | None) -> Iterator[str]:
    if contract.table == "person":
        yield "contract.period: only an event table has one"
    elif period is None or period.type != "integer" or period.may_be_missing or period not in contract.stored:
        yield "contract.period: is a declared integer column that is kept and may not be missing"


__all__ = ["BAD_ROWS_AT_MOST", "DATA_SET_NAME", "Column", "Contract", "TableShape"]
