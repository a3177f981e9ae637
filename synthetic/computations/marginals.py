"""Counts of people by the keys of each column, each pair and, if asked, each three: what made-up people are drawn from.

All of it is one private sum. Which of it a model uses is chosen afterwards from the noisy figures, which is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from privacy.canonical import JSON
from privacy.computation import Ask, Batch, Parameters, PlannedSum, Result, State, Total
from privacy.counting import Keys, places, read_keys
from privacy.errors import Invalid
from privacy.fields import Fields
from synthetic.measured import KIND, Columns, Workload, cliques_of

MARGINS = "margins"
MOST_COLUMNS, MOST_WAYS = 40, 3
MOST_CELLS = 2**16  # of all margins together: half a megabyte a person who is counted
ROWS, BEFORE, FIRST = "rows", "_before", "none before"


class Marginals:
    """Parameters: ``by`` (bands or codes) and ``ways``, how many of them are counted together at most.

    Of people with several rows also: ``rows``, rising whole numbers that begin the bands of how many rows a person has,
    the last one the most; ``sequence``, one of ``by`` that is counted together with what it was in the row before, by
    rising ``order``, a number of the study. Each person weighs one, shared out over their rows.
    """

    version = 1
    title = "Margins to draw made-up people from"

    def plan(self, parameters: Parameters) -> tuple[PlannedSum, ...]:
        """Return one sum: all margins side by side."""
        workload = _read(parameters).workload
        least, most = min(workload.weights), max(workload.weights)
        meaning = f"1, shared out over their rows, times {least:.3g} to {most:.3g}, in the cell of each row's keys"
        return (PlannedSum(MARGINS, f"{meaning} in each margin", width=workload.width, clip=1.0, share=1.0),)

    def start(self, parameters: Parameters, earlier: Result | None) -> State:
        """Start with nothing."""
        return {}

    def next_request(self, parameters: Parameters, state: State) -> Ask | None:
        """Ask once."""
        return None if MARGINS in state else Ask(MARGINS)

    def contributions(self, parameters: Parameters, ask: Ask, batch: Batch) -> Floats:
        """Return a person's rows spread over the cells of every margin, shape (people, cells)."""
        p = _read(parameters)
        cells = np.zeros((batch.people, p.workload.width))
        for columns, weight in p.workload.columns(p.places(batch)):
            np.add.at(cells, (batch.person, columns), batch.weights * weight)
        return cells

    def absorb(self, parameters: Parameters, state: State, ask: Ask, total: Total) -> State:
        """Keep the noisy margins."""
        return {MARGINS: total.values, "sd": np.array([total.noise_sd])}

    def result(self, parameters: Parameters, state: State) -> Result:
        """Return every margin as it was measured, and the deviation of its noise; they do not agree with each other."""
        p = _read(parameters)
        counts = [part.ravel() for part in p.workload.parted(state[MARGINS])]
        arrays = {"counts": np.concatenate(counts), "sd": float(state["sd"][0]) / np.array(p.workload.weights)}
        facts: dict[str, JSON] = {
            "columns": {name: list(keys) for name, keys in p.columns.items()},
            "cliques": [list(clique) for clique in p.workload.cliques],
            "rows": list(p.rows),
            "sequence": p.sequence,
        }
        return Result(KIND, arrays, facts)


@dataclass(frozen=True)
class _Read:
    by: Keys
    ways: int
    rows: tuple[int, ...]
    sequence: str
    order: str

    @property
    def columns(self) -> Columns:
        """Return all columns: those named, how many rows, and what came before."""
        found = dict(self.by)
        if self.rows:
            found[ROWS] = tuple(str(a) if b == a + 1 else f"{a} to {b - 1}" for a, b in pairwise(_ends(self.rows)))
        if self.sequence:
            found[self.sequence + BEFORE] = (*self.by[self.sequence], FIRST)
        return found

    @property
    def workload(self) -> Workload:
        return Workload(tuple(map(len, self.columns.values())), cliques_of(len(self.columns), self.ways))

    def places(self, batch: Batch) -> list[NDArray[np.int64]]:
        """Return for each column the place of each row's key."""
        found = places(batch, self.by)
        if self.rows:
            of_person = np.searchsorted(self.rows[1:-1], np.bincount(batch.person, minlength=batch.people), "right")
            found.append(of_person[batch.person].astype(np.int64))
        if self.sequence:
            own = found[list(self.by).index(self.sequence)]
            found.append(_before(batch, own, self.order, none=len(self.by[self.sequence])))
        return found


def _before(batch: Batch, own: NDArray[np.int64], order: str, *, none: int) -> NDArray[np.int64]:
    """Return for each row what its person's row before has, and ``none`` for the first."""
    when = np.nan_to_num(batch.variable(order), nan=2.0)  # what has no time comes last
    sorted_rows = np.lexsort((when, batch.person))
    before = np.full(len(own), none, np.int64)
    follows = np.flatnonzero(np.diff(batch.person[sorted_rows], prepend=-1) == 0)
    before[sorted_rows[follows]] = own[sorted_rows[follows - 1]]
    return before


def _ends(rows: tuple[int, ...]) -> tuple[int, ...]:
    """Return where bands of numbers of rows begin, and one past the most."""
    return (*rows[:-1], rows[-1] + 1)


def _read(parameters: Parameters) -> _Read:
    faults: list[str] = []
    f = Fields(parameters, "parameters", faults)
    declared = f.anything("variables")
    by = read_keys(f, declared, most=MOST_COLUMNS)
    ways = f.whole("ways", 2, least=1)
    rows, sequence, order = f.numbers("rows"), f.name("sequence", ""), f.name("order", "")
    f.finish()
    if ways > MOST_WAYS:
        f.fault("ways", f"is at most {MOST_WAYS}")
    if rows and (len(rows) < 2 or rows[0] != 1 or any(a % 1 or b % 1 or a >= b for a, b in pairwise(rows))):
        f.fault("rows", "are rising whole numbers that begin with 1; the last is the most that are told apart")
        rows = ()
    if sequence and sequence not in by:
        f.fault("sequence", "is one of by")
        sequence = ""
    if bool(sequence) != bool(order):
        f.fault("order", "is a number of the study, and goes with sequence")
    read = _Read(by, min(ways, MOST_WAYS), tuple(map(int, rows)), sequence, order)
    if len(read.columns) < len(by) + bool(rows) + bool(sequence):
        f.fault("by", f"names nothing {ROWS} or ending in {BEFORE}, where these are counted")
    if not faults and read.workload.width > MOST_CELLS:
        faults.append(f"parameters.by: {read.workload.width:,} cells; at most {MOST_CELLS:,}: fewer or wider keys")
    if faults:
        raise Invalid("parameters-wrong", KIND, faults=faults)
    return read


COMPUTATION = Marginals()

__all__ = [
    "BEFORE", "COMPUTATION", "FIRST", "MARGINS", "MOST_CELLS", "MOST_COLUMNS", "MOST_WAYS", "ROWS", "Marginals",
]  # fmt: skip
