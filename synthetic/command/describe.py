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
    from synthetic.provenance import Fitted

    provenance = found["provenance"]
    yield f"{data_set}: {provenance['says']}"
    for title, statements in (("You may", provenance["use"]["may"]), ("You may not", provenance["use"]["may_not"])):
        yield f"{title}:"
        yield from (f"  {statement}" for statement in statements)
    yield from (f"Know that: {note}" for note in found["notes"])
    yield f"Made by: {found['command']}"
    if provenance["kind"] == Fitted.kind:
        yield (
            f"Paid for: epsilon {provenance['epsilon']:.4g} at delta {provenance['delta']:g} by a person-record, "
            f"{provenance['epsilon_at_most']:.4g} at most; {len(provenance['receipts'])} receipts of nodes"
        )
        yield f"Study: {provenance['study']}, its figures signed by {provenance['coordinator']}"
    titles = {"people": "People", "events": _years(found), "truth": "Truth, in the year from the index date"}
    for title, rows in (("Tables", _tables(found)), *((title, found.get(name, [])) for name, title in titles.items())):
        if rows:
            yield f"\n{title}"
            head = tuple(name.replace("_", " ").upper() for name in rows[0])
            yield table(head, [[_cell(name, value) for name, value in row.items()] for row in rows])


def _years(found: Document) -> str:
    """Say which years events are of: a head of them all means little where nobody says how many years."""
    years, day = (found["recipe"].get(name) for name in ("history_years", "index_date"))
    if not years or not day:
        return "Events"
    return f"Events of {years} years before {day} and one from it on; diagnoses from the day they began"


FORMS = {"a_head": ",.2f", "expected": ",.1f", "attainable_auc": ".3f"}


def _tables(found: Document) -> list[Document]:
    return [{"table": n, "rows": t["rows"], "columns": ", ".join(t["columns"])} for n, t in found["tables"].items()]


def _cell(name: str, value: object) -> str:
    if isinstance(value, int | float):
        return format(value, FORMS.get(name, ","))
    return "-" if value is None else str(value)


__all__ = ["FORMS", "describe"]
