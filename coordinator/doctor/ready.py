"""Is this coordinator ready to serve? Cheap checks, asked every few seconds of a serving one."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable

from cryptography import x509

from coordinator.home import Home
from coordinator.identity.keys import load_identity
from privacy.durable import Database
from privacy.errors import Unreachable
from privacy.health import Check, Look, well
from privacy.soundness import LEAST_FREE_BYTES, LEAST_FREE_FILES, look_at_certificate


class Ready:
    """The checks of one serving coordinator."""

    def __init__(self, home: Home, database: Database, now: Callable[[], datetime.datetime]) -> None:
        self._home, self._database, self._now = home, database, now

    def checks(self) -> list[Check]:
        """Return the checks."""
        return [
            Check("state", self._state),
            Check("keys", self._keys),
            Check("certificate", self._certificate),
            Check("disk", self._disk),
        ]

    def _state(self) -> Look:
        if self._database.failed:
            raise Unreachable("state-unwritable")
        self._database.one("SELECT 1 FROM node")
        return well("")

    def _keys(self) -> Look:
        load_identity(self._home.keys)
        return well("")

    def _certificate(self) -> Look:
        server = x509.load_pem_x509_certificate(self._home.keys.server.read_bytes())
        return look_at_certificate(server, self._now(), "")

    def _disk(self) -> Look:
        room = os.statvfs(self._home.path)
        if room.f_bavail * room.f_frsize < LEAST_FREE_BYTES or (room.f_files and room.f_favail < LEAST_FREE_FILES):
            raise Unreachable("disk-full")
        return well("")


__all__ = ["Ready"]
