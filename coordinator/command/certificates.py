"""``certificate show``, ``certificate renew`` and ``kit``: what nodes trust, how long it lasts, where they dial."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.shell import Json, Shell, say, tell
from privacy.signing import PublicKey, read_aloud

if TYPE_CHECKING:
    from coordinator.identity.certificates import Certificates
    from privacy.enrolment import JoinKit

app = typer.Typer(no_args_is_help=True, help="The certificates that nodes check when they connect.")


def add_to(program: typer.Typer) -> None:
    """Add the commands to the program."""
    program.add_typer(app, name="certificate")
    program.command()(kit)


@app.command()
def show(context: typer.Context, *, as_json: Json = False) -> None:
    """Show the server's certificate and its authority's: for which hosts, and how long each lasts.

    \b
    Example:
      hedgerow-coordinator certificate show
    """
    from coordinator.identity.certificates import read_certificates

    shell = Shell.of(context)
    _say(shell, read_certificates(shell.home().keys, now=shell.now()), as_json=as_json)


@app.command()
def renew(
    context: typer.Context,
    *,
    host: Annotated[
        list[str] | None, typer.Option(help="A further name or address that nodes may dial (repeatable).")
    ] = None,
    authority: Annotated[
        bool, typer.Option("--authority", help="Renew the authority too; then give every node the new kit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Renew the server's certificate now; a serving coordinator does so by itself when a third of its life is left.

    It is good for the hosts of the one before, and for those that you add. A serving coordinator shows it to new
    connections within about a second; open ones go on. No node changes anything, unless --authority is given.

    \b
    Example:
      hedgerow-coordinator certificate renew --host hub.example.nhs.uk
    """
    from coordinator.identity.certificates import renew_authority, renew_server
    from coordinator.kits import refresh_kit

    shell = Shell.of(context)
    home = shell.home()
    if authority:
        renew_authority(home.keys, now=shell.now())
        refresh_kit(home)
        tell("Next: `hedgerow-coordinator kit --out FILE`, and `hedgerow-node join FILE` at every node.")
    _say(shell, renew_server(home.keys, hosts=host or (), now=shell.now()), as_json=as_json)


def kit(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write, mode 0600; nothing is ever replaced.")],
    host: Annotated[str | None, typer.Option(help="The name or address that these nodes dial.")] = None,
    as_json: Json = False,
) -> None:
    """Write the join kit again: for another address, or for a node that follows a move or a new authority.

    Carry it by a channel you trust: it holds the federation's split key.

    \b
    Example:
      hedgerow-coordinator kit --host hub.example.nhs.uk --out leeds.kit
    """
    from coordinator.kits import write_kit

    shell = Shell.of(context)
    made = write_kit(shell.home(), host=host, out=out, now=shell.now())
    document = {**about_kit(made), "join_kit": str(out)}
    lines = [
        *kit_lines(document),
        "Next: `hedgerow-node init --join` for a new node, `hedgerow-node join` for one that has an earlier kit.",
    ]
    say(lines, document, as_json=as_json)


def about_kit(kit: JoinKit) -> dict[str, str]:
    """Return what a kit says and is no secret."""
    fingerprint = PublicKey(kit.public_key).fingerprint
    return {"key": fingerprint, "read_aloud": read_aloud(fingerprint), "api": kit.api, "fleet": kit.fleet}


def kit_lines(about: Mapping[str, str]) -> list[str]:
    """Return it as lines for people, with where the kit is."""
    return [
        f"key      {about['key']}",
        f"         {about['read_aloud']}",
        f"api      {about['api']}",
        f"fleet    {about['fleet']}",
        f"join kit {about['join_kit']}",
    ]


def _say(shell: Shell, read: Certificates, *, as_json: bool) -> None:
    now = shell.now()
    server, authority = (c.not_valid_after_utc for c in (read.server, read.authority))
    due, near = read.server_due(now), read.authority_near(now)
    lines = [
        f"server     for {', '.join(read.hosts) or 'this machine only'}",
        f"           until {server:%Y-%m-%d}, {_days(server - now)}{'; renewal is due' if due else ''}",
        f"authority  until {authority:%Y-%m-%d}, {_days(authority - now)}",
    ]
    if near:
        lines.append("Next: `hedgerow-coordinator certificate renew --authority`, then a new kit for every node.")
    document = {
        "hosts": list(read.hosts),
        "server_begins": read.server.not_valid_before_utc.isoformat(),
        "server_ends": server.isoformat(),
        "server_due": due,
        "authority_ends": authority.isoformat(),
        "authority_near": near,
    }
    say(lines, document, as_json=as_json)


def _days(left: datetime.timedelta) -> str:
    return f"{left.days} days left" if left.days >= 0 else "ended"


__all__ = ["about_kit", "add_to", "app", "kit", "kit_lines", "renew", "show"]
