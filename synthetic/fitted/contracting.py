"""The contracts of fitted tables: what their study's contract says of the columns that were drawn, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from privacy.columns import Column
from privacy.contract import Contract
from privacy.study import Study
from synthetic.fitted.constraints import checks_of
from synthetic.fitted.drawing import PEOPLE, ROW, Drawn
from synthetic.tables import NUMBER

PERSON = Column(
    NUMBER.name, "direct-identifier", "nhs-number", "pseudonym", description="a number that is not issued to anybody"
)
NOBODY = "nobody: no row is a person's"


def path_of(table: str) -> str:
    """Return where the contract of a fitted table lies in its data set."""
    return f"synthetic-{table}.toml"


def contracts_of(drawn: Drawn, contract: Contract, study: Study) -> dict[str, Contract]:
    """Return a contract for each table that is drawn, by which a node takes it and ``validate`` judges it.

    Every row holds it: no bad row is let through. The data sets have names of their own, so that a node never takes
    made-up rows for those of the contract that they were drawn by.
    """
    found = {}
    for table, schema in drawn.schemas().items():
        of_people = drawn.sequenced is not None and table == PEOPLE
        columns = tuple(_columns(drawn, contract, study, schema.names))
        found[table] = replace(
            _keyed(drawn, contract, columns, of_people=of_people),
            name=f"synthetic-{contract.name}{'-people' if of_people else ''}",
            title=f"Made-up{' people of' if of_people else ''}: {contract.title}",
            owner=NOBODY,
            legal_basis=f"drawn from the released result of study {study.hash}; README.txt says what for",
            source="hedgerow-synthetic fit; manifest.json says how",
            purpose="developing and testing an analysis before it is run on the real records",
            recipient="the organisation that runs this node",
            missing=("",),
            bad_rows_at_most=0.0,
            keep_versions=None,
            keep_days=None,
            freshness_days=None,
            people=None,
        )
    return found


def _keyed(drawn: Drawn, contract: Contract, columns: tuple[Column, ...], *, of_people: bool) -> Contract:
    """Return the contract with these columns, the checks that they satisfy, and what tells one row from another.

    Of a person's rows none has another's number; nor another's period, where the period rises from row to row.
    """
    fields = {column.name: column for column in columns}
    checks = tuple(checks_of(contract.checks, fields))
    if of_people or contract.table == "person":
        return replace(
            contract, table="person", key=(NUMBER.name,), columns=columns, checks=checks, period=None, may_repeat=False
        )
    rises = drawn.sequenced.rises if drawn.sequenced else contract.period
    period = fields.get(rises or "")
    if period is not None and period.may_be_missing:
        period = None
    apart = [] if drawn.sequenced is None else [ROW if period is None else period.name]
    return replace(
        contract,
        key=(NUMBER.name, *apart),
        columns=columns,
        checks=checks,
        period=period.name if period else None,
        may_repeat=False,
    )


def _columns(drawn: Drawn, contract: Contract, study: Study, names: Sequence[str]) -> Iterator[Column]:
    declared = {column.name: column for column in contract.stored}
    for name in names:
        if name == NUMBER.name:
            yield PERSON
        elif name in declared:
            # codes are written out, and days are typed
            plain = replace(declared[name], code_list="", code_list_sha256="", formats=())
            yield replace(plain, owner="", legal_basis="", freshness_days=None)
        elif name == ROW and drawn.sequenced is not None:
            most = float(max(drawn.sequenced.bands))
            yield Column(ROW, "measure", "integer", low=1.0, high=most, description="a person's rows, in their order")
        else:
            of = next(v for v in study.variables if v.column == name)
            yield Column(name, "measure", "number", low=of.low, high=of.high, may_be_missing=True,
                         description="worked out by the study")  # fmt: skip


__all__ = ["NOBODY", "PERSON", "contracts_of", "path_of"]
