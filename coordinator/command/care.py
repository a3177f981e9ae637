"""``doctor`` and ``config``: what is wrong with this coordinator and what to type; how it is set up."""

from __future__ import annotations

import typer

from coordinator.command.shell import Json, Shell, say, table

config = typer.Typer(help="How this coordinator is set up.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add both commands to the program."""
    app.command()(doctor)
    app.add_typer(config, name="config")


def doctor(context: typer.Context, *, as_json: Json = False) -> None:
    """Examine this coordinator, serving or not: what is wrong, and what to type. Nothing is changed.

    No value is printed. Exit status: 0 when all is well or only warned of; otherwise that of the worst failure: 6 for
    tampering, 5 for a refusal, 4 for what cannot be had, 3 for what is malformed, 1 when only a check itself failed.

    \b
    Example:
      hedgerow-coordinator doctor
    """
    from coordinator.doctor.checks import all_checks
    from coordinator.doctor.subject import Subject
    from privacy.health import examine, report, worst

    shell = Shell.of(context)
    findings = examine(all_checks(Subject(shell.home_path, shell.environ, shell.now)))
    status = worst(findings)
    document = {"exit_status": status, "findings": [finding.document() for finding in findings]}
    say([report(findings)], document, as_json=as_json)
    raise typer.Exit(status)


@config.command("show")
def show_config(context: typer.Context, *, as_json: Json = False) -> None:
    """Show each setting, its value, and where it comes from. None is a secret.

    \b
    Example:
      hedgerow-coordinator config show
    """
    from coordinator.settings import origins

    shell = Shell.of(context)
    settings = shell.home().settings.model_dump(mode="json")
    came_from = origins(shell.home_path, environ=shell.environ)
    document = {name: {"value": value, "origin": came_from[name]} for name, value in settings.items()}
    rows = [(name, each["value"], each["origin"]) for name, each in document.items()]
    say(table(["setting", "value", "from"], rows), document, as_json=as_json)


__all__ = ["add_to", "config", "doctor", "show_config"]
