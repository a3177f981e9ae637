"""What a monitor may ask of a serving program: is it alive, is it ready, how is it; and nothing else."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from privacy.health import Check, Finding, examine

ALIVE, READY, METRICS = "/healthz", "/readyz", "/metrics"
FRESH_SECONDS = 5.0  # an answer is worked out at most this often, however often it is asked
JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Answer:
    """One answer over HTTP."""

    status: int
    media_type: str
    body: bytes


class Readiness:
    """Runs the checks of readiness when asked, at most every few seconds."""

    def __init__(self, checks: Sequence[Check], now: Callable[[], datetime.datetime]) -> None:
        self._checks, self._now = checks, now
        self._at: datetime.datetime | None = None
        self._findings: list[Finding] = []

    def findings(self) -> list[Finding]:
        """Return what the checks found, a few seconds ago at most."""
        now = self._now()
        if self._at is None or abs((now - self._at).total_seconds()) >= FRESH_SECONDS:
            self._findings, self._at = examine(self._checks), now
        return self._findings


def alive() -> Answer:
    """Return that the program runs; that it could answer is all that this says."""
    return _json(200, {"alive": True})


def readiness(findings: Sequence[Finding]) -> Answer:
    """Return 200 when nothing failed, else 503, with the name and code of each check that did: no words, no values."""
    faults = [{"check": each.check, "code": each.code} for each in findings if each.state == "fail"]
    return _json(503 if faults else 200, {"ready": not faults, "not_ready": faults})


def not_offered(method: str) -> Answer:
    """Return the answer to any other path, or to anything but GET."""
    return _json(404, {"code": "address-unknown"}) if method == "GET" else _json(405, {"code": "address-unknown"})


def _json(status: int, document: object) -> Answer:
    return Answer(status, JSON_TYPE, json.dumps(document).encode())


__all__ = [
    "ALIVE",
    "FRESH_SECONDS",
    "JSON_TYPE",
    "METRICS",
    "READY",
    "Answer",
    "Readiness",
    "alive",
    "not_offered",
    "readiness",
]
