"""What time it is: given by whoever starts the node, never read by the code that decides."""

from __future__ import annotations

import datetime
from collections.abc import Callable

Clock = Callable[[], datetime.datetime]


def stamp(now: datetime.datetime) -> str:
    """Return a moment as it is written into state and audit log: UTC, to the second, ISO 8601."""
    return now.astimezone(datetime.UTC).isoformat(timespec="seconds")


def system_clock() -> datetime.datetime:
    """Return the computer's time; only a command's outermost line asks for it."""
    return datetime.datetime.now(datetime.UTC)


__all__ = ["Clock", "stamp", "system_clock"]
