"""Which fields of a document still say TODO: a draft names what is left, and is never taken for the real thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MARK = "TODO"


def unfinished(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield where texts begin with TODO, as faults name places: ``title``, ``steps[1].parameters.outcome``."""
    waiting: list[tuple[str, Any]] = [("", document)]  # a list, not recursion: a stranger's document may be deep
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str) and value.startswith(MARK):
            yield place
        elif isinstance(value, Mapping):
            inside = [(f"{place}.{name}".lstrip("."), each) for name, each in value.items()]
            waiting += reversed(inside)
        elif isinstance(value, list | tuple):
            waiting += reversed([(f"{place}[{i + 1}]", each) for i, each in enumerate(value)])


__all__ = ["MARK", "unfinished"]
