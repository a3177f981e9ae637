"""``result show``: what a finished study found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from coordinator.command.shell import Json, Shell, say, table
from privacy.canonical import Document

app = typer.Typer(no_args_is_help=True, help="See what finished studies found.")

Named = Annotated[str, typer.Argument(metavar="STUDY", help="Its name, or the first digits of its hash.")]


@app.command()
def show(context: typer.Context, study: Named, *, as_json: Json = False) -> None:
    """Show what a finished study found, what it cost and what it took.

    \b
    Example:
      hedgerow-coordinator result show next-year-admission --json
    """
    found = Shell.of(context).client().result(study)
    say(result_lines(found), found, as_json=as_json)


def result_lines(found: Document) -> Iterator[str]:
    """Yield what a study found, for people."""
    yield f"{found['study']}: {found['title']}"
    yield f"model {found['version']}, made {found['made_at']}"
    for step in found["steps"]:
        yield ""
        yield f"{step['step']} ({step['kind']})"
        facts = step["facts"]
        plain = [(name, value) for name, value in facts.items() if not isinstance(value, list | dict)]
        yield from table(["figure", "value"], plain) if plain else ()
        for name, named in facts.items():
            yield from table([name, "value"], named.items()) if isinstance(named, dict) else ()
        columns = {n: v for n, v in facts.items() if isinstance(v, list) and v and not isinstance(v[0], str)}
        yield from _columns(columns)
    yield ""
    spent = f"{found['epsilon_spent']:.4f} of {found['epsilon']:g} at delta {found['delta']:g}"
    yield f"epsilon {spent}; {found['receipts']} receipts from {len(found['nodes'])} nodes"
    if found["exchanges"]:
        median = f"{found['seconds_per_exchange']:.2f} s an exchange (median)"
        yield f"{found['exchanges']} exchanges, {median}, {found['seconds_total']:.1f} s in all"


def _columns(columns: dict[str, list[object]]) -> Iterator[str]:
    """Yield lists of one length side by side."""
    for length in dict.fromkeys(map(len, columns.values())):
        alike = {name: values for name, values in columns.items() if len(values) == length}
        yield from table(list(alike), zip(*alike.values(), strict=True))


__all__ = ["Named", "app", "result_lines", "show"]
