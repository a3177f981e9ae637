"""``run``: have a study run, watch it, end it, let it go on: ``run STUDY`` is short for ``run start STUDY``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import click
import typer
from typer.core import TyperGroup

from coordinator.command.findings import Named, result_lines
from coordinator.command.histories import history_lines
from coordinator.command.shell import Json, Shell, say, tell
from coordinator.command.studies import run_line, status_lines
from privacy.canonical import Document
from privacy.errors import CATALOGUE, Refusal

if TYPE_CHECKING:
    from coordinator.client import Client

START = "start"
POLL_SECONDS = 0.5
NOT_YET = ("study-not-ready", "node-not-approved", "node-offline")  # what watching waits for


class StudyGroup(TyperGroup):
    """A group whose unknown first word is a study, for the command ``start``."""

    default = START

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command before what names no other."""
        if args and args[0] not in {*self.commands, *self.get_help_option_names(ctx)}:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=StudyGroup, no_args_is_help=True)
Watch = Annotated[bool, typer.Option(help="Wait for approvals and nodes, then show the run until it has ended.")]
Deadline = Annotated[
    float | None,
    typer.Option(
        help="How long each exchange of this run waits, in seconds [deadline_seconds of the settings].",
        show_default=False,
        min=0.1,
    ),
]


@app.callback()
def _group() -> None:
    """Run a study with the nodes that approved it and are online.

    `run STUDY` is short for `run start STUDY`, and takes the same options.

    \b
    Examples:
      hedgerow-coordinator run next-year-admission --at-least 6
      hedgerow-coordinator run show next-year-admission
    """


@app.command()
def start(
    context: typer.Context,
    *,
    study: Named,
    watch: Watch = True,
    at_least: Annotated[
        int | None, typer.Option(help="Begin only with this many nodes [the quorum].", show_default=False, min=1)
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option(help="Take just this node, by name or fingerprint; give it once for each.", show_default=False),
    ] = None,
    deadline: Deadline = None,
    as_json: Json = False,
) -> None:
    """Run a study with the nodes that approved it and are online; who is not there at the start takes no part.

    \b
    Examples:
      hedgerow-coordinator run next-year-admission --at-least 6
      hedgerow-coordinator run next-year-admission --node leeds --node york --node hull --deadline 300
      hedgerow-coordinator run start next-year-admission --no-watch
    """
    wish = (
        _wish(deadline)
        | ({"at_least": at_least} if at_least else {})
        | ({"nodes": [{"node": n} for n in node]} if node else {})
    )
    shell = Shell.of(context)
    client = shell.client()
    _begin(shell, client, study, lambda: client.run(study, wish), wish, watch=watch, as_json=as_json)


@app.command()
def resume(
    context: typer.Context, *, study: Named, watch: Watch = True, deadline: Deadline = None, as_json: Json = False
) -> None:
    """Let a run that was cancelled or failed go on: the same nodes, and nothing asked that was answered.

    \b
    Example:
      hedgerow-coordinator run resume next-year-admission
    """
    wish = _wish(deadline)
    shell = Shell.of(context)
    client = shell.client()
    _begin(shell, client, study, lambda: client.resume(study, wish), wish, watch=watch, as_json=as_json)


@app.command()
def cancel(context: typer.Context, study: Named, *, as_json: Json = False) -> None:
    """End a run within a second or so, whatever it waits for; what was answered is kept for `run resume`.

    \b
    Example:
      hedgerow-coordinator run cancel next-year-admission
    """
    status = Shell.of(context).client().cancel(study)
    lines = [
        f"The run of {status['study']} is {status['run']['state']}.",
        f"Next: `hedgerow-coordinator run resume {status['study']}` goes on; nothing that was answered is asked again.",
    ]
    say(lines, status, as_json=as_json)


@app.command()
def show(context: typer.Context, study: Named, *, as_json: Json = False) -> None:
    """Show whom a study's runs asked for what, since when, and what came of it: live, and kept after the end.

    \b
    Example:
      hedgerow-coordinator run show next-year-admission
    """
    history = Shell.of(context).client().history(study)
    say(history_lines(history), history, as_json=as_json)


def _wish(deadline: float | None) -> Document:
    return {"deadline_seconds": deadline} if deadline else {}


def _begin(
    shell: Shell,
    client: Client,
    study: str,
    ask: Callable[[], Document],
    wish: Document,
    *,
    watch: bool,
    as_json: bool,
) -> None:
    """Ask for the run, again and again while watching until the nodes are there; then watch it to its end."""
    if not watch:
        status = ask()
        return say(status_lines(status), status, as_json=as_json)
    _await_nodes(shell, client, study, ask, wish)
    _await_end(shell, client, study)
    found = client.result(study)
    return say(result_lines(found), found, as_json=as_json)


def _await_nodes(shell: Shell, client: Client, study: str, ask: Callable[[], Document], wish: Document) -> None:
    """Ask for the run until the coordinator finds that enough nodes approved and are online."""
    say_once = _telling()
    while True:
        try:
            ask()
        except Refusal as refused:
            if refused.code not in NOT_YET:
                raise
        else:
            return
        status = client.status(study)
        _check_possible(status, wish)
        say_once(_waiting_line(status, wish))
        shell.sleep(POLL_SECONDS)


def _telling() -> Callable[[str], None]:
    """Return what tells a line unless it was the last one told."""
    told = [""]

    def say_once(line: str) -> None:
        if line != told[0]:
            tell(line)
        told[0] = line

    return say_once


def _needed(status: Document, wish: Document) -> int:
    return int(max(status["quorum"], wish.get("at_least", 1), len(_named(wish))))


def _named(wish: Document) -> list[str]:
    return [named["node"] for named in wish.get("nodes", ())]


def _check_possible(status: Document, wish: Document) -> None:
    """Return while enough nodes may still say yes; a node that refused or withdrew does so for good."""
    still = [node for node in status["nodes"] if node["state"] in {"offered", "approved"}]
    if len(still) < _needed(status, wish):
        said = ", ".join(f"{n['name']} {n['state']} {n['code']}".rstrip() for n in status["nodes"] if n not in still)
        raise Refusal("quorum-impossible", said or f"{len(status['nodes'])} are invited")


def _waiting_line(status: Document, wish: Document) -> str:
    named = _named(wish)
    nodes = [n for n in status["nodes"] if not named or n["name"] in named or n["fingerprint"] in named]
    missing = [f"{n['name']} ({_lacks(n)})" for n in nodes if n["state"] != "approved" or not n["online"]]
    ready = len(nodes) - len(missing)
    return f"waiting: {ready} of {_needed(status, wish)} nodes; not yet: {', '.join(missing)}"


def _lacks(node: Document) -> str:
    if node["state"] == "approved":
        return "offline"
    return f"{node['state']} {node['code']}".rstrip() + ("" if node["online"] else ", offline")


def _await_end(shell: Shell, client: Client, study: str) -> None:
    """Show how the run goes until it has ended; ``run-failed`` says why it did not finish."""
    say_once = _telling()
    while (at := client.status(study)["run"])["state"] != "finished":
        if at["state"] == "cancelled":
            raise Refusal("run-cancelled", study)
        if at["state"] == "failed":
            entry = CATALOGUE.get(at["code"])
            raise Refusal("run-failed", f"{at['code']}: {entry.what if entry else ''} {at['detail']}".strip())
        say_once(run_line(at))
        shell.sleep(POLL_SECONDS)


__all__ = ["NOT_YET", "POLL_SECONDS", "START", "StudyGroup", "app", "cancel", "resume", "show", "start"]
