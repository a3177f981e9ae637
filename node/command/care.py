"""``doctor`` and ``config``: what is wrong with this node and what to type; how it is set up."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from node.clock import system_clock
from node.command.console import AsJson, Home
from privacy.terminal import say, table

config = typer.Typer(help="How this node is set up.", no_args_is_help=True)


def doctor(
    *,
    home: Home,
    offline: Annotated[bool, typer.Option("--offline", help="Look at this machine only; dial nobody.")] = False,
    as_json: AsJson = False,
) -> None:
    """Examine this node, with or without its service running: what is wrong, and what to type. Nothing is changed.

    No value is printed. Exit status: 0 when all is well or only warned of; otherwise that of the worst failure: 6 for
    tampering, 5 for a refusal, 4 for what cannot be had, 3 for what is malformed, 1 when only a check itself failed.

    Example: hedgerow-node doctor
    """
    from node.doctor.checks import all_checks
    from node.doctor.subject import Subject
    from privacy.health import examine, report, worst

    checks = all_checks(Subject(home, os.environ, system_clock), offline=offline)
    findings = examine(checks)
    status = worst(findings)
    data = {"exit_status": status, "findings": [finding.document() for finding in findings]}
    say(data, report(findings), as_json=as_json)
    raise typer.Exit(status)


@config.command("show")
def show_config(*, home: Home, as_json: AsJson = False) -> None:
    """Show each setting, its value, and where it comes from. None is a secret.

    Example: hedgerow-node config show
    """
    from node.settings import origins, read_settings

    settings = read_settings(home, environ=os.environ).model_dump(mode="json")
    came_from = origins(home, environ=os.environ)
    data = {name: {"value": value, "origin": came_from[name]} for name, value in settings.items()}
    rows = [(name, each["value"], each["origin"]) for name, each in data.items()]
    say(data, table(("SETTING", "VALUE", "FROM"), rows), as_json=as_json)


__all__ = ["config", "doctor", "show_config"]
