"""``node enrol`` and ``node list``: who may connect."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.shell import Json, Shell, say, table
from privacy.errors import Unreachable

if TYPE_CHECKING:
    from coordinator.register import EnrolledNode, Register

app = typer.Typer(no_args_is_help=True, help="Enrol nodes and list them.")


@app.command()
def enrol(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="The enrolment file that `hedgerow-node init` wrote.")],
    as_json: Json = False,
) -> None:
    """Enrol a node. Compare the fingerprint with its operator by another channel; a serving coordinator admits it.

    \b
    Example:
      hedgerow-coordinator node enrol leeds.enrolment
    """
    from privacy.enrolment import Enrolment

    shell = Shell.of(context)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error
    node = _register(shell).enrol(Enrolment.decode(content.strip()), at=shell.now())
    lines = [f"{node.name} is enrolled", f"key  {node.fingerprint}", "Next: compare the key with the node's operator."]
    say(lines, _document(node), as_json=as_json)


@app.command("list")
def list_nodes(context: typer.Context, *, as_json: Json = False) -> None:
    """List the enrolled nodes and their fingerprints, as studies invite them.

    \b
    Example:
      hedgerow-coordinator node list --json
    """
    nodes = _register(Shell.of(context)).nodes()
    rows = [(node.name, node.fingerprint, node.enrolled_at) for node in nodes]
    say(table(["node", "key", "enrolled"], rows), {"nodes": [_document(n) for n in nodes]}, as_json=as_json)


def _register(shell: Shell) -> Register:
    from coordinator.register import SCHEMA, Register

    return Register(shell.home().database(SCHEMA))


def _document(node: EnrolledNode) -> dict[str, str]:
    return {"name": node.name, "fingerprint": node.fingerprint, "enrolled_at": node.enrolled_at}


__all__ = ["app", "enrol", "list_nodes"]
