"""``generate``: make a population and the lives of its people."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from synthetic.command.made import show, told
from synthetic.command.options import FORMATS, AsJson, Processes
from synthetic.formats import DEFAULT as DEFAULT_FORMAT
from synthetic.presets import DEFAULT as DEFAULT_PRESET


def generate(
    *,
    preset: Annotated[str, typer.Argument(help="A recipe by name: `hedgerow-synthetic list`.")] = DEFAULT_PRESET,
    out: Annotated[Path | None, typer.Option(help="The new directory; else ./synthetic-PRESET.")] = None,
    people: Annotated[int | None, typer.Option(help="How many, other than the recipe says.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed makes other people; the same makes the same.")] = None,
    place: Annotated[str | None, typer.Option(help="`england` or a care system: `list --places`.")] = None,
    index_date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Where history ends and follow-up begins."),
    ] = None,
    history_years: Annotated[int | None, typer.Option(help="Years of history before it.")] = None,
    unseen: Annotated[float | None, typer.Option(help="Spread of risk that no record shows, as a log rate.")] = None,
    inequality: Annotated[
        str | None,
        typer.Option(
            metavar="GROUP:RECORDED:SERVED",
            help="Plant one, such as most-deprived:0.8:0.7. Groups: most-deprived, asian, black, minority-ethnic.",
        ),
    ] = None,
    intervention: Annotated[float | None, typer.Option(help="Offer the falls programme to this part.")] = None,
    format: Annotated[str | None, typer.Option(help=f"{FORMATS} Else {DEFAULT_FORMAT}.")] = None,  # noqa: A002 - its name
    sites: Annotated[int | None, typer.Option(help="A sandbox instead: for so many sites, what each loads.")] = None,
    mess: Annotated[float | None, typer.Option(help="Of a sandbox: the rows that each fault hits, 0 to 0.2.")] = None,
    hospital_records: Annotated[
        str | None, typer.Option(metavar="home|provider", help="Of a sandbox: where hospital records are.")
    ] = None,
    about: Annotated[str | None, typer.Option(help="Of a sandbox: only people whom this use case is about.")] = None,
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Make a population and the lives of its people, from published figures alone.

    The same recipe gives the same bytes. An interrupted run goes on when the same command is given again.

    \b
    Example: hedgerow-synthetic generate small --people 2000 --seed 7 --out people
    Example: hedgerow-synthetic generate small --sites 4 --mess 0.01 --out federation
    """
    # long because it has an option for each thing that a recipe says
    from synthetic.generating import generate as make
    from synthetic.generating import inequality_of, recipe_of
    from synthetic.sandbox.making import make as make_sandbox
    from synthetic.sandbox.making import sandbox_of

    changes = {
        "people": people,
        "seed": seed,
        "place": place,
        "index_date": index_date.date() if index_date else None,
        "history_years": history_years,
        "unseen": unseen,
        "inequality": inequality_of(inequality) if inequality else None,
        "intervention": intervention,
    }
    where = out or Path(f"synthetic-{preset}")
    recipe = recipe_of(preset, changes)
    options = {"mess": mess, "hospital_records": hospital_records, "about": about}
    sandbox = sandbox_of(recipe, sites, options, without={"format": format})
    tell = told(time.monotonic)
    if sandbox:
        manifest = make_sandbox(sandbox, where, processes=processes, tell=tell)
    else:
        manifest = make(recipe, where, format=format or DEFAULT_FORMAT, processes=processes, tell=tell)
    show(where, manifest, as_json=as_json)


__all__ = ["generate"]
