"""Logs: one JSON object a line on stderr, each with a time and a level; what may stand in it, privacy/ says."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from privacy.logs import clean, relay_everything
from privacy.unbroken import Unbroken


def log_to_stderr(level: str) -> None:
    """Send everything from ``level`` up, of ours, of libraries and of what nobody caught, to stderr as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _clean,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Unbroken(sys.stderr))),
    )
    relay_everything(_emit)


def _clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return clean(event)


def _emit(level: str, event: str, fields: Mapping[str, object]) -> None:
    structlog.get_logger().log(logging.getLevelNamesMapping().get(level.upper(), logging.WARNING), event, **fields)


__all__ = ["log_to_stderr"]
