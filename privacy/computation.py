"""The one way to learn from patients: a small program of private sums, in one file, by one protocol.

A computation says what it will ask for, what to ask next, what each person contributes, and how a total is absorbed.
It holds no privacy code and no network code: bound, noise, ledger, audit, wire and approval come with the protocol.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Arrays, Floats
from privacy.canonical import JSON
from privacy.errors import Invalid

People = Literal["training", "held-back", "everyone"]
Part = Literal["training", "held-back"]
PARTS: Mapping[People, tuple[Part, ...]] = {
    "training": ("training",),
    "held-back": ("held-back",),
    "everyone": ("training", "held-back"),
}
PACKAGES = ("models.computations", "synthetic.computations")  # by name: those who list them need neither room
Parameters = Mapping[str, Any]
State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class PlannedSum:
    """One kind of private sum in a plan.

    ``width`` numbers a person, whose Euclidean norm is at most ``clip`` whatever the data; asked ``times`` times for
    ``share`` of the computation's budget (shares are relative). ``meaning`` completes "each person adds …". ``state``
    names the float64 arrays that its requests carry, with their shapes: a request with any other is refused before it
    is charged, since a shape that fits only some numbers of rows would tell how many there are.
    """

    name: str
    meaning: str
    width: int
    clip: float
    share: float
    times: int = 1
    state: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.width, self.times) < 1 or not (self.clip > 0 and self.share > 0):
            raise Invalid("parameters-wrong", f"sum {self.name}: width, clip, share and times are above zero")


@dataclass(frozen=True)
class Batch:
    """Rows of whole people: everyone who appears has all of their rows here.

    ``person[i]`` in ``0 … people - 1`` says whose row i is, in rising order; ``variables`` has one number a row for
    each variable of the study.
    """

    people: int
    person: NDArray[np.int64]
    variables: Mapping[str, Floats]

    def matrix(self, names: Sequence[str]) -> Floats:
        """Return the named variables side by side, shape (rows, names)."""
        return np.column_stack([self.variable(name) for name in names]) if names else np.zeros((len(self.person), 0))

    def variable(self, name: str) -> Floats:
        """Return one variable, a number a row; ``variable-unknown`` when the study declares none of that name."""
        if name not in self.variables:
            raise Invalid("variable-unknown", name)
        return self.variables[name]

    @property
    def weights(self) -> Floats:
        """Return for each row one over its person's number of rows, so that each person weighs one."""
        return np.asarray(1.0 / np.bincount(self.person, minlength=self.people)[self.person], np.float64)

    def by_person(self, rows: Floats) -> Floats:
        """Return the sum of ``rows`` over each person, shape (people, columns)."""
        total = np.zeros((self.people, rows.shape[1]))
        np.add.at(total, self.person, rows)
        return total


@dataclass(frozen=True)
class Ask:
    """Which planned sum to take next, and the state (such as weights) that its contributions need."""

    sum: str
    state: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class Total:
    """The noisy total over all nodes that answered, and the standard deviation of the noise in each number."""

    values: Floats
    noise_sd: float


@dataclass(frozen=True)
class Result:
    """What a computation learned: plain arrays and plain facts, whose ``kind`` tells readers what to expect."""

    kind: str
    arrays: Arrays
    facts: Mapping[str, JSON]


class Computation(Protocol):
    """What one file provides, in ``models/computations/`` or ``synthetic/computations/``, as ``COMPUTATION``.

    Row i of ``contributions`` depends on person i alone. ``plan`` is evaluated on both sides from the study;
    ``start``, ``next_request``, ``absorb`` and ``result`` run at the coordinator on totals only: post-processing, free.
    """

    version: int
    title: str

    def plan(self, parameters: Parameters) -> tuple[PlannedSum, ...]:
        """Return the sums it will ask for; wrong parameters are ``parameters-wrong``."""

    def start(self, parameters: Parameters, earlier: Result | None) -> State:
        """Return the first state; ``earlier`` is the result of the step that this one works on, if it names one."""

    def next_request(self, parameters: Parameters, state: State) -> Ask | None:
        """Return what to ask next, or None when done."""

    def contributions(self, parameters: Parameters, ask: Ask, batch: Batch) -> Floats:
        """Return one row a person, shape (people, width); runs at the node."""

    def absorb(self, parameters: Parameters, state: State, ask: Ask, total: Total) -> State:
        """Return the state after a total."""

    def result(self, parameters: Parameters, state: State) -> Result:
        """Return what was learned."""


class Finder:
    """Finds computations by name in the packages that a composition root lists; a file there is all it takes."""

    def __init__(self, *packages: str) -> None:
        self.packages = packages

    def names(self) -> list[str]:
        """Return the names that a study may use: ``next_year_risk.py`` is ``next-year-risk``."""
        found = [m.name for p in self.packages for m in pkgutil.iter_modules(importlib.import_module(p).__path__)]
        return sorted(name.replace("_", "-") for name in found)

    def find(self, name: str) -> Computation:
        """Return the computation; a name that no file has is ``computation-unknown``."""
        if re.fullmatch(r"[a-z][a-z0-9-]*", name) and name in self.names():
            for package in self.packages:
                module = name.replace("-", "_")
                if importlib.util.find_spec(f"{package}.{module}"):
                    computation: Computation = importlib.import_module(f"{package}.{module}").COMPUTATION
                    return computation
        raise Invalid("computation-unknown", name)


__all__ = [
    "PACKAGES",
    "PARTS",
    "Ask",
    "Batch",
    "Computation",
    "Finder",
    "Parameters",
    "Part",
    "People",
    "PlannedSum",
    "Result",
    "State",
    "Total",
]
