"""``run``: wait for the nodes, watch the sums come in, see what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.findings import Named, result_lines
from coordinator.command.shell import Json, Shell, say, tell
from coordinator.command.studies import run_line, status_lines
from privacy.canonical import Document
from privacy.errors import CATALOGUE, Refusal

if TYPE_CHECKING:
    from coordinator.client import Client

POLL_SECONDS = 0.5


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(run)


def run(
    context: typer.Context,
    *,
    study: Named,
    wait: Annotated[bool, typer.Option(help="Wait for approvals and nodes, then until the run has ended.")] = True,
    at_least: Annotated[
        int | None, typer.Option(help="Begin only with this many nodes [the quorum].", show_default=False, min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a study with the nodes that approved it and are online; who is not there at the start takes no part.

    \b
    Examples:
      hedgerow-coordinator run next-year-admission --at-least 6
      hedgerow-coordinator run next-year-admission --no-wait
    """
    shell = Shell.of(context)
    client = shell.client()
    if at_least and not wait and not _enough(before := client.status(study), at_least):
        raise Refusal("study-not-ready", _waiting_line(before, at_least))
    if not wait:
        status = client.run(study)
        return say(status_lines(status), status, as_json=as_json)
    _await_nodes(shell, client, study, at_least)
    client.run(study)
    _await_end(shell, client, study)
    found = client.result(study)
    return say(result_lines(found), found, as_json=as_json)


def _await_nodes(shell: Shell, client: Client, study: str, at_least: int | None) -> None:
    """Wait until enough nodes approved and are online, or the study runs already; a finished one is refused later."""
    told = ""
    while True:
        status = client.status(study)
        runs_already = status["run"] and status["run"]["state"] in {"queued", "running"}
        if status["model"] or runs_already or _enough(status, at_least):
            return
        _check_possible(status, at_least)
        line = _waiting_line(status, at_least)
        if line != told:
            tell(line)
        told = line
        shell.sleep(POLL_SECONDS)


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


def _lacks(node: Document) -> str:
    if node["state"] == "approved":
        return "offline"
    return f"{node['state']} {node['code']}".rstrip() + ("" if node["online"] else ", offline")


def _await_end(shell: Shell, client: Client, study: str) -> None:
    """Show how the run goes until it has ended; ``run-failed`` says why it did not finish."""
    told = ""
    while True:
        at = client.status(study)["run"]
        if at["state"] == "finished":
            return
        if at["state"] == "failed":
            entry = CATALOGUE.get(at["code"])
            raise Refusal("run-failed", f"{at['code']}: {entry.what if entry else ''} {at['detail']}".strip())
        line = run_line(at)
        if line != told:
            tell(line)
        told = line
        shell.sleep(POLL_SECONDS)


__all__ = ["POLL_SECONDS", "add_to", "run"]
