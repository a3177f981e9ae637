"""``ingest`` and ``optout``: how records come into the node, and who may be used."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command.console import AsJson, Home, opened
from node.command.sources import Delimiter, Encoding, Format, PasswordFile, PersonColumn, Query, Table
from privacy.terminal import progress, say

if TYPE_CHECKING:
    from node.ingest.report import LoadReport

optout = typer.Typer(help="The list of people who may be used; without a fresh one nothing runs.", no_args_is_help=True)


def ingest(
    *,
    contract: Annotated[Path, typer.Argument(help="The data contract, as TOML.")],
    source: Annotated[str, typer.Argument(help="A file, a directory or postgresql://user@host/database.")],
    home: Home,
    format: Format = None,  # noqa: A002 - the option's name
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    table: Table = None,
    query: Query = None,
    password_file: PasswordFile = None,
    person_column: PersonColumn = None,
    as_json: AsJson = False,
) -> None:
    """Load a source as the next version of its data set: every row judged first, then all of it or nothing.

    Example: hedgerow-node ingest admissions.toml admissions.csv
    """
    from node.ingest.load import ingest as load
    from node.optouts import current_optouts
    from privacy.contract_file import read_contract

    written = {"format": format, "delimiter": delimiter, "encoding": encoding}
    asked = {"table": table, "query": query, "password_file": password_file, "person_column": person_column}
    agreed, node = read_contract(contract), opened(home)
    policy, now = node.policy, node.now()
    report = load(
        contract=agreed,
        location=source,
        options={**written, **asked},
        tell=_told(time.monotonic),
        store=node.store,
        keystore=node.keystore,
        linked=node.linked(agreed),
        optouts=current_optouts(node.store, now=now, at_most_days=policy.optouts_at_most_days),
        now=now,
        allow_test_numbers=policy.allow_test_numbers,
        accepted=node.findings.accepted(agreed),
    )
    _say_loaded(report, as_json=as_json)


def _say_loaded(report: LoadReport, *, as_json: bool) -> None:
    progress("These counts are exact: they are for this node's people, and never leave.")
    counts = {name: getattr(report, name) for name in ("rows_read", "rows_kept", "rows_quarantined")}
    counts |= {name: getattr(report, name) for name in ("people_kept", "people_left_out")}
    version = f"{report.version.data_set}@{report.version.version}"
    text = "\n".join([f"{version}:", *(f"  {k.replace('_', ' ')}: {v}" for k, v in counts.items())])
    text += "".join(f"\n  quarantined: {finding}" for finding in report.findings)
    data = {"data_set": version, **counts, "findings": [asdict(finding) for finding in report.findings]}
    say(data, text, as_json=as_json)


def _told(clock: Callable[[], float], *, every: float = 5.0) -> Callable[[int], None]:
    """Tell a person how many rows are read, every few seconds."""
    last = clock()

    def tell(rows: int) -> None:
        nonlocal last
        if clock() - last >= every:
            last = clock()
            progress(f"{rows:,} rows read")

    return tell


@optout.command("load")
def load_list(
    *,
    file: Annotated[Path, typer.Argument(help="The cleaned list: one NHS number a line, without those who objected.")],
    home: Home,
    as_of: Annotated[datetime.datetime, typer.Option(formats=["%Y-%m-%d"], help="The day for which the list is true.")],
    type_1: Annotated[
        Path | None, typer.Option("--type-1", metavar="FILE", help="A second one, without Type 1 objections.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take over a cleaned list of people who may be used; it is applied at load and again at every request.

    Example: hedgerow-node optout load cleaned.txt --as-of 2026-11-20
    """
    from node.optouts import load_optouts

    node = opened(home)
    listed = load_optouts(
        file=file,
        type_1=type_1,
        type_1_needed=node.policy.type_1_optouts,
        as_of=as_of.date(),
        store=node.store,
        keystore=node.keystore,
        now=node.now(),
        allow_test_numbers=node.policy.allow_test_numbers,
    )
    most, days = node.policy.optouts_at_most_days, (node.now().date() - listed.as_of).days
    if days > most:
        progress(
            f"This list is {days} days old, at most {most} are allowed: until a newer one is here, nobody is used."
        )
    if type_1 is None:
        progress("No list without Type 1 objections was given (--type-1): they are not taken out here.")
    data = {"version": listed.version, "as_of": listed.as_of.isoformat(), "people": len(listed.allowed)}
    say(data, f"{len(listed.allowed)} people may be used, as of {listed.as_of}", as_json=as_json)


__all__ = ["ingest", "load_list", "optout"]
