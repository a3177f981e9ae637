"""What a load found and did, for the people at this node only: its counts are exact and never leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.data_version import DataVersion


@dataclass(frozen=True)
class Finding:
    """One reason for quarantine in one column: how many rows have it, and the line, or row, of the first."""

    reason: str
    column: str
    rows: int
    first_line: int
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.reason} in {self.column}: {self.rows} rows, the first at {self.unit} {self.first_line}"


@dataclass(frozen=True)
class LoadReport:
    """What a load did."""

    version: DataVersion
    rows_read: int
    rows_kept: int
    rows_quarantined: int
    people_kept: int
    people_left_out: int
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> Mapping[str, int]:
        """Return how often each reason was found, by its code."""
        codes = sorted({finding.reason for finding in self.findings})
        return {code: sum(f.rows for f in self.findings if f.reason == code) for code in codes}


class Findings:
    """Gathers findings batch by batch, in the order in which they were first made."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._found: dict[tuple[str, str], tuple[int, int]] = {}

    def add(self, reason: str, column: str, lines: NDArray[np.int64]) -> None:
        """Note that the rows at these lines have a fault."""
        if len(lines):
            rows, first = self._found.get((reason, column), (0, int(lines.min())))
            self._found[reason, column] = rows + len(lines), min(first, int(lines.min()))

    def all(self) -> tuple[Finding, ...]:
        """Return what was found."""
        return tuple(Finding(*place, *seen, self._unit) for place, seen in self._found.items())


__all__ = ["Finding", "Findings", "LoadReport"]
