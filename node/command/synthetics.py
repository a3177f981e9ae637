"""``synthetic``: what made-up data tell of this node's people; the answer stays here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.command.console import AsJson, AsPerson, Home, KeyFile, PassphraseFiles, key_of, opened
from privacy.terminal import progress, say, table

synthetic = typer.Typer(help="What made-up data tell of this node's people; it stays here.", no_args_is_help=True)


@synthetic.callback()
def _synthetic() -> None:
    """Be a command of several commands, however few there are."""


@synthetic.command("report")
def report(
    *,
    data_set: Annotated[Path, typer.Argument(metavar="DATASET", help="The folder of a fitted data set.")],
    home: Home,
    person: AsPerson,
    key: KeyFile,
    purpose: Annotated[str, typer.Option(help="What the figures are for; it is written into the log.")],
    out: Annotated[Path, typer.Option(metavar="PAGE.html", help="The page; its JSON is written beside it.")],
    passphrase_file: PassphraseFiles = None,
    as_json: AsJson = False,
) -> None:
    """Attack a fitted data set with this node's people, and hold it against those who were held back.

    Which people, and which of their columns, is what its study says. The page is for this node's people only.

    Example: hedgerow-node synthetic report synthetic-visits --as ada --key /media/ada/ada.key
    --purpose "may the data go to the hackathon" --out report.html
    """
    from node.synthetic_report import report as write_report
    from synthetic.report.inside_page import VERDICTS, figures

    node = opened(home)
    signing_key = key_of(person, key, passphrase_file, node)
    found, twin = write_report(node, data_set, person=person, key=signing_key, purpose=purpose, out=out)
    progress("Exact figures of this node's own people: they never leave.")
    rows = [
        (a["attack"], *(each or "-" for each in
         (*figures(a["data"], "advantage", "at_least"), *figures(a["on_control"], "at_least"))), a["verdict"])
        for a in found["attacks"]
    ]  # fmt: skip
    head = ("ATTACK", "ADVANTAGE", "AT LEAST", "CONTROL AT LEAST", "VERDICT")
    said = f"{found['verdict'].capitalize()}: {VERDICTS[found['verdict']]}"
    text = f"{said}\n\n{table(head, rows)}\n\n{out}, {twin}"
    say({"verdict": found["verdict"], "page": str(out), "json": str(twin), "attacks": found["attacks"]}, text,
        as_json=as_json)  # fmt: skip


__all__ = ["report", "synthetic"]
