"""The coordinator being examined: each part is opened when a check first needs it, and fails for that check alone."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coordinator.home import DATABASE, Home, open_home
from coordinator.migrations import FORMAT
from privacy.durable import Database
from privacy.health import Look
from privacy.soundness import look_at_state


@dataclass
class Subject:
    """One coordinator's directory, and what can be opened of it."""

    path: Path
    environ: Mapping[str, str]
    clock: Callable[[], datetime.datetime]

    @property
    def now(self) -> datetime.datetime:
        """Return the time."""
        return self.clock()

    @cached_property
    def home(self) -> Home:
        """Return the home, its settings read."""
        return open_home(self.path, environ=self.environ)

    @cached_property
    def database(self) -> Database:
        """Return the state, once it is found sound: an examination makes none, and goes by no broken one."""
        from coordinator import journal, register, registry, runs, studies  # noqa: PLC0415 - what only this needs
        from coordinator.identity import tokens  # noqa: PLC0415 - as above

        self.look_at_state()
        parts = (register, tokens, studies, registry, runs, journal)
        return self.home.database(*(part.SCHEMA for part in parts))

    def look_at_state(self) -> Look:
        """Have the whole state read; where no coordinator is at all, that is the fault, and nobody damaged anything."""
        if not (self.path / DATABASE).exists():
            _ = self.home
        return look_at_state(self.path / DATABASE, FORMAT)


__all__ = ["Subject"]
