"""``quarantine``: the rows that a load set aside, counted, shown to those with the right, and loaded once repaired."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from node.command.console import AsJson, AsPerson, Home, KeyFile, PassphraseFiles, key_of, opened
from node.command.quality import INSIDE, Name
from node.command.scores import Purpose
from privacy.terminal import progress, say, table

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
    from node.handing_out import require_new
    from node.inner_door import InnerDoor
    from node.optouts import current_optouts
    from node.quality.kept import named_version
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


@quarantine.command("replay")
def replay(
    *,
    name: Name,
    file: Annotated[Path, typer.Argument(help="The mended rows, as CSV: what `quarantine show` wrote, completed.")],
    home: Home,
    as_json: AsJson = False,
) -> None:
    """Judge mended rows again as at a load and put them among the good ones, as the next version; or change nothing.

    Example: hedgerow-node quarantine replay admissions@3 rows.csv
    """
    from node.optouts import current_optouts
    from node.quality.kept import named_version
    from node.quality.replay import replay as put_back

    node = opened(home)
    policy, now = node.policy, node.now()
    version = named_version(node.store, name)
    done = put_back(
        version=version,
        accepted=node.findings.accepted(version.contract),
        file=file,
        store=node.store,
        keystore=node.keystore,
        linked=node.linked(version.contract),
        optouts=current_optouts(node.store, now=now, at_most_days=policy.optouts_at_most_days),
        now=now,
        allow_test_numbers=policy.allow_test_numbers,
    )
    progress(INSIDE)
    made = done.version.name
    text = f"{made}: {done.rows_repaired} rows repaired, {done.rows_waiting} still wait"
    data = {"data_set": made, "rows_repaired": done.rows_repaired, "rows_waiting": done.rows_waiting}
    say(data, text, as_json=as_json)


__all__ = ["RowsOut", "list_reasons", "quarantine", "replay", "show"]
