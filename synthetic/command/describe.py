"""``describe``: what is in a data set, and what it may be used for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privacy.terminal import say, table
from synthetic.command.options import AsJson

if TYPE_CHECKING:
    from privacy.canonical import Document


def describe(
    *,
    data_set: Annotated[Path, typer.Argument(metavar="DATASET", help="The folder of a finished data set.")],
    as_json: AsJson = False,
) -> None:
    """Say where a data set comes from, what it may be used for, and what is in it: every file is checked first.

    Example: hedgerow-synthetic describe people
    """
    from synthetic.report.describing import describe as figures_of

    found = figures_of(data_set)
    say(found, "\n".join(_lines(data_set, found)), as_json=as_json)


def _lines(data_set: Path, found: Document) -> Iterator[str]:
    provenance = found["provenance"]
    yield f"{data_set}: {provenance['says']}"
    for title, statements in (("You may", provenance["use"]["may"]), ("You may not", provenance["use"]["may_not"])):
        yield f"{title}:"
        yield from (f"  {statement}" for statement in statements)
    yield from (f"Know that: {note}" for note in found["notes"])
    yield f"Made by: {found['command']}"
    for title, rows in (("Tables", _tables(found)), *((name.capitalize(), found.get(name, [])) for name in FIGURES)):
        if rows:
            yield f"\n{title}"
            head = tuple(name.replace("_", " ").upper() for name in rows[0])
            yield table(head, [[_cell(value) for value in row.values()] for row in rows])


FIGURES = ("people", "events", "truth")


def _tables(found: Document) -> list[Document]:
    return [{"table": n, "rows": t["rows"], "columns": ", ".join(t["columns"])} for n, t in found["tables"].items()]


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


__all__ = ["FIGURES", "describe"]
