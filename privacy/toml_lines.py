"""Where in a TOML text each table and key is written: tomllib reads the values and forgets the lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

_LINE_OF_SYNTAX_ERROR = re.compile(r"\(at line (\d+), column \d+\)")
_HEADER = re.compile(r"^\s*\[([^\[\]]+)\]\s*(#.*)?$")
_LIST_HEADER = re.compile(r"^\s*\[\[([^\[\]]+)\]\]\s*(#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def syntax_fault(text: str, message: str) -> str:
    """Return tomllib's message with the line in front."""
    found = _LINE_OF_SYNTAX_ERROR.search(message)
    line = int(found[1]) if found else len(text.splitlines())
    return f"line {line}: {_LINE_OF_SYNTAX_ERROR.sub('', message).strip()}"


def lines_of_keys(text: str) -> dict[str, int]:
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


def line_of(fault: str, lines: Mapping[str, int]) -> int:
    """Return the line of the longest written part of a fault's place: what is missing, at its table."""
    place = fault.split(": ", 1)[0]
    while place and place not in lines:
        place = place.rpartition(".")[0]
    return lines.get(place, 1)


__all__ = ["line_of", "lines_of_keys", "syntax_fault"]
