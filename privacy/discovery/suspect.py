"""What discovery finds: a column, the kind of identifier it seems to hold, and why, never with a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from privacy.discovery.cells import Cells

Kind = Literal[
    "address",
    "birth-date",
    "e-mail",
    "free-text",
    "local-number",
    "name",
    "national-insurance-number",
    "nhs-number",
    "phone",
    "postcode",
    "property-number",
]
FEW = 10  # distinct texts, below which a column's values alone say nothing: its name must agree
HALF, MOST = 0.5, 0.9


@dataclass(frozen=True, order=True)
class Suspect:
    """One finding. ``reason`` is one plain sentence; its shares are rounded to tens of percent."""

    column: str
    kind: Kind
    reason: str

    def __str__(self) -> str:
        return f"{self.column}: {self.kind}: {self.reason}"


class Detector(Protocol):
    """Looks for one kind of identifier: sees a column's distinct texts part by part, then says what it thinks."""

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None; ``named`` says that its name speaks for this kind."""


class Sure(Detector, Protocol):
    """A detector that can also tell from one text, where nothing else is there to compare it with."""

    @property
    def sure(self) -> bool:
        """Say whether one of the texts holds what is looked for."""


def about(part: int, whole: int) -> str:
    """Return a share as words, rounded to tens of percent: ``about 60%``, ``nearly all``, ``fewer than 5%``."""
    if part >= 0.95 * whole:
        return "nearly all"
    return f"about {round(10 * part / whole)}0%" if part >= 0.05 * whole else "fewer than 5%"


__all__ = ["FEW", "HALF", "MOST", "Detector", "Kind", "Sure", "Suspect", "about"]
