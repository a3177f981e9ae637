"""``report``: how good a data set is, as one page and as JSON, written into it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privacy.canonical import Document
from privacy.terminal import figure, say
from synthetic.command.options import AsJson

MOST_NAMED = 20  # figures that are off; the report has all


def report(
    *,
    data_set: Annotated[Path, typer.Argument(metavar="DATASET", help="The folder of a finished data set.")],
    result: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RESULT.json",
            help="Of fitted data: what `result export` wrote of their study, and of any that tried what they taught.",
        ),
    ] = None,
    outcome: Annotated[
        str, typer.Option(metavar="VARIABLE", help="Train a scorecard for this outcome, as a step for a study.")
    ] = "",
    event: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="The outcome is there where it has this key; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Report on a data set, every plot with its table.

    Simulated data are set beside the published figures, fitted data beside margins that nodes released.
    Writes report.html and report.json into the data set; without them it is not packed.

    \b
    Example: hedgerow-synthetic report people
    Example: hedgerow-synthetic report visits-made-up --result visits.json
    Example: hedgerow-synthetic report visits-made-up --result visits.json --outcome admissions --event "1 or over"
    Example: hedgerow-synthetic report visits-made-up --result visits.json --result tried.json
    """
    from synthetic.report.making import JSON, PAGE, make_report

    found = make_report(data_set, result or [], outcome=outcome, event=event or [])
    told, off, compared = _released(found) if "margins" in found else _published(found)
    text = "\n".join([*told, *(f"  {name}" for name in off[:MOST_NAMED]), str(data_set / PAGE)])
    paths = {"page": str(data_set / PAGE), "json": str(data_set / JSON)}
    say({**paths, "figures": compared, "off": off}, text, as_json=as_json)


def _published(found: Document) -> tuple[list[str], list[str], int]:
    """Return what is told of simulated data, the figures that are off, and how many there are."""
    from synthetic.report.beside_page import beside_what

    figures = [(each["title"], f) for each in found["comparisons"] for f in each["figures"]]
    published, assumed = beside_what(found)
    off = [f"{title}: {f['name']}" for title, f in figures if f["off"]]
    told = f"{published} figures beside published ones, {assumed} beside assumed ones; further off than they may be: "
    return [f"{told}{len(off)}"], off, published + assumed


def _released(found: Document) -> tuple[list[str], list[str], int]:
    """Return the same of fitted data: their margins beside those released."""
    off = [" x ".join(each["columns"]) for each in found["margins"] if each["off"]]
    told = [
        f"margins of {m['columns']}: mean total variation {m['data']:.3f}; perfect data {m['perfect']:.3f}, "
        f"unrelated columns {m['independent']:.3f}"
        for m in found["means"]
    ]
    count = len(found["margins"])
    if trained := found["trained"]:
        on_data = figure(trained["auc_on_data"])
        told.append(f"trained for {trained['predicted']}: AUC {on_data} on the data; discrimination.toml is the step")
    told += [
        f"{t['step']}: AUC {figure(t['auc_on_people'])} on people, {figure(t['auc_on_data'])} on the data; "
        f"standard deviation of noise {figure(t['noise_sd'])}, of chance {t['chance_sd']:.3f}"
        for t in found["tried"]
    ]
    off += [f"{t['step']}: {t['predicted']}" for t in found["tried"] if t["off"]]
    off += [f"{g['column']} {g['key']}: {what}" for g in found["groups"] for what in _off_in(g)]
    if past := [f"{g['column']} {g['key']}" for g in found["groups"] if not g["told"]]:
        told.append(f"groups too small to be told: {', '.join(past)}")
    return [*told, f"{count} margins; further off than noise and chance explain: {len(off)}"], off, count


def _off_in(group: Document) -> list[str]:
    """Return what is off of a group: its share, and columns within it."""
    within = [" x ".join(columns) for each in group["within"] for columns in each["off"]]
    return [*(["share"] if group["share_off"] else []), *within]


__all__ = ["MOST_NAMED", "report"]
