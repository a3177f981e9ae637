"""Reads a data contract from its file, or from plain data: every fault at once, each with its line."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from privacy.canonical import Document
from privacy.checks import read_checks
from privacy.code_lists import with_code_lists
from privacy.columns import BOUNDED, Column, ColumnKind, ColumnType, Role, Treatment, days_of
from privacy.contract import BAD_ROWS_AT_MOST, Contract, TableShape
from privacy.errors import Invalid
from privacy.fields import Fields
from privacy.toml_file import read_toml, toml_lines
from privacy.unfinished import unfinished


def read_contract(path: Path) -> Contract:
    """Return the contract in a TOML file; ``contract-malformed`` lists all faults, each with its line.

    Code lists that it names are those that ship, and those that lie beside it.
    """

    def read(document: Document) -> Contract:
        faults = [f"{place}: is still to be filled in" for place in unfinished(document)]
        return contract_of(with_code_lists(document, [path.parent], faults), faults)

    return read_toml(path, "contract-malformed", read)


def contract_of(document: Mapping[str, Any], known: Iterable[str] = ()) -> Contract:
    """Return the contract that plain data describes; all faults are listed, after those ``known`` already."""
    faults = list(known)
    columns = _column_tables(document, faults)
    head = _Table(document.get("contract"), "contract", faults)
    fields = _head(head)
    head.finish()
    fields["checks"] = read_checks(Fields(document, "", faults).tables("checks"))
    faults += [f"{name}: is not known" for name in sorted(set(document) - {"contract", "columns", "checks"})]
    try:
        contract = Contract(**fields, columns=tuple(_column(name, table) for name, table in columns.items()))
        found: tuple[str, ...] = ()
    except Invalid as error:
        contract, found = None, error.faults
    if contract is None or faults:
        raise Invalid("contract-malformed", str(fields["name"]), faults=_first_of_each([*faults, *found]))
    return contract


def as_toml(contract: Contract) -> str:
    """Return the text of a contract whose codes are written out; ``read_contract`` reads the same contract back."""
    document = contract.document()
    parts = [f"[contract]\n{toml_lines(document['contract'])}"]
    parts += [f"[columns.{name}]\n{toml_lines(column)}" for name, column in document["columns"].items()]
    parts += [f"[[checks]]\n{toml_lines(check)}" for check in document.get("checks", [])]
    return "\n".join(parts)


class _Table(Fields):
    """One table of a contract; what cannot be read becomes a fault and an empty value."""

    def bound(self, name: str, *, day: bool) -> float | None:
        if not day:
            value = self._take(name, None, (int, float))
            return None if value is None else float(value)
        return days_of(datetime.date.fromisoformat(self.date(name))) if name in self else None

    def count(self, name: str) -> int | None:
        return self.whole(name, least=1) if name in self else None

    def share(self, name: str, default: float) -> float:
        value = self._take(name, default, (int, float))
        return default if value is None else float(value)


def _column_tables(document: Mapping[str, Any], faults: list[str]) -> dict[str, _Table]:
    tables = document.get("columns")
    if not isinstance(tables, Mapping) or not tables:
        faults.append("columns: at least one [columns.NAME] is needed")
        return {}
    return {name: _Table(table, f"columns.{name}", faults) for name, table in tables.items()}


def _head(f: _Table) -> dict[str, Any]:
    table = f.text("table", choices=get_args(TableShape))
    return {
        "name": f.text("name"),
        "version": f.whole("version", least=1),
        "title": f.text("title"),
        "owner": f.text("owner"),
        "legal_basis": f.text("legal_basis"),
        "source": f.text("source"),
        "table": table,
        "key": f.texts("key"),
        "period": f.text("period") if "period" in f else None,
        "missing": f.texts("missing", ("",)),
        "bad_rows_at_most": f.share("bad_rows_at_most", BAD_ROWS_AT_MOST),
        "keep_versions": f.count("keep_versions"),
        "keep_days": f.count("keep_days"),
        "purpose": f.text("purpose", ""),
        "recipient": f.text("recipient", ""),
        "freshness_days": f.count("freshness_days"),
        "people": f.text("people") if "people" in f else None,
        "may_repeat": f.flag("may_repeat") if table == "event" else False,
    }


def _column(name: str, f: _Table) -> Column:
    """Read only the fields that go with the column's kind and type: ``finish`` notes the others."""
    kind, type_ = f.text("kind", choices=get_args(ColumnKind)), f.text("type", choices=get_args(ColumnType))
    treatment = f.text("treatment") if kind == "direct-identifier" else f.text("treatment", "") or None
    column = Column(
        name=name,
        kind=cast("ColumnKind", kind),
        type=cast("ColumnType", type_),
        treatment=cast("Treatment | None", treatment),
        low=f.bound("low", day=type_ == "date") if type_ in BOUNDED else None,
        high=f.bound("high", day=type_ == "date") if type_ in BOUNDED else None,
        codes=f.texts("codes") if type_ == "code" else (),
        may_be_missing=f.flag("may_be_missing"),
        unit=f.text("unit", ""),
        description=f.text("description", ""),
        role=cast("Role | None", f.text("role", "") or None),
        formats=f.texts("formats") if type_ == "date" else (),
        may_be_future=f.flag("may_be_future") if type_ == "date" else False,
        system=f.text("system", "") if type_ == "code" else "",
        code_list=f.text("code_list", "") if type_ == "code" else "",
        code_list_sha256=f.text("code_list_sha256", "") if type_ == "code" else "",
        band_width=f.bound("band_width", day=False) if treatment == "band" else None,
        freshness_days=f.count("freshness_days"),
        owner=f.text("owner", ""),
        legal_basis=f.text("legal_basis", ""),
        linkage=f.name("linkage") if type_ == "linked-id" else "",
    )
    f.finish()
    return column


def _first_of_each(faults: list[str]) -> list[str]:
    """Keep the first fault of each place: what follows from it would only confuse."""
    return list({fault.split(": ", 1)[0]: fault for fault in reversed(faults)}.values())[::-1]


__all__ = ["as_toml", "contract_of", "read_contract"]
