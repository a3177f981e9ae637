"""``pack``: a data set becomes what teams are given, and what the organisers keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privacy.terminal import progress, say
from synthetic.command.options import AsJson, Contracts

if TYPE_CHECKING:
    from synthetic.pack.packing import Done

HELD_BACK = 0.2  # of the people: enough for a score's second digit, and little is lost to learn from


def pack(
    data_set: Annotated[Path, typer.Argument(metavar="DATASET", help="A data set with its report.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIRECTORY", help="A new directory.")],
    use_case: Annotated[
        list[str] | None,
        typer.Option("--use-case", metavar="NAME", help="What teams foretell; repeat for several. None: nothing."),
    ] = None,
    hold_out: Annotated[
        float, typer.Option("--hold-out", metavar="SHARE", help="The share of people whose outcomes are held back.")
    ] = HELD_BACK,
    contract: Contracts = None,
    format: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",  # noqa: A002 - its name
    as_json: AsJson = False,
) -> None:
    """Make DIRECTORY/TEAMS to hand out, and DIRECTORY/ORGANISERS with the answers, to keep.

    \b
    Example:
      hedgerow-synthetic pack people --use-case falls --out hackathon
    """
    from dataclasses import asdict

    from synthetic.pack.meanings import meanings
    from synthetic.pack.packing import pack as make
    from synthetic.pack.suited import contracts_of

    done = make(
        data_set=data_set,
        out=out,
        contracts=contracts_of(data_set, contract or []),
        meanings=meanings(),
        use_cases=use_case or [],
        share=hold_out,
        format=format,
        tell=progress,
    )
    say(asdict(done), "\n".join(_lines(done, out)), as_json=as_json)


def _lines(done: Done, out: Path) -> Iterator[str]:
    yield from (f"{name}: {rows:,} rows" for name, rows in done.rows.items())
    yield from (f"{name}: {each.people:,} answers are held back" for name, each in done.answers.items())
    yield f"Hand out {out}/TEAMS{'; keep ORGANISERS to yourselves' if done.answers else ''}."


__all__ = ["HELD_BACK", "pack"]
