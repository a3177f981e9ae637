"""What may stand in a log line: codes, hashes and short words; never a value, never an error's text.

Both rooms log through these functions, whatever writes the lines. What a library says, and what nobody caught, passes
the same way: by name, place and type alone.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from privacy.canonical import hash_of

LONGEST_FIELD = 200
ID_DIGITS = 12
DROPPED = frozenset({"exc_info", "exception", "stack", "stack_info"})
HIDDEN = "[digits]"
# Ten digits that stand by themselves, however they are spaced: the shape of an NHS number. Hashes and times have none.
_NUMBER = re.compile(r"(?<![0-9A-Za-z])\d{3}[\s._-]?\d{3}[\s._-]?\d{4}(?![0-9A-Za-z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

Emit = Callable[[str, str, Mapping[str, object]], None]  # level, event, fields


def exchange_id(study: str, place: int) -> str:
    """Return what names one exchange in the logs of both sides: made from the study's hash and the place alone."""
    return hash_of({"study": study, "place": place}).removeprefix("sha256:")[:ID_DIGITS]


def clean(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields as they may be written: plain, short, on one line, without what looks like an NHS number."""
    return {_text(name): _plain(value) for name, value in fields.items() if name not in DROPPED}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**9 else HIDDEN
    if isinstance(value, BaseException):
        return type(value).__name__
    return _text(str(value))


def _text(text: str) -> str:
    return _NUMBER.sub(HIDDEN, _CONTROL.sub(" ", text[: 2 * LONGEST_FIELD]))[:LONGEST_FIELD]


class Relay(logging.Handler):
    """Passes on that a library warned, and where in its source; its words may hold values that were put into them."""

    def __init__(self, emit: Emit) -> None:
        super().__init__(logging.WARNING)
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        fields = {"name": record.name, "where": f"{record.module}:{record.lineno}", "error": error}
        self._emit(record.levelname.lower(), "library", fields)


def relay_everything(emit: Emit) -> None:
    """Have whatever this process would print of warnings and uncaught exceptions go through ``emit``, without texts."""
    logging.getLogger().handlers = [Relay(emit)]

    def warned(message: object, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
        del message  # it may hold a value
        emit("warning", "warning", {"kind": category.__name__, "where": f"{Path(filename).name}:{lineno}"})

    warnings.showwarning = warned  # type: ignore[assignment]  # it is called by position

    def uncaught(kind: type[BaseException], _error: BaseException | None, trace: TracebackType | None) -> None:
        emit("error", "fault", {"kind": kind.__name__, "where": where_of(trace)})

    sys.excepthook = uncaught
    sys.unraisablehook = lambda seen: uncaught(seen.exc_type, seen.exc_value, seen.exc_traceback)
    threading.excepthook = lambda seen: uncaught(seen.exc_type, seen.exc_value, seen.exc_traceback)


def where_of(trace: TracebackType | None) -> str:
    """Return the file and line that raised: enough to report a fault, and no value."""
    where = "?"
    while trace is not None:
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


__all__ = [
    "DROPPED",
    "HIDDEN",
    "ID_DIGITS",
    "LONGEST_FIELD",
    "Emit",
    "Relay",
    "clean",
    "exchange_id",
    "relay_everything",
    "where_of",
]
