"""The questions that packs ask, by use case, read from ``questions.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from privacy.errors import Invalid


@dataclass(frozen=True)
class Question:
    """What is asked of a pack's data: one question, why it matters, where to begin and what to beware of."""

    name: str
    title: str
    question: str
    why: str
    start: tuple[str, ...]
    beware: tuple[str, ...]


@cache
def questions() -> Mapping[str, Question]:
    """Return every question by the name of its use case."""
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return {
        name: Question(name, start=tuple(table.pop("start")), beware=tuple(table.pop("beware")), **table)
        for name, table in tables.items()
    }


def question(name: str) -> Question:
    """Return one of them; ``use-case-unknown`` lists what there is."""
    if name not in questions():
        raise Invalid("use-case-unknown", name[:100], faults=questions())
    return questions()[name]


__all__ = ["Question", "question", "questions"]
