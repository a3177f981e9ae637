"""``study dossier`` and ``study diff``: a study on paper for a DPIA, and two studies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coordinator.command.shell import Json, Shell, say, table, write_new
from privacy.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coordinator.comparing import Comparison
    from privacy.study import Study

Either = Annotated[str, typer.Argument(metavar="FILE|STUDY", help="A TOML file, or a submitted study's name or hash.")]


def add_to(app: typer.Typer) -> None:
    """Add both commands to ``study``."""
    app.command()(dossier)
    app.command()(diff)


def dossier(
    context: typer.Context,
    study: Either,
    *,
    contract: Annotated[
        Path | None, typer.Option(help="The data contract: what each column holds.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this new file [stdout].", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Write everything an information governance lead needs for a DPIA, as one page that prints and can be signed.

    \b
    Example:
      hedgerow-coordinator study dossier frailty.toml --contract contract.toml --out frailty.html
    """
    from privacy.contract_file import read_contract
    from privacy.dossier import dossier as made_of
    from privacy.dossier_page import dossier_page
    from privacy.programme import programme

    shell = Shell.of(context)
    found = found_study(shell, study)
    plan = programme(found, shell.finder)
    document = made_of(plan, shell.finder, *([read_contract(contract)] if contract else []))
    if out is None:
        return say([] if as_json else [dossier_page(document).decode().rstrip()], document, as_json=as_json)
    write_new(out, dossier_page(document))
    return say([f"{out} is written: open it in a browser, print it, sign it."], {"file": str(out)}, as_json=as_json)


def diff(context: typer.Context, before: Either, after: Either, *, as_json: Json = False) -> None:
    """Compare two studies: what differs, which differences matter for privacy, and what they cost.

    The exit status is 0 whether or not they differ.

    \b
    Examples:
      hedgerow-coordinator study diff frailty.toml frailty-2.toml
      hedgerow-coordinator study diff frailty frailty-2.toml
    """
    from dataclasses import asdict

    from coordinator.comparing import compare

    shell = Shell.of(context)
    comparison = compare(found_study(shell, before), found_study(shell, after), shell.finder)
    say(_lines(comparison), asdict(comparison), as_json=as_json)


def found_study(shell: Shell, named: str) -> Study:
    """Return the study in a file, checked, or the one that was submitted; a file goes before a name."""
    from coordinator.checking import check_study
    from privacy.study import read_study

    if named.endswith(".toml") or Path(named).is_file():
        study = read_study(Path(named))
        check_study(study, finder=shell.finder, today=shell.now().date())
        return study
    study = shell.client().study(named)
    versions = study.software.computations if study.software else {}
    if {name: shell.finder.find(name).version for name in versions} != dict(versions):
        raise Refusal("software-differs", study.name)  # its plan would not be the one that was approved
    return study


def _lines(comparison: Comparison) -> Iterator[str]:
    if not comparison.differences:
        yield "The two studies ask the same."
        return
    rows = [(d.what, _short(d.before), _short(d.after), d.privacy) for d in comparison.differences]
    yield from table(["what", comparison.before, comparison.after, "for privacy"], rows)
    yield ""
    yield from table(
        ["price", comparison.before, comparison.after], [(p.what, p.before, p.after) for p in comparison.price]
    )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


SHOWN = 60  # letters of a text in a table; --json has all of it

__all__ = ["SHOWN", "add_to", "diff", "dossier", "found_study"]
