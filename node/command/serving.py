"""``serve``: the node at work, until it is told to stop."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Annotated

import typer

from node.command.console import Home, opened, progress


def serve(
    *,
    home: Home,
    poll_seconds: Annotated[float | None, typer.Option(help="How often to ask the coordinator for studies.")] = None,
) -> None:
    """Fetch offered studies, and answer the requests of those that two people here approved. Ends on SIGTERM.

    The node only dials out: it listens nowhere. Its log, one JSON object a line on stderr, holds codes and no values.

    Example: hedgerow-node serve
    """
    import structlog

    from node.service import Service

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    node = opened(home, poll_seconds=poll_seconds)
    Service(node, stop).run(lambda: progress(f"ready: {node.settings.name} {node.fingerprint}"))
    sys.stderr.flush()
    os._exit(0)  # what still waits for a coordinator that does not answer holds nothing that matters


__all__ = ["serve"]
