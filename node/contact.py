"""When the coordinator last answered, for whoever asks how the service is: kept in memory, and roughly in a file."""

from __future__ import annotations

import datetime
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from node.clock import stamp

FILE = "contact.json"
LOCK = "serve.lock"
WRITTEN_SECONDS = 30  # the file may be this much behind: an idle node should not keep a disk awake
CONNECTED = "connected"


@dataclass(frozen=True)
class Touch:
    """What is known of the coordinator: when it last answered, and the state of Flower's connection."""

    answered: datetime.datetime | None = None
    connection: str = ""

    def seconds(self, now: datetime.datetime) -> float | None:
        """Return how long ago it answered; None when it never did."""
        return None if self.answered is None else max(0.0, (now - self.answered).total_seconds())


class Contact:
    """Written by one service, read by anybody. Nothing depends on it: a file that cannot be written is let be."""

    def __init__(self, home: Path) -> None:
        self._file = home / FILE
        self._written: datetime.datetime | None = None
        self.touch = Touch()

    def answered(self, now: datetime.datetime) -> None:
        """Note that the coordinator answered."""
        self.touch = Touch(now, self.touch.connection)
        if self._written is None or abs((now - self._written).total_seconds()) >= WRITTEN_SECONDS:
            self._write(now)

    def connection(self, state: str, now: datetime.datetime) -> None:
        """Note in which state Flower's connection is: "connected", or the code of what stands in the way."""
        if state != self.touch.connection:
            self.touch = Touch(self.touch.answered, state)
            self._write(now)

    def _write(self, now: datetime.datetime) -> None:
        self._written = now
        answered = stamp(self.touch.answered) if self.touch.answered else None
        text = json.dumps({"answered": answered, "connection": self.touch.connection})
        with suppress(OSError):
            descriptor = os.open(self._file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)


def read_contact(home: Path) -> Touch:
    """Return what the service last wrote; nothing known when there is no such file, or half of one."""
    try:
        document = json.loads((home / FILE).read_bytes())
        answered = document["answered"]
        at = datetime.datetime.fromisoformat(answered) if answered else None
        return Touch(at, str(document["connection"])[:64])
    except (OSError, ValueError, KeyError, TypeError):
        return Touch()


def is_served(home: Path) -> bool:
    """Say whether a service of this node runs, by its lock; the lock itself is not touched."""
    try:
        inode = (home / LOCK).stat().st_ino
        held = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    return any("FLOCK" in line and f":{inode} " in line for line in held)


__all__ = ["CONNECTED", "FILE", "LOCK", "WRITTEN_SECONDS", "Contact", "Touch", "is_served", "read_contact"]
