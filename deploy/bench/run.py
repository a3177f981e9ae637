"""Measure an area and write ``var/bench/AREA.json``: a list of {name, value, unit, aim, direction, against}.

    python deploy/bench/run.py main        (or no area: all)

Names are stable. Ratios are taken in one run. Nothing here passes or fails: figures are for people to read.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

AREAS = ("aggregation", "main", "pet", "synthetic")
OUT = Path("var/bench")


@dataclass(frozen=True)
class Figure:
    """One measured figure, what was aimed at, and what it is to be read against."""

    name: str
    value: float
    unit: str
    aim: float
    direction: Literal["at_most", "at_least"]
    against: str

    def line(self) -> str:
        """Return the figure as a line of a table."""
        reached = self.value <= self.aim if self.direction == "at_most" else self.value >= self.aim
        sign = "≤" if self.direction == "at_most" else "≥"
        mark = "reached" if reached else "not reached"
        return f"{self.name:<38}{self.value:>10.4g} {self.unit:<10} aim {sign} {self.aim:<8g}{mark:<13}{self.against}"


def measure(area: str) -> None:
    """Run one area's measurements, printing each as it comes, and write them down."""
    figures: Iterator[Figure] = importlib.import_module(f"deploy.bench.area_{area}").figures()
    measured = []
    for figure in figures:
        print(figure.line(), flush=True)
        measured.append(asdict(figure))
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{area}.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(f"wrote {OUT / area}.json", file=sys.stderr)


if __name__ == "__main__":
    sys.modules.setdefault("deploy.bench.run", sys.modules["__main__"])  # the areas import Figure from here
    wanted = [area for area in sys.argv[1:] if area] or list(AREAS)
    if unknown := sorted(set(wanted) - set(AREAS)):
        sys.exit(f"There is no area {', '.join(unknown)}; there are: {', '.join(AREAS)}")
    for name in wanted:
        measure(name)
