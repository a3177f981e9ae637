"""Keeps who may connect in step with the register, while the coordinator serves: in within a second, and out."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog

from coordinator.register import EnrolledNode, Register
from privacy.errors import HedgerowError

EVERY_SECONDS = 1.0  # how soon what `node enrol`, `rotate` and `revoke` wrote down is so

log = structlog.get_logger()


class Link(Protocol):
    """What lets nodes connect."""

    def register(self, fingerprint: str, flower_public_key_pem: bytes) -> None:
        """Let the holder of this key connect."""

    def unregister(self, fingerprint: str) -> None:
        """Cut a node off."""

    def retire(self, fingerprint: str, flower_public_key_pem: bytes) -> None:
        """Remember a key that no longer serves."""


class Admission:
    """Lets every enrolled node in, and cuts every other one off; one that cannot be let in keeps nobody else out."""

    def __init__(self, register: Register, link: Link) -> None:
        self._register, self._link = register, link
        self._inside: dict[str, str] = {}  # fingerprint → fleet key
        self._failed: dict[str, str] = {}  # what could not be done, and why: said when it changes

    @contextmanager
    def kept(self, also: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Look every second, in a thread of its own, until the end of the block; ``also`` is done each time."""
        stop = threading.Event()

        def keep() -> None:
            while not stop.wait(EVERY_SECONDS):
                for work in (self.look, also):
                    try:
                        work()
                    except Exception as error:  # noqa: BLE001 - else nobody would be cut off any more
                        self._say(work.__name__, type(error).__name__)

        self.look()
        thread = threading.Thread(target=keep, name="admission", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def look(self) -> None:
        """Bring the link in step with the register, once."""
        try:
            nodes, former = self._register.nodes(), self._register.former_fleet_keys()
        except (HedgerowError, sqlite3.Error) as error:
            self._say("register", type(error).__name__)
            return
        self._say("register", "")
        for fleet_key, fingerprint in former.items():
            self._link.retire(fingerprint, fleet_key.encode())
        for gone in set(self._inside) - {node.fingerprint for node in nodes}:
            self._link.unregister(gone)
            del self._inside[gone]
            log.info("node-cut-off", node=gone)
        for node in nodes:
            self._let_in(node)

    def _let_in(self, node: EnrolledNode) -> None:
        known = self._inside.get(node.fingerprint)
        if known == node.fleet_key:
            return
        try:
            self._link.register(node.fingerprint, node.fleet_key.encode())
        except HedgerowError as error:
            self._say(node.fingerprint, error.code)
            return
        self._inside[node.fingerprint] = node.fleet_key
        self._say(node.fingerprint, "")
        log.info("node-admitted" if known is None else "node-rotated", node=node.fingerprint, serial=node.serial)

    def _say(self, what: str, code: str) -> None:
        if self._failed.get(what, "") != code:
            self._failed[what] = code
            if code:
                log.warning("not-admitted", of=what, code=code)


__all__ = ["EVERY_SECONDS", "Admission", "Link"]
