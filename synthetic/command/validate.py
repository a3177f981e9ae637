"""``validate``: whether a data set or a pack is whole and holds what its contracts say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privacy.terminal import progress, say
from synthetic.command.options import AsJson, Contracts

MOST_NAMED = 20  # files beside a pack; JSON has all


def validate(
    where: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="A data set, or a pack.")] = Path(),
    *,
    contract: Contracts = None,
    as_json: AsJson = False,
) -> None:
    """Check every file against its hash, every cell and check of the contracts, and the keys between tables.

    \b
    Example:
      hedgerow-synthetic validate hackathon/TEAMS
    """
    from dataclasses import asdict

    from synthetic.pack.suited import contracts_of
    from synthetic.pack.validation import validate as check

    found = check(where, contracts_of(where, contract or []), tell=progress)
    lines = [f"{name}: {rows:,} rows" for name, rows in found.rows.items()]
    held = "every row holds what its contract says" if found.held else "rows of this format are not looked into"
    lines += [f"Whole: {found.kind}, {found.files} files; {held}."]
    if found.beside:
        lines += ["Not of the pack, and not looked into:", *(f"  {name}" for name in found.beside[:MOST_NAMED])]
        lines += ["  and more"] * (len(found.beside) > MOST_NAMED)
    say(asdict(found), "\n".join(lines), as_json=as_json)


__all__ = ["MOST_NAMED", "validate"]
