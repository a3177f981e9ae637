"""The node being examined: each part is opened when a check first needs it, and fails for that check alone."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from node.assemble import STATE, Node, open_node
from node.clock import Clock
from node.contact import Touch, is_served, read_contact
from node.migrations import FORMAT
from node.settings import Settings, read_settings
from privacy.durable import Database
from privacy.health import Look
from privacy.soundness import look_at_state


@dataclass
class Subject:
    """One node's home, and what can be opened of it."""

    home: Path
    environ: Mapping[str, str]
    clock: Clock

    @property
    def now(self) -> datetime.datetime:
        """Return the time."""
        return self.clock()

    @property
    def settings(self) -> Settings:
        """Return the settings, read anew."""
        return read_settings(self.home, environ=self.environ)

    @cached_property
    def node(self) -> Node:
        """Return the node, its keystore opened; its state is opened by whoever needs that."""
        return open_node(self.home, self.environ, self.clock)

    @cached_property
    def database(self) -> Database:
        """Return the state, once it is found sound: an examination makes none, and goes by no broken one."""
        self.look_at_state()
        return self.node.database

    def look_at_state(self) -> Look:
        """Have the whole state read; where no node is at all, that is the fault, and nobody damaged anything."""
        if not (self.home / STATE).exists():
            _ = self.settings
        return look_at_state(self.home / STATE, FORMAT)

    @property
    def served(self) -> bool:
        """Say whether the service runs."""
        return is_served(self.home)

    @property
    def touch(self) -> Touch:
        """Return what the service last knew of the coordinator."""
        return read_contact(self.home)


__all__ = ["Subject"]
