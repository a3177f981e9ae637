"""``study new``: a study to begin with, from a template and, where there are any, a contract and enrolled nodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.shell import Json, Shell, say, table, write_new

if TYPE_CHECKING:
    from coordinator.drafts import Draft
    from privacy.study import Invited


def add_to(app: typer.Typer) -> None:
    """Add the command to ``study``."""
    app.command()(new)


def new(
    context: typer.Context,
    *,
    template: Annotated[str, typer.Option(help="Which template; --list says which there are.")] = "risk-model",
    contract: Annotated[
        Path | None, typer.Option(help="The data contract, to offer its columns as variables.", show_default=False)
    ] = None,
    outcome: Annotated[
        str, typer.Option(help="The contract's column that is to be predicted.", show_default=False)
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write to this new file [stdout].", show_default=False)] = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the templates, and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Write a study to edit: commented, with the fields marked TODO that only people can fill in.

    In the coordinator's home, the nodes that are enrolled are there as invited.

    \b
    Examples:
      hedgerow-coordinator study new --list
      hedgerow-coordinator study new --contract contract.toml --outcome admissions --out frailty.toml
    """
    from coordinator.drafts import draft, name_for, templates
    from privacy.contract_file import read_contract

    if show_list:
        there = templates()
        return say(table(["template", "what it is"], there.items()), {"templates": there}, as_json=as_json)
    shell = Shell.of(context)
    made = draft(
        template,
        name=name_for(out.stem) if out else "",
        today=shell.now().date(),
        contract=read_contract(contract) if contract else None,
        outcome=outcome,
        invited=_enrolled(shell),
    )
    return _give(made, out, as_json=as_json)


def _give(made: Draft, out: Path | None, *, as_json: bool) -> None:
    document = {"file": str(out) if out else None, "unfinished": list(made.unfinished)}
    if out is None:
        return say([made.text], document | {"text": made.text}, as_json=as_json)
    write_new(out, made.text.encode())
    lines = [f"{out} is written. Still to be filled in:", *(f"  - {place}" for place in made.unfinished)]
    return say([*lines, f"Next: edit it, then `hedgerow-coordinator study check {out}`."], document, as_json=as_json)


def _enrolled(shell: Shell) -> list[Invited]:
    """Return the nodes of the coordinator on this machine, or nobody where there is none."""
    from coordinator.register import SCHEMA, Register
    from privacy.errors import Unreachable
    from privacy.study import Invited

    try:
        nodes = Register(shell.home().database(SCHEMA)).nodes()
    except Unreachable:  # a study can be drafted on any machine
        return []
    return [Invited(node.name, node.fingerprint) for node in nodes]


__all__ = ["add_to", "new"]
