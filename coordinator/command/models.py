"""``models list|show|publish|withdraw``: which models there are, and what nodes may do with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.shell import Json, Shell, Yes, confirm, say, table, tell
from privacy.canonical import Document
from privacy.errors import Refusal

if TYPE_CHECKING:
    from coordinator.registry import Entry, Registry

app = typer.Typer(no_args_is_help=True, help="Publish, withdraw and list models.")

Named = Annotated[
    str, typer.Argument(metavar="MODEL", help="Its study's name, or the first digits of its version or study.")
]


@app.command("list")
def list_models(context: typer.Context, *, as_json: Json = False) -> None:
    """List all models: made, published or withdrawn.

    \b
    Example:
      hedgerow-coordinator models list
    """
    entries = registry_of(Shell.of(context)).all()
    newer = {e.published.supersedes: e.version for e in entries if e.published and e.published.supersedes}
    rows = [(e.name, e.version[7:19], e.state, e.made_at, newer.get(e.version, "")[7:19]) for e in entries]
    documents = [_document(entry, newer.get(entry.version, "")) for entry in entries]
    say(table(["study", "version", "state", "made", "superseded by"], rows), {"models": documents}, as_json=as_json)


@app.command()
def show(context: typer.Context, model: Named, *, as_json: Json = False) -> None:
    """Show where one model stands: its version, its file, what was said of it and when.

    \b
    Example:
      hedgerow-coordinator models show next-year-admission
    """
    registry = registry_of(Shell.of(context))
    entry = registry.find(model)
    file = str(registry.path(entry.version))
    say([*_lines(entry), f"file {file}"], _document(entry) | {"file": file}, as_json=as_json)


@app.command()
def publish(
    context: typer.Context,
    *,
    model: Named,
    limits: Annotated[str, typer.Option(help="Limits of use that you state; they go into card and statement.")] = "",
    supersedes: Annotated[
        str, typer.Option(metavar="MODEL", help="The earlier model that this one takes the place of.")
    ] = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Show a model's card, ask, and publish: from now on the nodes that its study invited can fetch it.

    What it may be used for is what the nodes' people approved with the study; limits can be added, never taken away.

    \b
    Example:
      hedgerow-coordinator models publish next-year-admission --limits "Adults only."
    """
    shell = Shell.of(context)
    registry = registry_of(shell)
    entry = registry.find(model)
    tell(card_text(shell, registry, entry, limits=limits))
    confirm(f"Publish {entry.name} {entry.version[7:19]} to its nodes?", yes=yes)
    home = shell.home()
    entry = registry.say("published", entry, key=home.identity, at=shell.now(), reason=limits, supersedes=supersedes)
    say(
        [*_lines(entry), f"Next: at each node, `hedgerow-node models pull {entry.name}`."],
        _document(entry),
        as_json=as_json,
    )


@app.command()
def withdraw(
    context: typer.Context,
    *,
    model: Named,
    reason: Annotated[str, typer.Option(help="Why; nodes show it to whoever tries to use the model.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Withdraw a model for good: each node that hears of it refuses to use it, in whatever way it came there.

    \b
    Example:
      hedgerow-coordinator models withdraw next-year-admission --reason "ages were recorded wrongly at one site"
    """
    shell = Shell.of(context)
    registry = registry_of(shell)
    entry = registry.find(model)
    if not reason.strip():
        raise Refusal("purpose-absent", "--reason")
    confirm(f"Withdraw {entry.name} {entry.version[7:19]}, for good?", yes=yes)
    entry = registry.say("withdrawn", entry, key=shell.home().identity, at=shell.now(), reason=reason)
    say(_lines(entry), _document(entry), as_json=as_json)


def card_text(shell: Shell, registry: Registry, entry: Entry, *, limits: str) -> str:
    """Return the card as it will be, once the model is published with these limits."""
    from coordinator.papers import subject_of
    from models.card import card
    from models.pages import as_markdown
    from privacy.signing import PublicKey

    subject = subject_of(registry, entry, PublicKey.of(shell.home().identity))
    stated = f"\nLimits that you state: {limits}\n" if limits else ""
    return as_markdown(*card(subject)) + stated


def registry_of(shell: Shell) -> Registry:
    """Open the registry of the coordinator that the command is about; it need not be serving."""
    from coordinator import registry, studies
    from coordinator.home import MODELS

    home = shell.home()
    return registry.Registry(home.database(studies.SCHEMA, registry.SCHEMA), home.path / MODELS)


def _document(entry: Entry, newer: str = "") -> Document:
    return {
        "study": entry.name,
        "study_hash": entry.study,
        "version": entry.version,
        "state": entry.state,
        "made_at": entry.made_at,
        "published": entry.published.document() if entry.published else None,
        "withdrawn": entry.withdrawn.document() if entry.withdrawn else None,
        "superseded_by": newer,
    }


def _lines(entry: Entry) -> Iterator[str]:
    yield f"{entry.name}: {entry.state}"
    yield f"model {entry.version}, made {entry.made_at}"
    for statement in filter(None, [entry.published, entry.withdrawn]):
        why = f": {statement.reason}" if statement.reason else ""
        yield f"{statement.standing} {statement.at}{why}"
        if statement.supersedes:
            yield f"in the place of {statement.supersedes}"


__all__ = ["app", "card_text", "list_models", "publish", "registry_of", "show", "withdraw"]
