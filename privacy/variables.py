"""A study's variables: one number a row, made of a column by public bounds, or the key under which a row is counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

from privacy.canonical import Document
from privacy.columns import GROUPS, Column
from privacy.contract import Contract
from privacy.errors import Invalid
from privacy.features import Feature
from privacy.fields import LONGEST_TEXT, Fields

Transform = Literal["unit", "square", "log", "at-least", "band", "code"]
TRANSFORMS: Mapping[Transform, str] = {
    "unit": "scaled from its range to 0 … 1",
    "square": "scaled from its range to 0 … 1, then squared",
    "log": "log(1 + value - low), scaled from its range to 0 … 1",
    "at-least": "1 when it is at least the threshold, otherwise 0",
    "band": "the band that it is in",
    "code": "which of the listed codes it is",
}
KEYED = ("band", "code")
MISSING, OTHER = "missing", "other or missing"
MOST_KEYS = 1_000
CODED = "code."  # before a variable's name: where a table has its codes' places; no column has a dot in its name


@dataclass(frozen=True)
class Variable:
    """A number a row: one column, ``periods_ahead`` of the row, clamped to a public range and transformed.

    A missing value counts as ``if_missing``. A row whose ``periods_ahead`` period is not there is not in the cohort.
    A *keyed* variable says which of its public ``keys`` a row has: a band between rising ``edges``, or one of
    ``codes``. Its number is the key's place, scaled to 0 … 1; the last key is for what is missing.
    """

    name: str
    column: str
    transform: Transform
    low: float
    high: float
    if_missing: float
    threshold: float
    periods_ahead: int
    edges: tuple[float, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the names of its keys in order, the last for what is missing; none for a plain number."""
        if self.transform == "code":
            return (*self.codes, OTHER)
        if self.transform != "band":
            return ()
        between = (f"{low:.15g} to under {high:.15g}" for low, high in pairwise(self.edges))
        return (f"under {self.edges[0]:.15g}", *between, f"{self.edges[-1]:.15g} or over", MISSING)

    @property
    def source(self) -> str:
        """Return the name of the column that a table of numbers has for it: codes become places, as numbers."""
        return CODED + self.name if self.transform == "code" else self.column

    def document(self) -> Document:
        """Return it as plain data, every default filled in, with only what its transform takes."""
        said: Document = {"name": self.name, "column": self.column, "transform": self.transform}
        said["periods_ahead"] = self.periods_ahead
        if self.transform == "code":
            return said | {"codes": list(self.codes)}
        said |= {"low": self.low, "high": self.high}
        if self.transform == "band":
            return said | {"edges": list(self.edges)}
        return said | {"if_missing": self.if_missing, "threshold": self.threshold}

    def fault(self, column: Column | None, feature: Feature | None) -> Invalid | None:
        """Return what speaks against making it of a contract's column, or of the study's own feature; None if nothing.

        ``variable-unknown`` when there is no such number or code, ``variable-bounds`` when its public bounds, or the
        codes that it lists, go beyond what the contract says there may be.
        """
        what = f"{self.name}: {'feature' if feature else 'column'} {self.column}"
        if self.transform == "code":
            if feature or column is None or column.type != "code":
                return Invalid("variable-unknown", what)
            strange = [code for code in self.codes if column.codes and code not in column.codes]
            return Invalid("variable-bounds", f"{what} has no code {', '.join(strange)}") if strange else None
        bounds = feature.bounds if feature else column.public_bounds if column else None
        if bounds is None:
            return Invalid("variable-unknown", what)
        if self.low < bounds[0] or self.high > bounds[1]:
            return Invalid("variable-bounds", f"{what} is within {bounds[0]:g} to {bounds[1]:g}")
        return None


def read_variable(f: Fields) -> Variable:
    """Return the variable that a table describes; faults go to the list of ``f``."""
    transform = cast("Transform", f.text("transform", "unit", choices=TRANSFORMS))
    name, column, ahead = f.name("name"), f.name("column"), f.whole("periods_ahead", 0)
    if transform == "code":
        codes = _codes(f)
        f.finish()
        return Variable(name, column, transform, 0.0, float(len(codes)), 0.0, 0.0, ahead, codes=codes)
    low, high = f.number("low"), f.number("high")
    if not low < high:
        f.fault("high", "is above low")
    if transform == "band":
        edges = _edges(f, low, high)
        f.finish()
        return Variable(name, column, transform, low, high, low, low, ahead, edges=edges)
    if_missing, threshold = f.number("if_missing", low), f.number("threshold", low)
    f.finish()
    return Variable(name, column, transform, low, high, if_missing, threshold, ahead)


def _codes(f: Fields) -> tuple[str, ...]:
    codes = f.texts("codes")
    if not 1 <= len(codes) <= MOST_KEYS or len(set(codes)) < len(codes):
        f.fault("codes", f"from 1 to {MOST_KEYS:,}, none twice")
    if any(not code.isprintable() or "  " in code or not 0 < len(code) <= LONGEST_TEXT for code in codes):
        f.fault("codes", "print, with single spaces")  # they are shown to approvers
    if OTHER in codes:
        f.fault("codes", f"none is called {OTHER}")
    return codes


def _edges(f: Fields, low: float, high: float) -> tuple[float, ...]:
    """Return the edges between bands; ``bands`` says how many of equal width there are, in the place of edges."""
    if "bands" in f:
        bands = min(f.whole("bands", least=2), MOST_KEYS)
        return tuple(low + (high - low) * i / bands for i in range(1, bands))
    edges = f.numbers("edges")
    if not 1 <= len(edges) < MOST_KEYS or any(a >= b for a, b in pairwise((low, *edges, high))):
        f.fault("edges", f"rise between low and high, from 1 to {MOST_KEYS - 1}")
        return edges or (low,)
    return edges


def groups_of(variables: Iterable[Variable], contract: Contract) -> tuple[str, ...]:
    """Return the variables whose keys are groups, by the role that their column has in the contract."""
    roles = {column.name: column.role for column in contract.stored}
    return tuple(v.name for v in variables if roles.get(v.column) in GROUPS)


__all__ = [
    "CODED",
    "KEYED",
    "MISSING",
    "MOST_KEYS",
    "OTHER",
    "TRANSFORMS",
    "Transform",
    "Variable",
    "groups_of",
    "read_variable",
]
