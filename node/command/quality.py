"""``quality``: how good a load is, how it came to be so, and what changed; exact figures for this node's people."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from node.command.console import AsJson, Home, opened
from privacy.terminal import progress, say, table

quality = typer.Typer(
    help="How complete, valid, fresh and even the records are; nothing of it leaves.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="DATASET[@N]", help="A data set, or one version of it; else the newest.")]
INSIDE = "These figures are exact: they are for this node's people, and never leave."


@quality.command("show")
def show(
    *,
    name: Name,
    home: Home,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page instead, which only this account can read.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a load's profile: a line a column, checks, and who is in it.

    Example: hedgerow-node quality show admissions --html admissions.html
    """
    from node.handing_out import hand_out
    from node.quality.kept import named_version, profile_of
    from node.quality.page import profile_page
    from node.quality.reach import reach
    from node.quality.telling import told

    store = opened(home).store
    version = named_version(store, name)
    profile, reached = profile_of(store, version), reach(store, version)
    progress(INSIDE)
    if html is not None:
        earlier = [
            (v.name, profile_of(store, v)) for v in store.versions(version.data_set) if v.version <= version.version
        ]
        hand_out(profile_page(version.contract, earlier, reached), html, home=home)
        say({"data_set": version.name, "html": str(html)}, f"{version.name}: {html}", as_json=as_json)
        return
    say(
        {"version": version.name, **profile, "reach": reached},
        told(version.name, profile, reached, table),
        as_json=as_json,
    )


@quality.command("history")
def history(*, name: Name, home: Home, as_json: AsJson = False) -> None:
    """List all loads of a data set that are still here: rows, people, and how complete and valid they were.

    Example: hedgerow-node quality history admissions
    """
    from node.quality.kept import named_version, profile_of
    from node.quality.telling import line_of_history, share

    store = opened(home).store
    versions = store.versions(named_version(store, name).data_set)
    lines = [line_of_history(version.name, profile_of(store, version)) for version in versions]
    progress(INSIDE)
    head = [name.upper().replace("_", " ") for name in lines[0]]
    rows = [[share(v) if isinstance(v, float) else v for v in line.values()] for line in lines]
    say(lines, table(head, rows), as_json=as_json)


@quality.command("drift")
def drift(
    *,
    name: Name,
    home: Home,
    against: Annotated[
        str | None, typer.Option(metavar="DATASET@N", help="The load to compare with; else the one before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed from one load to the next, and warn where it is more than chance would have it.

    Example: hedgerow-node quality drift admissions --against admissions@3
    """
    from node.quality.drift import drift as compare
    from node.quality.kept import named_version, profile_of, version_before
    from node.quality.telling import share

    store = opened(home).store
    later = named_version(store, name)
    earlier = named_version(store, against) if against else version_before(store, later)
    found = compare(profile_of(store, earlier), profile_of(store, later))
    head = ("COLUMN", "STABILITY INDEX", "TOTAL VARIATION", "COMPLETE BEFORE", "AFTER", "LOOK AT")
    rows = []
    for d in found:
        complete = map(share, (d.complete_before, d.complete_after))
        rows.append((d.column, *map(_shown, (d.stability_index, d.total_variation)), *complete, ", ".join(d.warnings)))
    progress(INSIDE)
    data = {"before": earlier.name, "after": later.name, "columns": [asdict(each) for each in found]}
    say(data, f"{earlier.name} to {later.name}\n\n{table(head, rows)}", as_json=as_json)


def _shown(distance: float | None) -> str:
    return "-" if distance is None else f"{distance:.3f}"


__all__ = ["INSIDE", "drift", "history", "quality", "show"]
