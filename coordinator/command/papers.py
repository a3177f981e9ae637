"""``models card|export|verify``: files made of a model, each signed, and whether a file is what it claims to be."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.models import Named, registry_of
from coordinator.command.shell import Json, Shell, say, table

if TYPE_CHECKING:
    from models.card import Subject
    from models.verification import Verified
    from privacy.sidecar import Sidecar

Out = Annotated[Path, typer.Option(metavar="FILE", help="Where to write; FILE.sig appears beside it.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command()(card)
    app.command()(export)
    app.command()(verify)


def card(
    context: typer.Context,
    *,
    model: Named,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it to FILE.md or FILE.html, signed.", show_default=False)
    ] = None,
    contract: Annotated[
        Path | None, typer.Option(help="The data contract, for what it says of the data.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a model's card, or write it as Markdown or one self-contained HTML page.

    \b
    Example:
      hedgerow-coordinator models card next-year-admission --contract contract.toml --out card.html
    """
    from coordinator.papers import write_card
    from models.card import card as card_of
    from models.pages import as_markdown

    shell = Shell.of(context)
    subject = _subject(shell, model, contract)
    if out is None:
        text = as_markdown(*card_of(subject))
        say([text.rstrip()], {"model": subject.version, "markdown": text}, as_json=as_json)
    else:
        _written(write_card(subject, out, key=shell.home().identity), out, as_json=as_json)


def export(context: typer.Context, *, model: Named, out: Out, as_json: Json = False) -> None:
    """Export a risk model as plain JSON or as ONNX, by the ending of FILE; the same model gives the same bytes.

    \b
    Example:
      hedgerow-coordinator models export next-year-admission --out admission.onnx
    """
    from coordinator.papers import write_export

    shell = Shell.of(context)
    _written(write_export(_subject(shell, model), out, key=shell.home().identity), out, as_json=as_json)


def verify(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="A model, or a card, export or page with its .sig beside it.")],
    as_json: Json = False,
) -> None:
    """Verify a file that this coordinator signed; in a model also each node's signature, by the register's keys.

    \b
    Example:
      hedgerow-coordinator models verify admission.onnx
    """
    from coordinator import register
    from models.verification import verify_file
    from privacy.signing import PublicKey

    shell = Shell.of(context)
    home = shell.home()
    kept = register.Register(home.database(register.SCHEMA))
    nodes = [node.public_key for node in (*kept.nodes(), *kept.revoked())]  # what a revoked node released was paid for
    found = verify_file(file, PublicKey.of(home.identity), shell.finder, nodes=nodes)
    states = {entry.version: entry.state for entry in registry_of(shell).all()}
    state = states.get(found.model, "not in this registry")
    lines = [found.line, f"state  {state}"]
    rows = [(o.name, o.fingerprint, o.releases) for o in found.organisations]
    lines += [sums_line(found)] if rows else []
    lines += table(["organisation", "key", "signed releases"], rows) if rows else []
    say(lines, asdict(found) | {"state": state}, as_json=as_json)


def _subject(shell: Shell, model: str, contract: Path | None = None) -> Subject:
    from coordinator.papers import subject_of
    from privacy.contract_file import read_contract
    from privacy.signing import PublicKey

    registry = registry_of(shell)
    read = read_contract(contract) if contract else None
    return subject_of(registry, registry.find(model), PublicKey.of(shell.home().identity), contract=read)


def sums_line(found: Verified) -> str:
    """Return how much of the plan's sums a model's receipts cover."""
    planned = "the plan is of other software" if found.planned is None else f"{found.planned} planned"
    return f"sums   {found.sums}; {planned}"


def _written(said: Sidecar, out: Path, *, as_json: bool) -> None:
    say([f"{out} is written, and {out}.sig beside it", said.sha256], asdict(said) | {"out": str(out)}, as_json=as_json)


__all__ = ["add_to", "card", "export", "sums_line", "verify"]
