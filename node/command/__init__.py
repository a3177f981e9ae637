"""``hedgerow-node``: what the people of an organisation do with their node, one command at a time."""

from __future__ import annotations

import sys

from privacy.errors import HedgerowError
from privacy.rooms import check_rooms


def main() -> None:
    """Run the command line. Exit statuses are those of ``privacy.errors``; no exception's own text is ever shown."""
    try:
        check_rooms()
        from node.command.menu import app

        app(prog_name="hedgerow-node")
    except HedgerowError as error:
        from privacy.terminal import print_error

        print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_status)
    except Exception as error:  # noqa: BLE001 - its text could hold a record's value
        from privacy.terminal import progress, where_of

        progress(f"unexpected fault ({type(error).__name__} at {where_of(error)}): please report it")
        sys.exit(1)


__all__ = ["main"]
