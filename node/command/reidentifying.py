"""``reidentify``: find patients again behind pseudonyms, when one asks, two others approve, and in time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.command.console import AsJson, AsPerson, Home, KeyFile, PassphraseFiles, key_of, opened
from privacy.terminal import progress, say, table

reidentify = typer.Typer(help="Find patients again: asked for, approved by two, once.", no_args_is_help=True)

ListFile = Annotated[
    Path, typer.Option("--list", metavar="FILE", help="Pseudonyms, one a line, or as `score` writes them; at most 100.")
]
RequestName = Annotated[str, typer.Argument(metavar="REQUEST", help="The first digits of the request; see `list`.")]


@reidentify.command("request")
def ask(
    *,
    home: Home,
    persons: ListFile,
    purpose: Annotated[str, typer.Option(help="direct-care (clinicians only), patient-safety or record-correction.")],
    reason: Annotated[str, typer.Option(help="Why, for the log; never a name or a number.")],
    person: AsPerson,
    key: KeyFile,
    hours: Annotated[float, typer.Option(help="How long it may be approved and run; at most 168.")] = 24.0,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Ask to find the people on a list again. Two others must approve before it expires.

    Example: hedgerow-node reidentify request --list visit-today.csv --purpose direct-care
    --reason "falls clinic, weekly list" --as cara --key /media/cara/cara.key
    """
    from node.reidentify import ask as ask_for
    from node.reidentify import read_list

    node = opened(home)
    request = ask_for(
        node,
        person=person,
        key=key_of(person, key, passphrase_file, node),
        purpose=purpose,
        reason=reason,
        pseudonyms=read_list(persons),
        hours=hours,
    )
    progress(f"Two others approve it: hedgerow-node reidentify approve {_short(request.hash)} --as NAME --key FILE")
    data = {"request": request.hash, "people": request.people, "expires": request.expires}
    say(data, f"{_short(request.hash)}: {request.people} people, until {request.expires}", as_json=as_json)


@reidentify.command("approve")
def approve(
    *,
    name: RequestName,
    home: Home,
    person: AsPerson,
    key: KeyFile,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Agree to a request that is not your own; `list` says what it is.

    Example: hedgerow-node reidentify approve 3f09 --as ben --key /media/ben/ben.key
    """
    from node.reidentify import approve as agree

    node = opened(home)
    record = agree(node, name, person=person, key=key_of(person, key, passphrase_file, node))
    state = record.state(node.now())
    say({"request": record.request.hash, "state": state}, f"{_short(record.request.hash)}: {state}", as_json=as_json)


@reidentify.command("run")
def run(
    *,
    name: RequestName,
    home: Home,
    persons: ListFile,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write them, outside the node's directory.")],
    person: AsPerson,
    key: KeyFile,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Write the NHS numbers of an approved list to a file that only this account can read; once.

    Example: hedgerow-node reidentify run 3f09 --list visit-today.csv --out numbers.csv
    --as cara --key /media/cara/cara.key
    """
    from node.reidentify import read_list
    from node.reidentify import run as find

    node = opened(home)
    signing_key = key_of(person, key, passphrase_file, node)
    found = find(node, name, person=person, key=signing_key, pseudonyms=read_list(persons), out=out)
    progress("These are patients: destroy the file when it is of no more use.")
    data = {"people": found.people, "people_left_out": found.people_left_out, "out": str(out)}
    say(
        data,
        f"{found.people} people: {out}; left out, not on the list of who may be used: {found.people_left_out}",
        as_json=as_json,
    )


@reidentify.command("list")
def list_requests(*, home: Home, as_json: AsJson = False) -> None:
    """List every request: who asked, for how many, why, who approved, and where it stands; no pseudonym.

    Example: hedgerow-node reidentify list
    """
    node = opened(home)
    rows: list[dict[str, str | int]] = [
        {
            "request": record.request.hash,
            "asked_by": record.request.asked_by,
            "people": record.request.people,
            "purpose": record.request.purpose,
            "reason": record.request.reason,
            "approved_by": ", ".join(signed.person for signed in record.signed("approve")),
            "state": record.state(node.now()),
            "expires": record.request.expires,
        }
        for record in node.requests.all()
    ]
    lines = [[_short(str(row["request"])), *list(row.values())[1:]] for row in rows]
    head = ("REQUEST", "ASKED BY", "PEOPLE", "PURPOSE", "REASON", "APPROVED BY", "STATE", "EXPIRES")
    say(rows, table(head, lines), as_json=as_json)


def _short(request: str) -> str:
    return request.removeprefix("sha256:")[:12]


__all__ = ["approve", "ask", "list_requests", "reidentify", "run"]
