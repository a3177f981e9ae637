"""What a declaration already rules out: which texts of a declared column need no look."""

from __future__ import annotations

import re
from collections.abc import Iterable

from privacy.columns import Column

ROOM = 100_000  # a whole part of six digits may be a hospital number, of eight a date of birth, of ten an NHS number
_SMALL_NUMBER = re.compile(r"\s*[+-]?0*(?:\d{1,5}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?\s*")


def undeclared(column: Column, texts: Iterable[str]) -> list[str]:
    """Return the texts that the column's declaration does not account for: those that could be an identifier.

    * A number within bounds of five digits is an age, a count, a measurement: there is no room for an identifier. So
      is one that is stored in bands, when its bands are that few. Texts that are no such number are looked at: they
      would lie in quarantine as they came.
    * A code of a list that the contract gives is public already, and the contract's own list is looked at by
      ``Discovery`` when it is made. Texts that are not in the list are looked at.
    * A text that becomes a pseudonym, a date stored as month or year, and a postcode stored as its outward part are
      declared as what they are: what is stored tells of many people.
    * Everything else is looked at, whatever kind it is said to be: free text declared ``measure``, a code of a
      system whose shape alone is known, a whole date, a whole postcode.
    """
    if column.type in ("integer", "number") and _is_small(column):
        return [text for text in texts if not _SMALL_NUMBER.fullmatch(text)]
    if column.codes:
        known = frozenset(column.codes)
        return [text for text in texts if text.strip() not in known]
    if column.treatment in ("pseudonym", "drop", "month", "year", "outward"):
        return []
    return list(texts)


def _is_small(column: Column) -> bool:
    if column.low is None or column.high is None:
        return False
    if column.treatment == "band" and column.band_width:
        return (column.high - column.low) / column.band_width < ROOM
    return max(abs(column.low), abs(column.high)) < ROOM


__all__ = ["ROOM", "undeclared"]
