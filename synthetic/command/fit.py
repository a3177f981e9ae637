"""``fit``: draw people from the noisy margins that a study released."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from synthetic.command.made import show, told
from synthetic.command.options import AsJson, Format, Processes
from synthetic.formats import DEFAULT as DEFAULT_FORMAT


def fit(
    *,
    result: Annotated[Path, typer.Argument(help="What `hedgerow-coordinator result export` wrote as JSON.")],
    contract: Annotated[Path, typer.Option(help="The contract of the data set that the study was of.")],
    coordinator: Annotated[str, typer.Option(help="The fingerprint of whose signature RESULT.json.sig must be.")],
    out: Annotated[Path | None, typer.Option(help="The new directory; else ./synthetic-STUDY.")] = None,
    people: Annotated[int, typer.Option(min=1, help="How many people to draw.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other people; the same draws the same.")] = 1,
    step: Annotated[str, typer.Option(help="Which step of the study, where several counted margins.")] = "",
    format: Format = DEFAULT_FORMAT,  # noqa: A002 - the option's name
    processes: Processes = None,
    as_json: AsJson = False,
) -> None:
    """Draw people from the noisy margins that a study released; nobody's row is looked at, or needed.

    The same result, contract and seed give the same bytes. An interrupted run goes on when the same command is given.

    \b
    Example:
      hedgerow-synthetic fit visits.json --contract visits.toml \\
          --coordinator 5a61fc2b9d17d390130cda9c85116d3f7119d4ad
    """
    from privacy.contract_file import read_contract
    from synthetic.fitted.fitting import fit as draw
    from synthetic.fitted.fitting import read_released

    released = read_released(result, step, coordinator=coordinator)
    where = out or Path(f"synthetic-{released.study.name}")
    manifest = draw(
        released,
        read_contract(contract),
        where,
        people=people,
        seed=seed,
        format=format,
        processes=processes,
        tell=told(time.monotonic),
    )
    show(where, manifest, as_json=as_json)


__all__ = ["fit"]
