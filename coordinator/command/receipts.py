"""``node receipts``: what a node signed and was paid for, for the node that takes its ledger over."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer

from coordinator.command.shell import Json, Shell, say
from privacy.errors import Refusal, Unreachable


def receipts(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node by its name or its fingerprint.")],
    out: Annotated[Path, typer.Option(help="The file to write; nothing is ever replaced.")],
    as_json: Json = False,
) -> None:
    """Write every release that a node signed, one a line, for `hedgerow-node ledger merge --receipts` elsewhere.

    \b
    Example:
      hedgerow-coordinator node receipts leeds --out leeds.receipts
    """
    from coordinator import journal, register
    from privacy.atomic import put

    database = Shell.of(context).home().database(register.SCHEMA, journal.SCHEMA)
    nodes = register.Register(database)
    found = [n for n in (*nodes.nodes(), *nodes.revoked()) if name in (n.name, n.fingerprint)]
    if not found:
        raise Refusal("node-unknown", name)
    # a name may have been given again after a revocation: then each is named by its fingerprint
    if len({node.fingerprint for node in found}) > 1:
        raise Refusal("node-unknown", f"{name} is several", faults=[node.fingerprint for node in found])
    signed = journal.Journal(database).signed_by(found[0].fingerprint)
    try:
        put(out, b"".join(base64.b64encode(content) + b"\n" for content in signed))
    except OSError as error:
        raise Unreachable("file-unwritable", str(out)) from error
    data = {"node": found[0].fingerprint, "receipts": len(signed), "file": str(out)}
    say([f"{len(signed)} releases of {found[0].name} are in {out}"], data, as_json=as_json)


__all__ = ["receipts"]
