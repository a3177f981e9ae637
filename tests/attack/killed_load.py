"""A process that loads more.csv and kills itself at its N-th touch of the node's files; each touch is printed.

``python killed_load.py N [WORDS]``, where N is 0 for a load that ends by itself, and -1 for one that waits after each
touch for a byte on its standard input. WORDS are another command. A touch is what Python sees of the file system
(an open, a rename, a removal, a new directory) and each beginning and end of a transaction of the state.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from node.command import main
from node.ingest.order import Runs
from privacy.durable import Database

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"}
AT, HOME = int(sys.argv[1]), os.environ["HEDGEROW_NODE_HOME"]
WATCHED = (f"{HOME}/store", os.environ.get("TMPDIR", f"{HOME}/store"))
touches: list[str] = []


def touch(what: str) -> None:
    """Count, and die when it is time."""
    touches.append(what)
    os.write(1, f"{what}\n".encode())
    if len(touches) == AT:
        os.kill(os.getpid(), signal.SIGKILL)
    if AT < 0:
        os.read(0, 1)


def hook(event: str, about: tuple[Any, ...]) -> None:
    """Hear what Python does."""
    if event in EVENTS and str(about[0]).startswith(WATCHED):
        touch(f"{event} {Path(str(about[0])).name}")


begin = Database.transaction


@contextmanager
def transaction(self: Database) -> Iterator[Any]:
    """Do what the state does, and touch before, inside and after."""
    touch("before a transaction")
    with begin(self) as connection:
        yield connection
        touch("before a commit")
    touch("after a commit")


if __name__ == "__main__":
    sys.argv = ["hedgerow-node", *(sys.argv[2:] or ["ingest", "events.toml", "more.csv"])]
    Runs.__init__.__kwdefaults__["run_bytes"] = 1  # so that even a small load spills
    Database.transaction = transaction  # type: ignore[method-assign]
    sys.addaudithook(hook)
    sys.stdout = sys.stderr
    main()
