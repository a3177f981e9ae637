"""Whether the published figures can be: a rate that is none is told, with its file and line, before anybody is made."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from privacy.errors import Invalid
from synthetic.published import HEAD, PRIORS, sources

REST = "*"  # every column but the first
MOST_NAMED = 20
SHARE, COUNT, AGE, COST, A_HEAD = (0.0, 1.0), (0.0, 1e9), (0.0, 120.0), (0.0, 1e6), (0.0, 50.0)
RATIO = (1e-3, 1e3)
BOUNDS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "age_shapes": {"age": AGE, "relative": (0.0, 1e3)},
    "ages": {REST: COUNT},
    "attendances": {REST: A_HEAD},
    "conditions": {
        "least_age": AGE, "most_age": AGE, "counted_from": AGE, "prevalence": SHARE, "onset_age": AGE,
        "onset_spread": AGE, "medicine_cost": COST,
    },
    "effects": {"ratio": RATIO},
    "ethnicities": {REST: COUNT},
    "living_shares": {"share": SHARE},
    "months": {"pace": RATIO},
    "mortality": {"rate": (0.0, 5.0)},
    "prevalence": {REST: SHARE},
    "prevalence_deciles": {REST: SHARE},
    "processes": {"a_head": A_HEAD, "course": (0.0, 1e3), "least_age": AGE, "most_age": AGE, "cost": COST},
    "sexes": {REST: COUNT},
    "trust_shares": {"part": SHARE},
}  # fmt: skip
MAY_BE_EMPTY = {("conditions", "prevalence"), ("conditions", "medicine_cost"), ("processes", "cost")}


def check_priors(home: Path = PRIORS) -> None:
    """Refuse tables that say what cannot be, such as a share above one: ``priors-impossible``, by file and line."""
    faults = [fault for name in BOUNDS for fault in _faults(home / f"{name}.csv", name)]
    if faults:
        raise Invalid("priors-impossible", faults=[*faults[:MOST_NAMED], *(["and more"] * (len(faults) > MOST_NAMED))])


def _faults(path: Path, name: str) -> Iterator[str]:
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError):
        yield f"{path.name}: cannot be read"
        return
    first = ",".join(lines[0]) if lines else ""
    named = first.startswith(HEAD)
    head = lines[named] if len(lines) > named else []
    told = first.removeprefix(HEAD).split(", ") if named else []
    yield from (f"{path.name}, line 1: sources.toml has no {key}" for key in told if key not in sources())
    for number, row in enumerate(lines[named + 1 :], start=named + 2):
        if len(row) != len(head):
            yield f"{path.name}, line {number}: has {len(row)} cells, not {len(head)}"
        else:
            cells = dict(zip(head, row, strict=True))
            yield from (f"{path.name}, line {number}: {fault}" for fault in _of_row(name, cells, head))


def _of_row(name: str, cells: Mapping[str, str], head: list[str]) -> Iterator[str]:
    if "source" in cells and cells["source"] not in sources():
        yield "sources.toml has no source of this name"
    bounds = BOUNDS[name]
    for column, (low, high) in (dict.fromkeys(head[1:], bounds[REST]) if REST in bounds else bounds).items():
        cell = cells.get(column, "")
        if not cell and (name, column) in MAY_BE_EMPTY:
            continue
        if not low <= _number(cell) <= high:
            yield f"{column}: from {low:g} to {high:g}"


def _number(cell: str) -> float:
    """Return what a cell says; not a number where it says none, which is within no bounds."""
    try:
        return float(cell)
    except ValueError:
        return float("nan")


__all__ = [
    "AGE", "A_HEAD", "BOUNDS", "COST", "COUNT", "MAY_BE_EMPTY", "MOST_NAMED", "RATIO", "REST", "SHARE", "check_priors",
]  # fmt: skip
