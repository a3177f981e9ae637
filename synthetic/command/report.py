"""``report``: how good a data set is, as one page and as JSON, written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privacy.terminal import say
from synthetic.command.options import AsJson


def report(
    *,
    data_set: Annotated[Path, typer.Argument(metavar="DATASET", help="The folder of a finished data set.")],
    as_json: AsJson = False,
) -> None:
    """Report on a data set: its figures beside the published ones, every plot with its table.

    Writes report.html and report.json into the data set; `pack` asks for them.

    \b
    Example: hedgerow-synthetic report people
    """
    from synthetic.report.making import JSON, PAGE, make_report

    found = make_report(data_set)
    off = [f"{each['title']}: {f['name']}" for each in found["comparisons"] for f in each["figures"] if f["off"]]
    beside = sum(f["published"] is not None for each in found["comparisons"] for f in each["figures"])
    text = "\n".join([f"{beside} figures beside published ones; further off than they may be: {len(off)}",
                      *(f"  {name}" for name in off), str(data_set / PAGE)])  # fmt: skip
    paths = {"page": str(data_set / PAGE), "json": str(data_set / JSON)}
    say({**paths, "figures": beside, "off": off}, text, as_json=as_json)


__all__ = ["report"]
