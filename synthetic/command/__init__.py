"""``hedgerow-synthetic``: what researchers do with people who never were, one file a command."""

from __future__ import annotations

import sys

from privacy.errors import HedgerowError
from privacy.rooms import check_rooms
from privacy.terminal import print_error, progress, where_of

INTERRUPTED = 130  # as shells report SIGINT
STOPPED = "Stopped. Give the same command again to go on."


def main() -> None:
    """Run the command line. Exit statuses are those of ``privacy.errors``; an interrupt is 130, as in a shell."""
    try:
        check_rooms()
        from synthetic.command.program import app

        if (status := app(prog_name="hedgerow-synthetic", standalone_mode=False)) == INTERRUPTED:
            progress(STOPPED)  # typer makes a status of an interrupt, and says nothing
    except HedgerowError as error:
        print_error(error, as_json="--json" in sys.argv)
        status = error.exit_status
    except KeyboardInterrupt:
        progress(STOPPED)
        status = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - fitted data come from records: no exception's own text is shown
        status = _told(error)
    sys.exit(status or 0)


def _told(error: Exception) -> int:
    """Say what went wrong, in click's words where the command line was, and return the exit status."""
    import click

    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, click.Abort):
        progress(STOPPED)
        return INTERRUPTED
    progress(f"unexpected fault ({type(error).__name__} at {where_of(error)}): please report it")
    return 1


__all__ = ["INTERRUPTED", "STOPPED", "main"]
