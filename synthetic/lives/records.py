"""Events as columns: what the records of a block of people hold, sorted by person and day."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.figures import LAST_YEAR


@dataclass(frozen=True)
class Stream:
    """Where events come from: the ``source`` and ``setting`` of the canonical table of events."""

    key: str
    source: str
    setting: str


STREAMS = (
    Stream("gp", "gp", "primary-care"),
    Stream("medicine", "gp", "prescription"),
    Stream("ecds", "ecds", "emergency"),
    Stream("apc", "apc", "inpatient"),
    Stream("op", "op", "outpatient"),
    Stream("mental-health", "mental-health", "mental-health"),
    Stream("community", "community", "community"),
    Stream("social-care", "social-care", "social-care"),
    Stream("housing", "housing", "housing"),
    Stream("police", "police", "police"),
    Stream("fire", "fire", "fire"),
)
STREAM = {stream.key: place for place, stream in enumerate(STREAMS)}
METHODS = (
    "consultation",
    "diagnosis",
    "prescription",
    "emergency",
    "elective",
    "attended",
    "did-not-attend",
    "contact",
    "assessment",
    "report",
    "visit",
)
METHOD = {method: place for place, method in enumerate(METHODS)}


@dataclass(frozen=True)
class Events:
    """Events of one block, sorted by person and then day: arrays of one length.

    ``person`` is a row of the block; ``day`` and ``until`` (the last day of a stay, else ``day``) are days since
    1970-01-01; ``stream``, ``code`` and ``method`` are places in ``STREAMS``, ``codes()`` and ``METHODS``; ``value`` is
    in its code's unit, NaN where there is none; ``provider`` is a place in the stream's ``organisations``; ``cost`` is
    in pounds, NaN where none is known.
    """

    person: NDArray[np.int32]
    day: NDArray[np.int32]
    stream: NDArray[np.int8]
    code: NDArray[np.int32]
    value: NDArray[np.float32]
    until: NDArray[np.int32]
    method: NDArray[np.int8]
    provider: NDArray[np.int16]
    cost: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.person)


_TYPES = {
    "person": np.int32,
    "day": np.int32,
    "stream": np.int8,
    "code": np.int32,
    "value": np.float32,
    "until": np.int32,
    "method": np.int8,
    "provider": np.int16,
    "cost": np.float32,
}


class Records:
    """Gathers events of one block in any order; ``contacts`` (n, those of LAST_YEAR) counts a year's as they come."""

    def __init__(self, people: int) -> None:
        self.contacts = np.zeros((people, len(LAST_YEAR)), np.float32)
        self._parts: list[tuple[NDArray[np.generic], ...]] = []

    def add(
        self,
        *,
        person: NDArray[np.int32],
        day: NDArray[np.int32],
        stream: str,
        code: NDArray[np.int32] | int,
        method: NDArray[np.int8] | str,
        provider: NDArray[np.int16],
        value: NDArray[np.float32] | float = np.nan,
        until: NDArray[np.int32] | None = None,
        cost: NDArray[np.float32] | float = np.nan,
        counted: str = "",
    ) -> None:
        """Add events of one stream; what is one number or name is so for all of them.

        ``counted`` names the column of ``contacts`` that they count in, "" none.
        """
        columns = {
            "person": person,
            "day": day,
            "stream": STREAM[stream],
            "code": code,
            "value": value,
            "until": day if until is None else until,
            "method": METHOD[method] if isinstance(method, str) else method,
            "provider": provider,
            "cost": cost,
        }
        shape = person.shape
        self._parts.append(tuple(np.broadcast_to(np.asarray(columns[k], t), shape) for k, t in _TYPES.items()))
        if counted:
            self.count(counted, person)

    def count(self, column: str, person: NDArray[np.int32]) -> None:
        """Count events of these people in a column of ``contacts``."""
        self.contacts[:, LAST_YEAR.index(column)] += np.bincount(person, minlength=len(self.contacts))

    def new_year(self) -> NDArray[np.float32]:
        """Return the year's contacts and begin to count anew; falls are counted by their records."""
        counted, self.contacts = self.contacts, np.zeros_like(self.contacts)
        return counted

    def events(self) -> Events:
        """Return everything that was added, sorted by person and day; of one day, in the order it was added."""
        columns = [np.concatenate(parts) for parts in zip(*self._parts, strict=True)]
        person, day = columns[0].astype(np.int64), columns[1].astype(np.int64)
        order = np.argsort((person << 32) + (day - day.min(initial=0)), kind="stable")
        return Events(**{each.name: column[order] for each, column in zip(fields(Events), columns, strict=True)})


__all__ = ["METHOD", "METHODS", "STREAM", "STREAMS", "Events", "Records", "Stream"]
