"""``run``: have a study run, and watch it: ``run STUDY`` is short for ``run start STUDY``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from typer.core import TyperGroup

from coordinator.command.findings import Named, result_lines
from coordinator.command.shell import Json, Shell, say, tell
from coordinator.command.studies import run_line, status_lines
from privacy.canonical import Document
from privacy.errors import CATALOGUE, Refusal

if TYPE_CHECKING:
    from coordinator.client import Client

START = "start"
POLL_SECONDS = 0.5


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


@app.callback()
def _group() -> None:
    """Run a study with the nodes that approved it and are online.

    `run STUDY` is short for `run start STUDY`, and takes the same options.

    \b
    Examples:
      hedgerow-coordinator run next-year-admission --at-least 6
      hedgerow-coordinator run next-year-admission --no-watch
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
    as_json: Json = False,
) -> None:
    """Run a study with the nodes that approved it and are online; who is not there at the start takes no part.

    \b
    Examples:
      hedgerow-coordinator run next-year-admission --at-least 6
      hedgerow-coordinator run next-year-admission --no-watch
    """
    shell = Shell.of(context)
    client = shell.client()
    if at_least and not watch and not _enough(before := client.status(study), at_least):
        raise Refusal("study-not-ready", _waiting_line(before, at_least))
    if watch:
        _await_nodes(shell, client, study, at_least)
        client.run(study)
        _show_until_it_ends(shell, client, study, as_json=as_json)
    else:
        status = client.run(study)
        say(status_lines(status), status, as_json=as_json)


def _show_until_it_ends(shell: Shell, client: Client, study: str, *, as_json: bool) -> None:
    _await_end(shell, client, study)
    found = client.result(study)
    say(result_lines(found), found, as_json=as_json)


def _await_nodes(shell: Shell, client: Client, study: str, at_least: int | None) -> None:
    """Wait until enough nodes approved and are online, or the study runs already; a finished one is refused later."""
    say_once = _telling()
    while True:
        status = client.status(study)
        runs_already = status["run"] and status["run"]["state"] in {"queued", "running"}
        if status["model"] or runs_already or _enough(status, at_least):
            return
        _check_possible(status, at_least)
        say_once(_waiting_line(status, at_least))
        shell.sleep(POLL_SECONDS)


def _telling() -> Callable[[str], None]:
    """Return what tells a line unless it was the last one told."""
    told: list[str] = [""]

    def say_once(line: str) -> None:
        if line != told[0]:
            tell(line)
        told[0] = line

    return say_once


def _check_possible(status: Document, at_least: int | None) -> None:
    """Return while enough nodes may still say yes; a node that refused or withdrew does so for good."""
    still = [node for node in status["nodes"] if node["state"] in {"offered", "approved"}]
    if len(still) < max(status["quorum"], at_least or 1):
        said = ", ".join(f"{n['name']} {n['state']} {n['code']}".rstrip() for n in status["nodes"] if n not in still)
        raise Refusal("quorum-impossible", said or f"{len(status['nodes'])} are invited")


def _enough(status: Document, at_least: int | None) -> bool:
    return bool(status["ready"] and status["approved_and_online"] >= (at_least or 1))


def _waiting_line(status: Document, at_least: int | None) -> str:
    needed = max(status["quorum"], at_least or 1)
    missing = [f"{n['name']} ({_lacks(n)})" for n in status["nodes"] if n["state"] != "approved" or not n["online"]]
    return f"waiting: {status['approved_and_online']} of {needed} nodes; not yet: {', '.join(missing)}"


def _lacks(node: dict[str, Any]) -> str:
    if node["state"] == "approved":
        return "offline"
    return f"{node['state']} {node['code']}".rstrip() + ("" if node["online"] else ", offline")


def _await_end(shell: Shell, client: Client, study: str) -> None:
    """Show how the run goes until it has ended; ``run-failed`` says why it did not finish."""
    say_once = _telling()
    while True:
        at = client.status(study)["run"]
        if at["state"] == "finished":
            return
        if at["state"] == "failed":
            entry = CATALOGUE.get(at["code"])
            raise Refusal("run-failed", f"{at['code']}: {entry.what if entry else ''} {at['detail']}".strip())
        say_once(run_line(at))
        shell.sleep(POLL_SECONDS)


__all__ = ["POLL_SECONDS", "START", "StudyGroup", "Watch", "app", "start"]
