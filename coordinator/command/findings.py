"""``result show`` and ``result export``: what a finished study found, for people, spreadsheets and programs."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.shell import Json, Shell, say, table, write_new_directory
from privacy.canonical import Document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from models.version import ModelVersion


class Form(StrEnum):
    """What a result can be exported as."""

    html = "html"
    json = "json"
    csv = "csv"


CALIBRATED = {"predicted", "observed"}
CALIBRATION = "calibration: what was predicted and what was observed, by bin; - where noise drowns it"

app = typer.Typer(no_args_is_help=True, help="See what finished studies found.")

Named = Annotated[str, typer.Argument(metavar="STUDY", help="Its name, or the first digits of its hash.")]


@app.command()
def show(context: typer.Context, study: Named, *, as_json: Json = False) -> None:
    """Show what a finished study found, what it cost and what it took.

    \b
    Example:
      hedgerow-coordinator result show next-year-admission --json
    """
    found = Shell.of(context).client().result(study)
    say(result_lines(found), found, as_json=as_json)


@app.command()
def export(
    context: typer.Context,
    study: Named,
    *,
    out: Annotated[Path, typer.Option(help="A new file; for csv a new directory.")],
    form: Annotated[Form, typer.Option("--format", help="html, json or csv.")] = Form.html,
    as_json: Json = False,
) -> None:
    """Write what a finished study found to files: one page that stands alone, one document, or a CSV file a table.

    The model is opened by the coordinator's signature first; nothing unsigned is exported. Each file
    gets a signed FILE.sig beside it: `models verify` tells whether it is still the one that was written.

    \b
    Examples:
      hedgerow-coordinator result export next-year-admission --out admission.html
      hedgerow-coordinator result export next-year-admission --format csv --out admission
    """
    from coordinator.exports import export_of
    from models.version import ModelVersion
    from privacy.signing import PublicKey

    shell = Shell.of(context)
    client, identity = shell.client(), shell.home().identity
    key = PublicKey.of(identity)
    found = client.result(study)
    sealed = client.model(found["hash"])
    model = ModelVersion.open(sealed, key)
    document = export_of(found, sealed, model, coordinator=key)
    files = write_export(document, model, form, out, key=identity)
    said = {"files": [str(path) for path in files], "signed_by": key.fingerprint}
    say([*(f"{path} is written" for path in files), f"signed by {key.fingerprint}"], said, as_json=as_json)


def write_export(
    document: Document, model: ModelVersion, form: Form, out: Path, *, key: Ed25519PrivateKey
) -> list[Path]:
    """Write an export and return its files, each with a signed sidecar; what is there already is never replaced."""
    from coordinator.exports import csv_of, json_of, tables_of
    from privacy.sidecar import with_sidecars, write_signed

    version = document["provenance"]["model"]
    if form is Form.csv:
        tables = {f"{t.name}.csv": csv_of(t) for t in tables_of(document, model)}
        return write_new_directory(out, with_sidecars(tables, kind="result", model=version, key=key))
    if form is Form.json:
        write_signed(out, json_of(document), kind="result", model=version, key=key)
    else:
        from coordinator.result_page import result_page

        write_signed(out, result_page(document, model), kind="result", model=version, key=key)
    return [out]


def result_lines(found: Document) -> Iterator[str]:
    """Yield what a study found, for people."""
    yield f"{found['study']}: {found['title']}"
    yield f"model {found['version']}, made {found['made_at']}"
    for step in found["steps"]:
        yield ""
        yield f"{step['step']} ({step['kind']})"
        if "tables" in step:
            yield from _tables(step)
        facts = step["facts"]
        plain = [(name, value) for name, value in facts.items() if not isinstance(value, list | dict)]
        yield from table(["figure", "value"], plain) if plain else ()
        for name, named in facts.items():
            yield from table([name, "value"], named.items()) if isinstance(named, dict) else ()
        columns = {n: v for n, v in facts.items() if isinstance(v, list) and v and not isinstance(v[0], str)}
        yield from _columns(columns)
    yield ""
    spent = f"{found['epsilon_spent']:.4f} of {found['epsilon']:g} at delta {found['delta']:g}"
    yield f"epsilon {spent}; {found['receipts']} receipts from {len(found['nodes'])} nodes"
    for each in found["epsilon_against"] if len(found["epsilon_against"]) > 1 else ():
        known = ", ".join(f"{epsilon:.4f}" for epsilon in each["epsilon"].values())
        yield f"  against {each['who']}: {known} (known to {', '.join(each['epsilon'])} nodes)"
    if found["exchanges"]:
        median = f"{found['seconds_per_exchange']:.2f} s an exchange (median)"
        yield f"{found['exchanges']} exchanges, {median}, {found['seconds_total']:.1f} s in all"


def _tables(step: Document) -> Iterator[str]:
    """Yield what is shown of a step's tables; a note says why the others are withheld."""
    from coordinator.exports import shown_tables

    yield f"small groups by {step['disclosure']['profile']}: {step['disclosure']['rules']}"
    for each in shown_tables(step):
        yield from ("", each.caption)
        yield from table(list(each.head), each.rows)


def _columns(columns: dict[str, list[object]]) -> Iterator[str]:
    """Yield lists of one length side by side."""
    for length in dict.fromkeys(map(len, columns.values())):
        alike = {name: values for name, values in columns.items() if len(values) == length}
        yield from ("", CALIBRATION) if alike.keys() >= CALIBRATED else ("",)
        yield from table(list(alike), zip(*alike.values(), strict=True))


__all__ = ["CALIBRATED", "CALIBRATION", "Form", "Named", "app", "export", "result_lines", "show", "write_export"]
