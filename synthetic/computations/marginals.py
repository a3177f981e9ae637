"""Counts of people by the keys of each column, and what pairs of columns leave open beside these: one private sum.

What a model makes of them is chosen by whoever fits it from the noisy figures, which costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Floats
from privacy.computation import Ask, Batch, Parameters, PlannedSum, Result, State, Total
from privacy.counting import Keys, places, read_keys
from privacy.errors import Invalid
from privacy.fields import Fields
from synthetic.fitted.measured import KIND, Columns, Workload, cliques_of, measured_by, result_of

MARGINS = "margins"
MOST_COLUMNS, MOST_WAYS = 40, 3
MOST_CELLS = 2**16  # of all margins together: half a megabyte a person who is counted
ROWS, BEFORE, FIRST = "rows", "_before", "none before"


class Marginals:
    """Parameters: ``by`` (bands or codes), and ``ways``, how many of them are counted together.

    Of people with several rows also: ``rows``, rising whole numbers that begin the bands of how many rows a person has,
    the last one the most; ``sequence``, one of ``by`` that is counted together with what it was in the row before, by
    rising ``order``, a number of the study; and ``own``, those of ``by`` that are the person's, not the row's. Each
    person weighs one, shared out over their rows.
    """

    version = 1
    title = "Margins to draw made-up people from"

    def plan(self, parameters: Parameters) -> tuple[PlannedSum, ...]:
        """Return one sum of all margins."""
        p = _read(parameters)
        which = "pair" if p.ways == len(("one", "other")) else f"set of at most {p.ways}"
        meaning = (
            "1, shared out over their rows, times a weight, in the cell of each row's keys in each column, "
            f"and in each {which} of columns, less what these alone say"
        )
        return (PlannedSum(MARGINS, meaning, width=p.workload.width, clip=1.0, share=1.0),)

    def start(self, parameters: Parameters, earlier: Result | None) -> State:
        """Start with nothing."""
        return {}

    def next_request(self, parameters: Parameters, state: State) -> Ask | None:
        """Ask for all margins, once."""
        return None if MARGINS in state else Ask(MARGINS)

    def contributions(self, parameters: Parameters, ask: Ask, batch: Batch) -> Floats:
        """Return a person's rows spread over the cells of every margin, shape (people, cells)."""
        p = _read(parameters)
        figures = np.zeros((batch.people, p.workload.width))
        p.workload.added(p.places(batch), batch.person, batch.weights, figures)
        return figures

    def absorb(self, parameters: Parameters, state: State, ask: Ask, total: Total) -> State:
        """Keep the noisy margins."""
        return {MARGINS: total.values, "sd": np.array([total.noise_sd])}

    def result(self, parameters: Parameters, state: State) -> Result:
        """Return every margin as it was measured, its noise within, and the deviation of that."""
        p = _read(parameters)
        found = measured_by(p.columns, p.ordered, p.workload, state[MARGINS], float(state["sd"][0]))
        return result_of(found, {"rows": list(p.rows), "sequence": p.sequence, "own": list(p.own)})


@dataclass(frozen=True)
class _Read:
    by: Keys
    bands: tuple[bool, ...]
    ways: int
    rows: tuple[int, ...]
    sequence: str
    order: str
    own: tuple[str, ...]

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
    def ordered(self) -> tuple[int, ...]:
        """Return how many keys of each column follow each other: all bands but what is missing, and numbers of rows."""
        found = [len(keys) - 1 if band else 0 for keys, band in zip(self.by.values(), self.bands, strict=True)]
        found += [len(self.rows) - 1] if self.rows else []
        return tuple(found + ([found[list(self.by).index(self.sequence)]] if self.sequence else []))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.columns.values()))

    @property
    def workload(self) -> Workload:
        return Workload(self.shape, cliques_of(len(self.shape), self.ways))

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
    bands = tuple(declared.get(name, {}).get("transform") == "band" for name in by)
    ways = f.whole("ways", 2, least=1)
    rows, sequence, order, own = f.numbers("rows"), f.name("sequence", ""), f.name("order", ""), f.texts("own")
    f.finish()
    if ways > MOST_WAYS:
        f.fault("ways", f"is at most {MOST_WAYS}")
    if rows and (len(rows) < 3 or rows[0] != 1 or any(a % 1 or b % 1 or a >= b for a, b in pairwise(rows))):
        f.fault(
            "rows", "are rising whole numbers that begin two bands at least, from 1; the last is the most told apart"
        )
        rows = ()
    if sequence and sequence not in by:
        f.fault("sequence", "is one of by")
        sequence = ""
    if bool(sequence) != bool(order) or (order and order not in declared):
        f.fault("order", "is a number of the study, and goes with sequence")
    if not set(own) <= set(by) or sequence in own:
        f.fault("own", "are some of by, but not sequence")
    read = _Read(by, bands, min(ways, MOST_WAYS), tuple(map(int, rows)), sequence, order, own)
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
