"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthetic.formats import TITLES

FORMATS = f"How the tables are written: {', '.join(TITLES)}."
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Contracts = Annotated[
    list[Path] | None,
    typer.Option("--contract", metavar="FILE", help="Of a fitted data set, the contract it was drawn by; repeatable."),
]
Format = Annotated[str, typer.Option(help=FORMATS)]
Processes = Annotated[int | None, typer.Option(min=1, help="How many work at once; else all processors.")]

__all__ = ["FORMATS", "AsJson", "Contracts", "Format", "Processes"]
