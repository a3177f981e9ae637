"""``report``: how good a data set is, as one page and as JSON, written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privacy.canonical import Document
from privacy.terminal import say
from synthetic.command.options import AsJson

MOST_NAMED = 20  # figures that are off; the report has all


def report(
    *,
    data_set: Annotated[Path, typer.Argument(metavar="DATASET", help="The folder of a finished data set.")],
    result: Annotated[
        Path | None,
        typer.Option(metavar="RESULT.json", help="Of fitted data: what `result export` of their study wrote as JSON."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Report on a data set, every plot with its table.

    Simulated data are set beside the published figures, fitted data beside margins that nodes released.
    Writes report.html and report.json into the data set; without them it is not packed.

    \b
    Example: hedgerow-synthetic report people
    Example: hedgerow-synthetic report visits-made-up --result visits.json
    """
    from synthetic.report.making import JSON, PAGE, make_report

    found = make_report(data_set, result)
    told, off, compared = _released(found) if "margins" in found else _published(found)
    text = "\n".join([*told, *(f"  {name}" for name in off[:MOST_NAMED]), str(data_set / PAGE)])
    paths = {"page": str(data_set / PAGE), "json": str(data_set / JSON)}
    say({**paths, "figures": compared, "off": off}, text, as_json=as_json)


def _published(found: Document) -> tuple[list[str], list[str], int]:
    """Return what is told of simulated data, the figures that are off, and how many there are."""
    figures = [(each["title"], f) for each in found["comparisons"] for f in each["figures"]]
    beside = sum(f["published"] is not None for _, f in figures)
    off = [f"{title}: {f['name']}" for title, f in figures if f["off"]]
    return [f"{beside} figures beside published ones; further off than they may be: {len(off)}"], off, beside


def _released(found: Document) -> tuple[list[str], list[str], int]:
    """Return the same of fitted data: their margins beside those released."""
    off = [" x ".join(each["columns"]) for each in found["margins"] if each["off"]]
    told = [
        f"margins of {m['columns']}: mean total variation {m['data']:.3f}; perfect data {m['perfect']:.3f}, "
        f"unrelated columns {m['independent']:.3f}"
        for m in found["means"]
    ]
    count = len(found["margins"])
    return [*told, f"{count} margins; further off than noise and chance explain: {len(off)}"], off, count


__all__ = ["MOST_NAMED", "report"]
