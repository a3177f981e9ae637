"""While the coordinator serves: its certificate is renewed in time, and handed to the listeners without a restart."""

from __future__ import annotations

import asyncio
import datetime
import os
import ssl
from collections.abc import Callable

import structlog

from coordinator.identity.certificates import Certificates, read_certificates, renew_server
from coordinator.identity.keys import KeyFiles
from privacy.errors import HedgerowError

BETWEEN = datetime.timedelta(minutes=1)  # two looks at dates that change in weeks; a new file is seen at once

log = structlog.get_logger()


class Renewal:
    """Watches the certificates of one coordinator; ``begin`` before anything listens, ``look`` every second."""

    def __init__(self, files: KeyFiles, *, now: Callable[[], datetime.datetime]) -> None:
        self._files, self._now = files, now
        self._listeners: list[tuple[asyncio.AbstractEventLoop, ssl.SSLContext]] = []
        self._loaded = self._stamp()
        self._looked: datetime.datetime | None = None
        self._said: dict[str, str] = {}

    def begin(self) -> None:
        """Renew what is due, so that a coordinator that rested for months serves again; raise what no node accepts."""
        now = self._now()
        try:
            certificates = read_certificates(self._files, now=now)
            if certificates.server_due(now):
                certificates = self._renew(now)
        except HedgerowError:
            certificates = read_certificates(self._files, now=now)
            if not certificates.server_good(now):
                raise
        self._loaded = self._stamp()

    def attach(self, context: ssl.SSLContext) -> None:
        """Take in a listener; called in its own event loop, where alone its context may be changed."""
        self._listeners.append((asyncio.get_running_loop(), context))

    def look(self) -> None:
        """Renew what is due, and hand what is new to the listeners; what fails is said when it changes."""
        now = self._now()
        if self._stamp() == self._loaded and self._looked and abs(now - self._looked) < BETWEEN:
            return
        self._looked = now
        try:
            certificates = read_certificates(self._files, now=now)
            if certificates.server_due(now):
                certificates = self._renew(now)
            if (stamp := self._stamp()) != self._loaded:
                self._hand_over(certificates)
                self._loaded = stamp
            near = certificates.authority_near(now)
            self._say("authority", "authority-near" if near else "", certificates.authority.not_valid_after_utc)
        except (HedgerowError, OSError) as error:
            self._say("server", error.code if isinstance(error, HedgerowError) else type(error).__name__)
        else:
            self._say("server", "")

    def _renew(self, now: datetime.datetime) -> Certificates:
        renewed = renew_server(self._files, now=now)
        log.info("certificate-renewed", ends=renewed.server.not_valid_after_utc.isoformat())
        return renewed

    def _hand_over(self, certificates: Certificates) -> None:
        """Have new connections be shown the new certificate; those that are open go on as they are."""
        for loop, context in self._listeners:
            loop.call_soon_threadsafe(self._load, context)
        log.info("certificate-in-use", ends=certificates.server.not_valid_after_utc.isoformat())

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self._files.server, self._files.server_key)
        except (OSError, ssl.SSLError) as error:
            log.error("certificate-not-loaded", kind=type(error).__name__)  # noqa: TRY400 - no values in logs

    def _stamp(self) -> tuple[int, int]:
        try:
            found = os.stat(self._files.server)  # noqa: PTH116 - as the file is named now
        except OSError:
            return (0, 0)
        return found.st_ino, found.st_mtime_ns

    def _say(self, what: str, code: str, ends: datetime.datetime | None = None) -> None:
        if self._said.get(what, "") != code:
            self._said[what] = code
            if code:
                log.warning("certificate", of=what, code=code, ends=ends.isoformat() if ends else "")


__all__ = ["BETWEEN", "Renewal"]
