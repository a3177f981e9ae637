"""How days, numbers and postcodes are written in sources: drafts, loads and linkages read them alike."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

# Patterns of a whole text, for any engine; the same texts whatever the machine's language
INTEGER = r"[+-]?[0-9]{1,15}(?:\.0*)?"  # 15 digits are exact as a float64; other programs write 3.0 for 3
NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"  # no thousands separator, inf, nan, hexadecimal
POSTCODE = r"[A-Z]{1,2}[0-9][0-9A-Z]?[0-9][A-Z]{2}"  # BS 7666, without its space
NO_FIXED_ABODE = "ZZ99"  # ODS: pseudo-postcodes such as ZZ99 3VZ; they are nobody's address
_TIME = re.compile(
    r"[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)? ?(?:[AaPp][Mm])?(?:Z|[+-][0-9]{2}:?[0-9]{2})?$"
)


def without_time(text: str) -> str:
    """Return what stands before a time of day, or the whole text where there is none."""
    return _TIME.sub("", text.strip())


def day_of(text: str, formats: Sequence[str]) -> datetime.date | None:
    """Return the day that a text names in the first format that reads all of it; a time behind it is dropped."""
    day = without_time(text)
    for pattern in formats if day.isascii() else ():
        try:
            return datetime.datetime.strptime(day, pattern).date()  # noqa: DTZ007 - a day, wherever
        except ValueError:
            continue
    return None


__all__ = ["INTEGER", "NO_FIXED_ABODE", "NUMBER", "POSTCODE", "day_of", "without_time"]
