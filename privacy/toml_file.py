"""A TOML file that a person wrote, read so that every fault comes with its line: tomllib forgets the lines."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from privacy.errors import Invalid, Unreachable

Read = TypeVar("Read")

_LINE_OF_SYNTAX_ERROR = re.compile(r"\(at line (\d+), column \d+\)")
_HEADER = re.compile(r"^\s*\[([^\[\]]+)\]\s*(#.*)?$")
_LIST_HEADER = re.compile(r"^\s*\[\[([^\[\]]+)\]\]\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def read_toml(path: Path, code: str, read: Callable[[dict[str, Any]], Read]) -> Read:
    """Return what ``read`` makes of a file; what is no TOML is ``code``, and faults that ``read`` finds get their line.

    A file that cannot be opened is ``file-unreadable``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    except UnicodeDecodeError as error:
        raise Invalid(code, str(path), faults=["line 1: is not UTF-8 text"]) from error
    try:
        return read(table_of(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(code, str(path), faults=[_syntax_fault(text, str(error))]) from error
    except Invalid as error:
        lines = _lines_of_keys(text)
        located = sorted((_line_of(fault, lines), fault) for fault in error.faults)
        raise Invalid(error.code, str(path), faults=[f"line {n}: {fault}" for n, fault in located]) from error


def table_of(text: str) -> dict[str, Any]:
    """Return a TOML text's values; a number or a nesting beyond what Python reads is a ``TOMLDecodeError`` too."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except (ValueError, RecursionError):
        raise tomllib.TOMLDecodeError("A number is too long, or too much lies inside each other") from None


def toml_lines(fields: Mapping[str, object]) -> str:
    """Return plain fields (texts, numbers, truth values, lists of them) as TOML: JSON writes these the same way."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())


def _syntax_fault(text: str, message: str) -> str:
    """Return tomllib's message with the line in front."""
    found = _LINE_OF_SYNTAX_ERROR.search(message)
    line = int(found[1]) if found else len(text.splitlines())
    return f"line {line}: {_LINE_OF_SYNTAX_ERROR.sub('', message).strip()}"


def _lines_of_keys(text: str) -> dict[str, int]:
    """Return the line of each table and each dotted key, counted from 1; tables of a list are ``list[1]`` and so on."""
    lines: dict[str, int] = {}
    lists: Counter[str] = Counter()
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _bare(header[1])
            lines.setdefault(table, number)
        elif header := _LIST_HEADER.match(line):
            lists[_bare(header[1])] += 1
            table = f"{_bare(header[1])}[{lists[_bare(header[1])]}]"
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{table}.{_bare(key[1])}".lstrip("."), number)
    return lines


def _bare(dotted: str) -> str:
    return re.sub(r"[\s\"']", "", dotted)


def _line_of(fault: str, lines: Mapping[str, int]) -> int:
    """Return the line of the longest written part of a fault's place: what is missing, at its table."""
    place = fault.split(": ", 1)[0]
    while place and place not in lines:
        place = place.rpartition("[" if place.endswith("]") else ".")[0]
    return lines.get(place, 1)


__all__ = ["Read", "read_toml", "table_of", "toml_lines"]
