"""``doctor``: what is wrong with this coordinator, and what to type."""

from __future__ import annotations

import typer

from coordinator.command.shell import Json, Shell, say


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(doctor)


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


__all__ = ["add_to", "doctor"]
