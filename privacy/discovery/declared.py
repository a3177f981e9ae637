"""What a declaration already says: which texts of a column need no look, and which kind is no news."""

from __future__ import annotations

import re
from collections.abc import Iterable

from privacy.columns import Column
from privacy.discovery.suspect import Kind
from privacy.written import NUMBER

ROOM = 100_000  # a whole part of six digits may be a hospital number, of eight a date of birth, of ten an NHS number
_SMALL_NUMBER = re.compile(r"\s*[+-]?0*(?:\d{1,5}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?\s*")
_NUMBER = re.compile(rf"\s*{NUMBER}\s*")


def undeclared(column: Column, texts: Iterable[str]) -> list[str]:
    """Return the texts that the column's declaration does not account for: those that could be an identifier.

    * A number within bounds of five digits is an age, a count, a measurement: there is no room for an identifier. So
      is any number that is stored in bands, when there are no more of these. Texts that are no such number are
      looked at: they would lie in quarantine as they came.
    * A code of a list that the contract gives is public already, and the contract's own list is looked at by
      ``Discovery`` when it is made. Texts that are not in the list are looked at.
    * A text that becomes a pseudonym is not stored, nor kept in quarantine.
    * Everything else is looked at, whatever kind it is said to be: free text declared ``measure``, a code of a
      system whose shape alone is known, a whole date, a whole postcode.
    """
    if column.treatment in ("pseudonym", "drop"):
        return []
    if column.type in ("integer", "number") and column.low is not None and column.high is not None:
        if column.treatment == "band" and column.band_width and (column.high - column.low) / column.band_width < ROOM:
            return [text for text in texts if not _NUMBER.fullmatch(text)]
        if max(abs(column.low), abs(column.high)) < ROOM:
            return [text for text in texts if not _SMALL_NUMBER.fullmatch(text)]
    if column.codes:
        known = frozenset(column.codes)
        return [text for text in texts if text.strip() not in known]
    return list(texts)


def declared(column: Column) -> Kind | None:
    """Return the kind of identifier that a column is said to be, and is generalised for: stored, it tells of many."""
    if column.type == "date" and column.treatment in ("month", "year"):
        return "birth-date"
    return "postcode" if column.type == "postcode" and column.treatment == "outward" else None


__all__ = ["ROOM", "declared", "undeclared"]
