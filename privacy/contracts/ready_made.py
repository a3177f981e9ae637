"""The contracts that ship: one TOML file for each data set that organisations name, to be copied and finished."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from privacy.errors import Invalid
from privacy.unfinished import unfinished

DIRECTORY = Path(__file__).parent


@dataclass(frozen=True)
class ReadyMade:
    """One contract that ships: its name among them, and its text with the comments that say how to finish it."""

    name: str
    text: str

    @cached_property
    def document(self) -> dict[str, Any]:
        """Return what it says, unfinished as it is."""
        return tomllib.loads(self.text)

    @property
    def title(self) -> str:
        """Return its title."""
        return str(self.document["contract"]["title"])

    @property
    def table(self) -> str:
        """Return whether it is of people or of events."""
        return str(self.document["contract"]["table"])

    @property
    def columns(self) -> int:
        """Return how many columns it declares."""
        return len(self.document["columns"])

    def unfinished(self) -> Iterator[str]:
        """Give the places that a person has to fill in."""
        return unfinished(self.document)


def ready_made() -> list[ReadyMade]:
    """Return every contract that ships, by name."""
    files = sorted(DIRECTORY.glob("*.toml"), key=lambda file: file.stem)
    return [ReadyMade(file.stem, file.read_text(encoding="utf-8")) for file in files]


def find(name: str) -> ReadyMade:
    """Return one of them; ``contract-unknown`` lists what there is."""
    shipped = {each.name: each for each in ready_made()}
    if name not in shipped:
        raise Invalid("contract-unknown", name[:100], faults=sorted(shipped))
    return shipped[name]


__all__ = ["DIRECTORY", "ReadyMade", "find", "ready_made"]
