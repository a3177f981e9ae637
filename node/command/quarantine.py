"""``quarantine``: the rows that a load set aside, counted, shown to those with the right, and loaded once repaired."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from node.command.console import AsJson, AsPerson, Home, KeyFile, PassphraseFiles, key_of, opened, progress, say, table
from node.command.quality import INSIDE, Name
from node.command.scores import Purpose

quarantine = typer.Typer(help="The rows that a load set aside: see why, mend them, load them.", no_args_is_help=True)

RowsOut = Annotated[Path, typer.Option(metavar="FILE", help="A new file outside the node's directory.")]


@quarantine.command("list")
def list_reasons(*, name: Name, home: Home, as_json: AsJson = False) -> None:
    """Count the rows of a load that were set aside, by reason and column; no value is shown.

    Example: hedgerow-node quarantine list admissions
    """
    from node.quality.kept import named_version
    from node.quality.quarantine import waiting

    store = opened(home).store
    version = named_version(store, name)
    found = [asdict(each) for each in waiting(store, version)]
    progress(INSIDE)
    rows = [tuple(each.values()) for each in found]
    text = table(("REASON", "COLUMN", "ROWS", "FIRST LINE"), rows) if rows else f"{version.name}: no row was set aside"
    say({"version": version.name, "waiting": found}, text, as_json=as_json)


@quarantine.command("show")
def show(
    *,
    name: Name,
    home: Home,
    person: AsPerson,
    key: KeyFile,
    purpose: Purpose,
    out: RowsOut,
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Write the rows of a load that were set aside, as CSV to be mended, to a file that only this account can read.

    Example: hedgerow-node quarantine show admissions@3 --as dee --key /media/dee/dee.key
    --purpose "dates in two formats, ticket 812" --out rows.csv
    """
    from node.inner_door import InnerDoor
    from node.optouts import current_optouts
    from node.quality.kept import named_version
    from node.quality.page import require_new
    from node.quality.quarantine import write_rows

    node = opened(home)
    signing_key = key_of(person, key, passphrase_file, node)
    require_new(out, home=home)
    version = named_version(node.store, name)
    optouts = current_optouts(node.store, now=node.now(), at_most_days=node.policy.optouts_at_most_days)
    door = InnerDoor(node.database, node.audit, node.policy, node.now)
    door.enter("quarantine", person=person, key=signing_key, purpose=purpose, data=version.name)
    rows = write_rows(node.store, version, optouts, out, home=home)
    progress("These are people's records: keep the file where they may be, and destroy it when the rows are mended.")
    text = f"{rows} rows of {version.name}: {out}"
    say({"version": version.name, "rows": rows, "out": str(out)}, text, as_json=as_json)


__all__ = ["RowsOut", "list_reasons", "quarantine", "show"]
