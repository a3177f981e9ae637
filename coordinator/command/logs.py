"""Logs: one JSON object a line, on stderr, with a time and without values."""

from __future__ import annotations

import sys

import structlog


def log_to_stderr() -> None:
    """Send everything that the room logs to stderr as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


__all__ = ["log_to_stderr"]
