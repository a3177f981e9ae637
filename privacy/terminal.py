"""How every program talks to its terminal: data to stdout, progress and errors to stderr, and no text commands it."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from privacy.atomic import SHARED, put
from privacy.errors import HedgerowError, Unreachable


def say(data: object, text: str, *, as_json: bool) -> None:
    """Print what was asked for to stdout: as JSON for programs, as text for people; no sign commands a terminal."""
    sys.stdout.write(_visible(json.dumps(data, indent=2, ensure_ascii=False) if as_json else text) + "\n")
    sys.stdout.flush()


def progress(text: str) -> None:
    """Tell a person at the terminal how it is going, on stderr."""
    sys.stderr.write(_visible(text) + "\n")
    sys.stderr.flush()


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows as aligned columns of text; a line break in a cell begins no row."""
    lines = [tuple(_visible(str(cell)).replace("\n", r"\u000a") for cell in row) for row in (head, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def figure(value: float | None) -> str:
    """Return a figure to three decimals, a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def write_new(out: Path, content: bytes) -> None:
    """Write what others may read to a new file; ``file-unwritable`` when it is there already."""
    try:
        put(out, content, mode=SHARED)
    except OSError as error:
        raise Unreachable("file-unwritable", str(out)) from error


def print_error(error: HedgerowError, *, as_json: bool) -> None:
    """Print what happened and what to do next to stderr."""
    document = {"code": error.code, "what": error.entry.what, "detail": error.detail, "faults": list(error.faults)}
    progress(json.dumps({**document, "next": error.entry.next_step}) if as_json else error.explain())


def where_of(error: BaseException) -> str:
    """Return the file and line that raised: enough to report a fault, and no value."""
    trace, where = error.__traceback__, "?"
    while trace is not None:
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where


def _visible(text: str) -> str:
    r"""Return a text with every sign that moves, colours or turns what a terminal shows as its ``\u`` number.

    Some texts come from records, or from a coordinator; in JSON the number means the same sign.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else _number(c) for c in text)


def _number(sign: str) -> str:
    units = sign.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))


__all__ = ["figure", "print_error", "progress", "say", "table", "where_of", "write_new"]
