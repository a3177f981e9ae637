"""``discover`` and ``finding``: what a source may hold that nobody declared, and who answers for it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from node.command.console import AsJson, AsPerson, Home, KeyFile, PassphraseFiles, key_of, opened
from node.command.sources import Delimiter, Encoding, Format, PasswordFile, PersonColumn, Query, Table
from privacy.terminal import progress, say
from privacy.terminal import table as as_table

finding = typer.Typer(help="Findings of identifiers that somebody here answers for.", no_args_is_help=True)

DataSet = Annotated[str, typer.Argument(metavar="DATA_SET", help="The contract's name.")]
ColumnName = Annotated[str, typer.Argument(metavar="COLUMN", help="The column, as the load named it.")]
KindName = Annotated[str, typer.Argument(metavar="KIND", help="What it seems to hold, as the load named it.")]
Version = Annotated[int, typer.Option("--contract-version", min=1, help="The contract's; the next is asked anew.")]


@finding.command("accept")
def accept(
    *,
    data_set: DataSet,
    column: ColumnName,
    kind: KindName,
    home: Home,
    contract_version: Version,
    person: AsPerson,
    key: KeyFile,
    reason: Annotated[str, typer.Option(help="Why it may be stored, for the log; never a name or a number.")],
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Answer for a finding, so that loads may store the column as it is: an IG lead or Caldicott Guardian signs.

    Example: hedgerow-node finding accept admissions ward name --contract-version 2 --as ada --key /media/ada/ada.key
    --reason "wards are named after people, DPIA section 4"
    """
    from node.findings import Finding

    node = opened(home)
    found = Finding(data_set, contract_version, column, kind)
    signing_key = key_of(person, key, passphrase_file, node)
    accepted = node.findings.accept(found, person=person, key=signing_key, reason=reason)
    say(asdict(accepted), f"accepted by {person}: {found}", as_json=as_json)


@finding.command("withdraw")
def withdraw(
    *,
    data_set: DataSet,
    column: ColumnName,
    kind: KindName,
    home: Home,
    contract_version: Version,
    person: AsPerson,
    key: KeyFile,
    reason: Annotated[str, typer.Option(help="Why no longer, for the log; never a name or a number.")],
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Take an accepted finding back: it stops the next load again. What is stored stays, until somebody erases it.

    Example: hedgerow-node finding withdraw admissions ward name --contract-version 2 --as ben
    --key /media/ben/ben.key --reason "consultants are in it too"
    """
    from node.findings import Finding

    node = opened(home)
    found = Finding(data_set, contract_version, column, kind)
    signing_key = key_of(person, key, passphrase_file, node)
    node.findings.withdraw(found, person=person, key=signing_key, reason=reason)
    progress(f"What is stored already stays: `hedgerow-node data erase {data_set}` takes two people.")
    say(asdict(found), f"withdrawn by {person}: {found}", as_json=as_json)


@finding.command("list")
def list_findings(*, home: Home, as_json: AsJson = False) -> None:
    """List the findings that are accepted here, by whom and why.

    Example: hedgerow-node finding list
    """
    accepted = opened(home).findings.all()
    rows = [(a.data_set, a.contract_version, a.column_name, a.kind, a.person, a.at, a.reason) for a in accepted]
    head = ("DATA SET", "CONTRACT", "COLUMN", "KIND", "BY", "SINCE", "WHY")
    say([asdict(a) for a in accepted], as_table(head, rows) if rows else "none is accepted", as_json=as_json)


def discover(
    *,
    source: Annotated[str, typer.Argument(help="A file, a directory or postgresql://user@host/database.")],
    rows: Annotated[int, typer.Option(min=1, help="How many rows to look at.")] = 100_000,
    format: Format = None,  # noqa: A002 - the option's name
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    table: Table = None,
    query: Query = None,
    password_file: PasswordFile = None,
    person_column: PersonColumn = None,
    as_json: AsJson = False,
) -> None:
    """Say which columns of a source seem to hold identifiers, and why, before anybody writes a contract.

    Example: hedgerow-node discover admissions.csv
    """
    from secrets import token_bytes

    from node.discovering import discover as look
    from node.sources.opening import open_source

    with open_source(
        source,
        contract=None,
        key=token_bytes(32),
        format=format,
        delimiter=delimiter,
        encoding=encoding,
        table=table,
        query=query,
        password_file=password_file,
        person_column=person_column,
    ) as extract:
        suspects = look(extract, rows=rows)
    lines = [(suspect.column, suspect.kind, suspect.reason) for suspect in suspects]
    text = as_table(("COLUMN", "LOOKS LIKE", "WHY"), lines) if lines else "no column looks like an identifier"
    say([asdict(suspect) for suspect in suspects], text, as_json=as_json)


__all__ = ["accept", "discover", "finding", "list_findings", "withdraw"]
