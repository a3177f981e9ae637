"""From keys back to values: a day within a band, one of several codes, or nothing, by what a contract allows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from privacy.arrays import Floats, Integers
from privacy.columns import Column
from privacy.errors import Invalid
from privacy.variables import Variable
from synthetic.tables import days

WHOLE = ("integer", "date")  # types whose values are whole numbers; a date's are days since 1970-01-01


@dataclass(frozen=True)
class Field:
    """A column as it is written, and what each of its keys may be.

    Of a number key i is anything from ``low[i]`` to ``high[i]``: of whole numbers the last included, of others not. Of
    a code it is one of ``choices[i]``. Where ``missing[i]`` it is nothing.
    """

    name: str
    type: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    choices: tuple[tuple[str, ...], ...]
    missing: tuple[bool, ...]

    @cached_property
    def possible(self) -> NDArray[np.bool_]:
        """Return for each key whether anything can be drawn for it."""
        some = [bool(each) for each in self.choices] if self.coded else np.less_equal(self.low, self.high).tolist()
        return np.array(some, np.bool_) | np.array(self.missing, np.bool_)

    def of_possible(self) -> Field:
        """Return the same without keys for which nothing can be drawn."""
        kept = self.possible.tolist()
        return replace(
            self,
            low=tuple(compress(self.low, kept)),
            high=tuple(compress(self.high, kept)),
            choices=tuple(compress(self.choices, kept)),
            missing=tuple(compress(self.missing, kept)),
        )

    @property
    def coded(self) -> bool:
        """Say whether its values are codes."""
        return self.type == "code"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return all codes, one key's after the other's: a drawn code is a place among them."""
        return tuple(code for each in self.choices for code in each)

    def drawn(self, places: Integers, rng: np.random.Generator) -> Floats:
        """Return a value for each key's place, NaN for nothing; of codes the place among ``names``."""
        u = rng.random(len(places))
        if self.coded:
            count = np.array([len(each) for each in self.choices])
            first = np.cumsum(count) - count
            value = first[places] + np.floor(u * count[places])
        else:
            low, high = np.array(self.low)[places], np.array(self.high)[places]
            value = low + (np.floor(u * (high - low + 1)) if self.type in WHOLE else u * (high - low))
        return np.where(np.array(self.missing)[places], np.nan, value)

    @property
    def arrow(self) -> pa.Field:
        """Return its name and type in a file."""
        types = {"integer": pa.int64(), "date": pa.date32(), "code": pa.dictionary(pa.int16(), pa.string())}
        return pa.field(self.name, types.get(self.type, pa.float64()))

    def written(self, values: Floats) -> pa.Array:
        """Return drawn values as they are written."""
        nothing = np.isnan(values)
        if self.coded:
            at = pa.array(np.where(nothing, 0, values).astype(np.int16), mask=nothing)
            return pa.DictionaryArray.from_arrays(at, pa.array(self.names, pa.string()))
        if self.type == "date":
            return days(np.where(nothing, 0, values).astype(np.int32), nothing)
        if self.type in WHOLE:
            return pa.array(np.where(nothing, 0, values).astype(np.int64), mask=nothing)
        return pa.array(values, mask=nothing)

    def texts(self, values: Floats) -> NDArray[np.str_]:
        """Return drawn codes as texts, nothing as an empty one: what codes of several columns are compared by."""
        return np.array([*self.names, ""])[np.where(np.isnan(values), len(self.names), values).astype(np.int64)]


def field_of(variable: Variable, column: Column | None) -> Field:
    """Return what is written of a variable: of its column in the contract, or of the study's feature (None) a number.

    A key for what is missing is nothing where the contract lets the column be missing, otherwise it cannot be; of codes
    it is one of those that the study does not list, where the contract has others.
    """
    if variable.periods_ahead:
        raise Invalid("fit-variable", f"{variable.name}: it is of a later row")
    may_miss = column is None or column.may_be_missing
    if variable.transform == "code":
        others = tuple(code for code in (column.codes if column else ()) if code not in variable.codes)
        choices = (*((code,) for code in variable.codes), () if may_miss else others)
        return _coded(variable, choices, may_miss=may_miss)
    ends = (variable.low, *variable.edges, variable.high)
    bands = list(pairwise(ends))
    if column is not None and column.type == "code":
        within = [
            tuple(code for code in column.codes if low <= float(code) < high + (high == variable.high))
            for low, high in bands
        ]
        return _coded(variable, (*within, ()), may_miss=may_miss)
    type_ = column.type if column else "number"
    if type_ in WHOLE:
        whole = [(float(math.ceil(low)), float(math.ceil(high) - 1)) for low, high in bands[:-1]]
        bands = [*whole, (float(math.ceil(bands[-1][0])), float(math.floor(bands[-1][1])))]
    low, high = zip(*bands, (1.0, 0.0), strict=True)
    missing = (*(False for _ in bands), may_miss)
    return Field(variable.column, type_, low, high, tuple(() for _ in missing), missing)


def _coded(variable: Variable, choices: Sequence[tuple[str, ...]], *, may_miss: bool) -> Field:
    nothing = tuple(0.0 for _ in choices)
    missing = (*(False for _ in choices[1:]), may_miss)
    return Field(variable.column, "code", nothing, nothing, tuple(choices), missing)


def table_of(fields: Sequence[Field], values: Mapping[str, Floats]) -> list[pa.Array]:
    """Return the columns of a table in the order of its fields."""
    return [field.written(values[field.name]) for field in fields]


__all__ = ["WHOLE", "Field", "field_of", "table_of"]
