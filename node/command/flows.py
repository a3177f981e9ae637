"""``flows``: the register of what comes in and what leaves, to look at and to publish as the data-use register."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command.console import AsJson, Home, opened
from privacy.terminal import say, table, write_new

if TYPE_CHECKING:
    from node.assemble import Node
    from privacy.flows import Flow

flows = typer.Typer(help="The register of flows: what comes in, what is linked, what leaves.", no_args_is_help=True)
Form = StrEnum("Form", ["html", "json", "markdown"])


@flows.command("list")
def list_all(*, home: Home, as_json: AsJson = False) -> None:
    """List all flows: from whom to whom, for what, on what legal basis.

    Example: hedgerow-node flows list
    """
    found = _flows(opened(home))
    names = ("direction", "name", "source", "recipient", "purpose", "legal_basis")
    rows = [tuple(getattr(flow, name) for name in names) for flow in found]
    head = tuple(name.upper().replace("_", " ") for name in names)
    text = table(head, rows) if rows else "nothing comes in and nothing leaves yet"
    say([flow.document() for flow in found], text, as_json=as_json)


@flows.command("show")
def show(
    *,
    name: Annotated[str, typer.Argument(help="A data set, a linkage agreement or a study.")],
    home: Home,
    as_json: AsJson = False,
) -> None:
    """Show one flow with each of its fields and what is done with it.

    Example: hedgerow-node flows show admitted-care
    """
    from privacy.flows import named
    from privacy.flows_page import flow_lines

    found = named(_flows(opened(home)), name)
    text = "\n".join(line for flow in found for line in flow_lines(flow))
    say([flow.document() for flow in found], text.rstrip(), as_json=as_json)


@flows.command("export")
def export(
    *,
    home: Home,
    form: Annotated[Form, typer.Option("--format", help="How to write it.")] = Form.markdown,
    organisation: Annotated[
        str, typer.Option(help="Whose register it is.", show_default="the contracts' recipients")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write to this new file.", show_default="stdout")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the data-use register from the audit log, verified first, to publish.

    Example: hedgerow-node flows export --format html --out data-use-register.html
    """
    from privacy.canonical import legible
    from privacy.flows_page import flows_markdown, flows_page

    node = opened(home)
    node.verify()
    found, as_of = _flows(node), _as_of(node)
    whose = organisation or _recipients(found)
    if form is Form.json or (as_json and out is None):
        documents = [flow.document() for flow in found]
        register = {"organisation": whose, "as_of": as_of, "flows": documents}
        content = legible(register)
    elif form is Form.html:
        content = flows_page(found, organisation=whose, as_of=as_of)
    else:
        content = flows_markdown(found, organisation=whose, as_of=as_of).encode()
    if out is None:
        typer.echo(content.decode().rstrip())
    else:
        write_new(out, content)
        say({"out": str(out)}, f"{out} is written.", as_json=as_json)


def _recipients(found: list[Flow]) -> str:
    return ", ".join(sorted({flow.recipient for flow in found if flow.direction == "in"})) or "This node"


def _as_of(node: Node) -> str:
    """Say of which log the register is, and who else signed how much of that."""
    from node.witness import Cosigned

    signed = node.audit.as_it_stands()
    others = ", ".join(f"{word.by} to leaf {word.size}" for word, _ in Cosigned(node.database, node.audit).all())
    text = f"The log of node {node.fingerprint} has {signed.size} leaves, its root is {signed.root}."
    return f"{text} Signed by others: {others}." if others else f"{text} Nobody else has signed it yet."


def _flows(node: Node) -> list[Flow]:
    from node.flows import flows as all_flows

    return all_flows(
        versions=node.store.all(),
        agreements=node.agreements.all(),
        governance=node.governance,
        finder=node.finder,
        events=node.audit.events(),
        delta=node.policy.lifetime_delta,
        coordinator=node.kit.name,
        type_1_optouts=node.policy.type_1_optouts,
    )


__all__ = ["Form", "export", "flows", "list_all", "show"]
