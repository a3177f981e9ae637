"""The program: its commands, its exit codes, and what is said when something goes wrong."""

from __future__ import annotations

import datetime
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import click
import typer

from coordinator.command import (
    care,
    certificates,
    findings,
    homes,
    keeping,
    models,
    nodes,
    papers,
    receipts,
    runs,
    studies,
)
from coordinator.command.shell import Shell, tell
from privacy.errors import HedgerowError
from privacy.rooms import check_rooms

NAME = "hedgerow-coordinator"
INTERRUPTED = 130  # as shells report SIGINT

app = typer.Typer(
    name=NAME,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    epilog="Exit status: 0 done, 1 unexpected fault, 2 wrong command line, 3 invalid input, 4 unreachable, 5 refused,"
    " 6 tampered."
)
def _program(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            help="The coordinator's directory [HEDGEROW_COORDINATOR_HOME; ~/.local/share/hedgerow/coordinator].",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Offer studies to the nodes of a federation, run those that they approve, and publish what was learned.

    \b
    A first study, from nothing:
      hedgerow-coordinator init hub --name north-west --host hub.example.nhs.uk
      export HEDGEROW_COORDINATOR_HOME=$PWD/hub      then give hub/join.kit to each node
      hedgerow-coordinator node enrol leeds/enrolment.txt
      hedgerow-coordinator serve &
      hedgerow-coordinator study check admissions.toml --contract contract.toml
      hedgerow-coordinator study price admissions.toml
      hedgerow-coordinator study submit admissions.toml
      hedgerow-coordinator run next-year-admission   waits for the nodes' approvals
      hedgerow-coordinator result show next-year-admission
      hedgerow-coordinator models publish next-year-admission
    """
    Shell.of(context).named_home = home


homes.add_to(app)
keeping.add_to(app, nodes.app)
nodes.app.command()(receipts.receipts)
app.add_typer(nodes.app, name="node")
certificates.add_to(app)
app.add_typer(studies.app, name="study")
app.add_typer(runs.app, name="run")
app.add_typer(findings.app, name="result")
papers.add_to(models.app)
app.add_typer(models.app, name="models")
care.add_to(app)


def main() -> None:
    """Run the command that was typed, and exit with its status."""
    clock = lambda: datetime.datetime.now(datetime.UTC)  # noqa: E731 - the one clock of this process
    sys.exit(run(sys.argv[1:], environ=os.environ, now=clock, sleep=time.sleep))


def run(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    now: Callable[[], datetime.datetime],
    sleep: Callable[[float], None],
) -> int:
    """Run one command and return its exit status; whatever goes wrong is told in a few lines, without a traceback."""
    try:
        check_rooms()
        shell = Shell(environ, now, sleep)
        return app(list(arguments), obj=shell, standalone_mode=False, prog_name=NAME) or 0
    except HedgerowError as error:
        tell(_as_json(error) if "--json" in arguments else error.explain())
        return error.exit_status
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        tell("Stopped here; what the server was asked to do goes on.")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the text of an exception may hold a value
        tell(f"fault: something unexpected happened ({type(error).__name__}). Please report it.")
        return 1


def _as_json(error: HedgerowError) -> str:
    said = {"code": error.code, "what": error.entry.what, "next": error.entry.next_step}
    return json.dumps(said | {"detail": error.detail, "faults": error.faults}, ensure_ascii=False)


__all__ = ["INTERRUPTED", "NAME", "app", "main", "run"]
