"""What a column's texts could be by their shape: days in one of the usual formats, numbers, codes of a system."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from privacy.code_systems import CODE_SYSTEMS
from privacy.written import INTEGER, NUMBER, day_of, without_time

MOST = 0.95
A_FEW = 0.01  # a format that fewer texts have is more likely a slip than a format
# As people and programs write days; a time after it is dropped
FORMATS: Mapping[str, str] = {
    "%Y-%m-%d": r"\d{4}-\d{1,2}-\d{1,2}",
    "%d/%m/%Y": r"\d{1,2}/\d{1,2}/\d{4}",
    "%m/%d/%Y": r"\d{1,2}/\d{1,2}/\d{4}",
    "%d-%m-%Y": r"\d{1,2}-\d{1,2}-\d{4}",
    "%d.%m.%Y": r"\d{1,2}\.\d{1,2}\.\d{4}",
    "%d-%b-%Y": r"\d{1,2}-[A-Za-z]{3}-\d{4}",
    "%d %b %Y": r"\d{1,2} [A-Za-z]{3} \d{4}",
    "%d %B %Y": r"\d{1,2} [A-Za-z]{4,9} \d{4}",
    "%Y/%m/%d": r"\d{4}/\d{1,2}/\d{1,2}",
    "%d/%m/%y": r"\d{1,2}/\d{1,2}/\d{2}",
    "%d-%b-%y": r"\d{1,2}-[A-Za-z]{3}-\d{2}",
    "%Y%m%d": r"(?:19|20)\d{6}",
}
_LIKELY = re.compile(r"\d{1,4}[-/. ]\w{1,9}[-/. ]\d{1,4}|(?:19|20)\d{6}")
# Systems whose shape alone says enough; the others only where the column's name agrees
TELLING = ("gss", "loinc", "snomed-ct", "icd-10", "ctv3", "opcs-4")
NAMED: Mapping[str, str] = {
    "icd-10": r"icd|diag",
    "opcs-4": r"opcs|oper|proc(?!ode)",
    "dm+d": r"dmd|drug|medic|prescri",
    "snomed-ct": r"snomed|concept|complaint|diagnosis|finding",
    "read-2": r"read",
    "ctv3": r"ctv3|read",
    "ods": r"ods|provider|procode|practice|prac|organisation|org_|site|hospital_code|trust",
}
LEAST_CODES = 10


def formats_of(texts: Sequence[str]) -> list[tuple[str, float]]:
    """Return the formats that the texts' days are in, most used first, with shares; [] when too few texts are days.

    Where day and month could be either, it is day before month, unless that leaves texts over that the other reads.
    """
    if sum(_LIKELY.match(text) is not None for text in texts) < MOST * len(texts):
        return []
    days = [without_time(text) for text in texts]
    read = {pattern: frozenset(i for i, day in enumerate(days) if _is_day(day, pattern)) for pattern in FORMATS}
    american = read.pop("%m/%d/%Y")
    if len(american) > len(read["%d/%m/%Y"]):
        read["%d/%m/%Y"], read["%m/%d/%Y"] = frozenset(), american
    if not texts or len(frozenset[int]().union(*read.values())) < MOST * len(texts):
        return []
    shares = [(pattern, len(found) / len(texts)) for pattern, found in read.items()]
    return sorted((pair for pair in shares if pair[1] >= A_FEW), key=lambda pair: -pair[1])


def number_type(texts: Sequence[str]) -> tuple[str, float] | None:
    """Return ``integer`` or ``number`` and the share of texts that are one, or None."""
    for kind, pattern in (("integer", INTEGER), ("number", NUMBER)):
        share = sum(re.fullmatch(pattern, text) is not None for text in texts) / max(1, len(texts))
        if share >= MOST:
            return kind, share
    return None


def system_of(name: str, texts: Sequence[str]) -> str | None:
    """Return the code system that nearly all texts have the shape of, or None."""
    if not texts:
        return None
    fits = {each: float(np.mean(CODE_SYSTEMS[each].well_formed(texts))) >= MOST for each in (*NAMED, *TELLING)}
    named = [each for each, words in NAMED.items() if fits[each] and re.search(words, name)]
    lettered = any(text[:1].isalpha() for text in texts)
    telling = [each for each in TELLING if fits[each] and len(texts) >= LEAST_CODES and (lettered or each != "ctv3")]
    return next(iter([*named, *telling]), None)


def _is_day(day: str, pattern: str) -> bool:
    return re.fullmatch(FORMATS[pattern], day) is not None and day_of(day, [pattern]) is not None


__all__ = ["A_FEW", "FORMATS", "LEAST_CODES", "MOST", "NAMED", "TELLING", "formats_of", "number_type", "system_of"]
