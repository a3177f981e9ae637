"""``contract``: what a data set may hold, to begin with, to hold against the rules, and drafted from a sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from node.command.console import AsJson
from node.command.sources import Delimiter, Encoding, Format, PasswordFile, Query, Table
from privacy.terminal import progress, say, table, write_new

contract = typer.Typer(help="Data contracts: ready-made ones, drafts from a sample, and checks.", no_args_is_help=True)

Shipped = Annotated[str, typer.Argument(metavar="NAME", help="One of `hedgerow-node contract list`.")]
Out = Annotated[Path, typer.Option(help="Write to this new file.")]


@contract.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List the contracts that ship, one for each usual data set.

    Example: hedgerow-node contract list
    """
    from privacy.contracts.ready_made import ready_made

    rows = [(each.name, each.table, each.columns, each.title) for each in ready_made()]
    names = ("name", "table", "columns", "title")
    text = table(tuple(name.upper() for name in names), rows)
    say([dict(zip(names, row, strict=True)) for row in rows], text, as_json=as_json)


@contract.command("show")
def show(*, name: Shipped, as_json: AsJson = False) -> None:
    """Show a contract that ships, with what is to be filled in.

    Example: hedgerow-node contract show hes-apc
    """
    from privacy.contracts.ready_made import find

    found = find(name)
    data = {"name": found.name, "unfinished": list(found.unfinished()), "contract": found.document}
    say(data, found.text.rstrip(), as_json=as_json)


@contract.command("new")
def new(*, name: Shipped, out: Out, as_json: AsJson = False) -> None:
    """Copy a contract that ships to a file of your own, and say what you have to fill in.

    Example: hedgerow-node contract new hes-apc --out admitted-care.toml
    """
    from privacy.contracts.ready_made import find

    found = find(name)
    write_new(out, found.text.encode())
    _say_unfinished(out, list(found.unfinished()), as_json=as_json)


@contract.command("check")
def check(
    *, file: Annotated[Path, typer.Argument(help="The data contract, as TOML.")], as_json: AsJson = False
) -> None:
    """Check a contract, and say of each column what is stored of it; all faults at once, each with its line.

    Example: hedgerow-node contract check admitted-care.toml
    """
    from privacy.contract_file import read_contract

    agreed = read_contract(file)
    rows = [(c.name, c.kind, c.type, c.treatment or "keep", c.role or "") for c in agreed.columns]
    stored = f"{len(agreed.stored)} of {len(agreed.columns)} columns are stored under their names"
    head = f"{agreed.name}, version {agreed.version}, holds together: {stored}."
    text = "\n".join([head, agreed.hash, "", table(("COLUMN", "KIND", "TYPE", "TREATMENT", "ROLE"), rows)])
    say({"hash": agreed.hash, **agreed.document()}, text, as_json=as_json)


@contract.command("propose")
def propose(
    *,
    source: Annotated[str, typer.Argument(help="A file, a directory or postgresql://user@host/database.")],
    out: Out,
    format: Format = None,  # noqa: A002 - the option's name
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    table: Table = None,
    query: Query = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Draft a contract from a sample of an extract, for a person to finish: what each column seems to be, and why.

    Example: hedgerow-node contract propose admissions.csv --out admissions.toml
    """
    import secrets

    from node.contracts.proposing import propose as proposed
    from node.sources import open_source

    progress("Only the first rows are read; nothing of them is kept.")
    written = {"format": format, "delimiter": delimiter, "encoding": encoding}
    asked: dict[str, Any] = {**written, "table": table, "query": query, "password_file": password_file}
    with open_source(source, contract=None, key=secrets.token_bytes(), **asked) as opened:
        draft = proposed(opened)
    write_new(out, draft.text.encode())
    _say_unfinished(out, list(draft.unfinished), as_json=as_json)


def _say_unfinished(out: Path, unfinished: list[str], *, as_json: bool) -> None:
    lines = [f"{out} is written. Still to be filled in:", *(f"  - {place}" for place in unfinished)]
    text = "\n".join([*lines, f"Then: hedgerow-node contract check {out}"])
    say({"file": str(out), "unfinished": unfinished}, text, as_json=as_json)


__all__ = ["check", "contract", "list_all", "new", "propose", "show"]
