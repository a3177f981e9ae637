"""``serve``: the node at work, until it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Annotated

import typer

from node.command.console import AsJson, Home
from node.environment import LogLevel
from privacy.terminal import progress


def serve(
    *,
    home: Home,
    poll_seconds: Annotated[float | None, typer.Option(help="How often to ask the coordinator for studies.")] = None,
    health_port: Annotated[int | None, typer.Option(help="Answer a monitor on this port; 0: listen nowhere.")] = None,
    log_level: Annotated[LogLevel | None, typer.Option(help="The least that is logged.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch offered studies, and answer the requests of those that two people here approved. Ends on SIGTERM.

    The node only dials out: unless a health port is set, it listens nowhere. Its log, one JSON object a line on
    stderr, holds codes and no values. With --json the ready line goes to stdout as JSON.

    Example: hedgerow-node serve
    """
    from node.assemble import open_node
    from node.clock import system_clock
    from node.logs import log_to_stderr
    from node.service import Service
    from node.trial import try_apart

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    flags = {"poll_seconds": poll_seconds, "health_port": health_port, "log_level": log_level}
    node = open_node(home, os.environ, system_clock, flags=flags, trial=try_apart)
    log_to_stderr(node.settings.log_level)

    def ready() -> None:
        name, fingerprint = node.settings.name, node.fingerprint
        if as_json:
            sys.stdout.write(json.dumps({"ready": True, "name": name, "fingerprint": fingerprint}) + "\n")
            sys.stdout.flush()
        else:
            progress(f"ready: {name} {fingerprint}")

    Service(node, stop).run(ready)
    sys.stderr.flush()
    os._exit(0)  # what still waits for a coordinator that does not answer holds nothing that matters


__all__ = ["serve"]
