"""Rows of one source: whose they are, and what each says, before a shape gives them columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synthetic.lives.codes import codes
from synthetic.lives.records import METHODS, STREAMS, Events


@dataclass(frozen=True, repr=False)
class Extract:
    """Some events of a block's people, or the people themselves where there are no ``events``.

    ``person`` is each row's row in ``registers``: what organisations have written down of each of a block's people.
    ``died`` is by person, -1 for who lives; ``record`` is each row's own number; ``organisations`` are by stream.
    """

    registers: Mapping[str, pa.Array]
    died: NDArray[np.int32]
    person: NDArray[np.int32]
    record: pa.Array
    events: Events | None = None
    rows: NDArray[np.int64] | None = None
    organisations: Mapping[int, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.person)

    def of_person(self, name: str) -> pa.Array:
        """Return for each row what the registers say of its person."""
        return self.registers[name].take(self._of)

    def array(self, name: str) -> NDArray[np.integer]:
        """Return a field of the events that is a day or a place in a list."""
        return np.asarray(getattr(self.events, name)[self.rows])

    def days(self, name: str) -> pa.Array:
        """Return a field as days."""
        return pa.array(self.array(name).astype(np.int32)).cast(pa.date32())

    def number(self, name: str) -> pa.Array:
        """Return a field as numbers, null where there is none; to the penny, as money and measurements are written."""
        return pa.array(np.round(self.floats(name), 2), from_pandas=True)

    def floats(self, name: str) -> NDArray[np.float64]:
        """Return a field as numbers, NaN where there is none."""
        return self.array(name).astype(np.float64)

    def stream(self, what: str) -> pa.Array:
        """Return the source or the setting of the stream of each row."""
        return _texts(*(str(getattr(each, what)) for each in STREAMS)).take(pa.array(self.array("stream")))

    @property
    def code(self) -> pa.Array:
        """Return the code of each row."""
        return _of_codes("code").take(self._codes)

    @property
    def system(self) -> pa.Array:
        """Return the system that each row's code is of."""
        return _of_codes("system").take(self._codes)

    @property
    def unit(self) -> pa.Array:
        """Return the unit of each row's value, null where there is none."""
        return _of_codes("unit").take(self._codes)

    @property
    def organisation(self) -> pa.Array:
        """Return the code of the organisation that each row is of."""
        first = int(self.array("stream")[0]) if len(self) else 0
        return self.organisations[first].take(pa.array(self.array("provider")))

    def translated(self, name: str, texts: Mapping[str, str]) -> pa.Array:
        """Return a text for each row's ``code`` or ``method``, null where none is given."""
        known = [each.code for each in codes()] if name == "code" else METHODS
        return pa.array([texts.get(each) for each in known], pa.string()).take(pa.array(self.array(name)))

    def is_method(self, method: str) -> NDArray[np.bool_]:
        """Return which rows came about in this way."""
        return np.asarray(self.array("method") == METHODS.index(method))

    def is_one_day(self) -> NDArray[np.bool_]:
        """Return which rows ended on the day they began."""
        return np.asarray(self.array("until") == self.array("day"))

    def died_there(self) -> NDArray[np.bool_]:
        """Return which rows ended with the person's death."""
        died = self.died[self.person]
        return np.asarray((died >= 0) & (died == self.array("until")))

    @cached_property
    def _of(self) -> pa.Array:
        return pa.array(self.person)

    @cached_property
    def _codes(self) -> pa.Array:
        return pa.array(self.array("code"))


@cache
def _of_codes(what: str) -> pa.Array:
    return pa.array([getattr(each, what) or None for each in codes()], pa.string())


@cache
def _texts(*texts: str) -> pa.Array:
    return pa.array(texts, pa.string())


__all__ = ["Extract"]
