"""``node checkpoint``: hand out what a node once signed of its log, for whoever audits that node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coordinator.command.shell import Json, Shell, say
from privacy.errors import Refusal, Unreachable


def checkpoint(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node, by its name.")],
    out: Annotated[Path, typer.Option(help="The file to write; nothing is ever replaced.")],
    as_json: Json = False,
) -> None:
    """Write the newest checkpoint that a node told, as it signed it, for `hedgerow-node audit verify --checkpoint`.

    \b
    Example:
      hedgerow-coordinator node checkpoint leeds --out leeds.checkpoint
    """
    from coordinator import checkpoints, register
    from privacy.atomic import put

    database = Shell.of(context).home().database(register.SCHEMA, checkpoints.SCHEMA)
    node = next((n for n in register.Register(database).nodes() if n.name == name), None)
    if node is None:
        raise Refusal("node-unknown", name)
    content = checkpoints.Checkpoints(database).newest(node.fingerprint)
    if content is None:
        raise Refusal("checkpoint-absent", name)
    try:
        put(out, content)
    except OSError as error:
        raise Unreachable("file-unwritable", str(out)) from error
    say([f"{name}'s newest checkpoint is in {out}"], {"node": node.fingerprint, "file": str(out)}, as_json=as_json)


__all__ = ["checkpoint"]
