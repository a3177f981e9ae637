"""``catalogue``: what is here to be asked about, and what of that may be told outside."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.command.console import AsJson, Home, opened
from privacy.terminal import progress, say, table, write_new

if TYPE_CHECKING:
    from node.catalogue import Entry
    from node.store import Store
    from privacy.canonical import Document

catalogue = typer.Typer(help="Data sets and their variables: find, look, describe for others.", no_args_is_help=True)
Form = StrEnum("Form", ["dcat", "hdruk"])


@catalogue.command("list")
def list_all(*, home: Home, as_json: AsJson = False) -> None:
    """List the data sets that are loaded.

    Example: hedgerow-node catalogue list
    """
    from node.catalogue import entries

    rows = [
        (each.name, each.contract.table, len(each.variables), len(each.versions), each.contract.title)
        for each in entries(opened(home).store)
    ]
    names = ("data_set", "table", "variables", "loads", "title")
    head = tuple(name.upper().replace("_", " ") for name in names)
    text = table(head, rows) if rows else "nothing is loaded yet"
    say([dict(zip(names, row, strict=True)) for row in rows], text, as_json=as_json)


@catalogue.command("search")
def search(
    *,
    text: Annotated[str, typer.Argument(help="Words that must all be there: names, descriptions, codes, systems.")],
    home: Home,
    as_json: AsJson = False,
) -> None:
    """Find data sets and variables by words.

    Example: hedgerow-node catalogue search "admission emergency"
    """
    from node.catalogue import entries
    from node.catalogue import search as found

    hits = found(entries(opened(home).store), text)
    rows = [(hit.data_set, hit.variable or "(the data set)", hit.what) for hit in hits]
    say(
        [asdict(hit) for hit in hits],
        table(("DATA SET", "VARIABLE", "WHAT"), rows) if rows else "nothing",
        as_json=as_json,
    )


@catalogue.command("show")
def show(
    *,
    data_set: Annotated[str, typer.Argument(help="A data set's name.")],
    home: Home,
    as_json: AsJson = False,
) -> None:
    """Show a data set: its variables, its versions, and how complete, fresh and even the newest is.

    Example: hedgerow-node catalogue show admitted-care
    """
    from node.catalogue import entry

    store = opened(home).store
    found = entry(store, data_set)
    profile = _profile(store, found)
    progress("Figures of quality are exact: they are for this node's people, and never leave.")
    versions = [
        {"version": v.version, "contract": v.contract.version, "loaded_at": v.loaded_at} for v in found.versions
    ]
    data = {"data_set": found.name, "variables": list(found.variables), "versions": versions, "quality": profile}
    say(data, _shown(found, profile, versions), as_json=as_json)


@catalogue.command("export")
def export(
    *,
    home: Home,
    form: Annotated[Form, typer.Option("--format", help="dcat: DCAT as JSON-LD. hdruk: HDR UK's dataset schema.")],
    publisher: Annotated[
        str, typer.Option(help="Who runs this node [the recipient in the contracts].", show_default=False)
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write to this new file [stdout].", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Describe the data sets for others: from their contracts alone, no count and no day of anybody's record.

    Example: hedgerow-node catalogue export --format dcat --out catalogue.jsonld
    """
    from node.catalogue import described, entries

    document = described(entries(opened(home).store), form.value, publisher)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
    else:
        write_new(out, f"{text}\n".encode())
        said = f"{out} is written: contracts only, nothing that depends on patients."
        say({"out": str(out)}, said, as_json=as_json)


def _profile(store: Store, found: Entry) -> Document:
    from node.quality.kept import profile_of

    return profile_of(store, found.versions[-1])


def _bound(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _shown(found: Entry, profile: Document, versions: list[dict[str, object]]) -> str:
    from node.quality.telling import newest, share

    contract, figures = found.contract, {column["name"]: column for column in profile["columns"]}
    rows = []
    for variable in found.variables:
        column = figures[variable["name"]]
        bounds = f"{_bound(variable['low'])} to {_bound(variable['high'])}" if "low" in variable else ""
        codes = variable.get("code_list") or variable.get("system") or ", ".join(variable.get("codes", ()))[:40]
        quality = (share(column["complete"]), share(column["valid"]), newest(column))
        rows.append((variable["name"], variable["type"], variable.get("unit", ""), bounds or codes, *quality,
                     variable.get("description", "")))  # fmt: skip
    head = ("VARIABLE", "TYPE", "UNIT", "BOUNDS OR CODES", "COMPLETE", "VALID", "NEWEST", "WHAT")
    parts = [
        f"{found.name}: {contract.title}\n{contract.owner}; {contract.legal_basis}",
        table(head, rows),
        table(("VERSION", "CONTRACT", "LOADED"), [tuple(version.values()) for version in versions]),
    ]
    for covered in profile["coverage"]:
        groups = [(g["group"], g["people"], share(g["share"])) for g in covered["groups"]]
        parts.append(f"People by {covered['role']}\n" + table((covered["column"].upper(), "PEOPLE", "SHARE"), groups))
    return "\n\n".join(parts)


__all__ = ["Form", "catalogue", "export", "list_all", "search", "show"]
