"""What a column seems to be, for a person to confirm: the fields of a draft, and why in words. Never a bound."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from node.contracts.sample import Look
from node.contracts.shapes import formats_of, number_type, system_of
from privacy.code_lists import read_code_list
from privacy.discovery.suspect import about
from privacy.unfinished import MARK

Value = str | bool | tuple[str, ...]
MOST_CODES, FEW_CODES = 200, 12  # beyond a few, most of them must be shared by many
ENOUGH_ROWS = 50
LONGEST_CODE = 40

# What names say, as words between underscores; first match wins
QUASI = (
    r"age|startage|sex|gender|lsoa\w*|msoa\w*|area|ward|region|postcode|practice\w*|gp\w*|imd\w*|decile|site\w*"
    r"|hospital|occupation|marital\w*"
)
SENSITIVE = (
    r"ethnic\w*|race|religion|orientation|diag\w*|icd|opcs|opertn|oper\w*|proc\w*|treatment|drug|medic\w*|bnf|snomed|read"
    r"|complaint|referral|reason|outcome|score|result|died|death|detained|alcohol|smok\w*|admimeth|disdest|dismeth"
)
LISTS: Mapping[str, tuple[str, ...]] = {
    r"ethnic\w*|ethnos": ("ethnic-category@2001",),
    r"sex|gender": ("person-gender-current@1", "person-stated-gender@1", "administrative-gender@4"),
    r"imd\w*|decile|deprivation": ("imd-decile@1",),
    r"admimeth|admission_method": ("admission-method@1",),
    r"dismeth|discharge_method": ("discharge-method@1",),
    r"disdest|discharge_destination": ("discharge-destination@1",),
    r"classpat|patient_classification": ("patient-classification@1",),
    r"attended": ("attended-or-not@1",),
}
ROLES: Mapping[str, str] = {
    r"sex|gender": "sex",
    r"ethnic\w*|ethnos": "ethnicity",
    r"imd\w*|decile|deprivation": "deprivation",
    r"lsoa\w*|msoa\w*": "area",
    r"practice\w*|gpprac": "practice",
    r"cost|tariff|price|charge": "cost",
    r"procode\w*|provider\w*|organisation\w*|org_code|trust": "organisation",
}
UNITS: Mapping[str, str] = {
    r"age|startage|years": "years",
    r"mins|minutes": "minutes",
    r"days|los|length_of_stay|bed_days": "days",
    r"cost|tariff|price|charge": "GBP",
}
THINK: Mapping[str, tuple[str, str]] = {
    "years": ("the least that can be, such as 0", "the most that can be, such as 120 for an age"),
    "minutes": ("the least that can be, such as 0", "the longest that is no slip, such as 10080 for a week"),
    "days": ("the least that can be, such as 0", "the longest that is no slip, such as 3650"),
    "GBP": ("the least that can be: may it be below 0?", "the most that is no slip"),
}


@dataclass(frozen=True)
class Guess:
    """The fields of one column's table in a draft, in order, and why, one line each."""

    fields: Mapping[str, Value]
    why: tuple[str, ...]


def guess(look: Look) -> Guess:
    """Return what a column seems to be. What looks like an identifier is one until a person says otherwise."""
    for attempt in _ATTEMPTS:
        if found := attempt(look):
            return found
    return Guess(
        {"kind": "direct-identifier", "type": "text", "treatment": "drop"},
        ("texts that are no codes, numbers or days: dropped, unless you know what they are",),
    )


def _nhs_number(look: Look) -> Guess | None:
    if not (found := look.suspected("nhs-number")):
        return None
    fields = {"kind": "direct-identifier", "type": "nhs-number", "treatment": "pseudonym"}
    return Guess(fields, (f"looks like the person's NHS number: {found.reason}",))


def _birth(look: Look) -> Guess | None:
    if not (found := look.suspected("birth-date")):
        return None
    fields = {"kind": "quasi-identifier", **_date(look), "treatment": "month", "role": "birth", **_days("birth")}
    return Guess(fields, (f"looks like a date of birth: {found.reason}", "only the month is kept"))


def _postcode(look: Look) -> Guess | None:
    if not (found := look.suspected("postcode")):
        return None
    fields = {"kind": "quasi-identifier", "type": "postcode", "treatment": "outward"}
    return Guess(fields, (f"looks like postcodes: {found.reason}", "only the part before the space is kept"))


def _identifier(look: Look) -> Guess | None:
    if not look.suspects:
        return None
    why = [f"looks like {found.kind}: {found.reason}" for found in look.suspects]
    if look.suspected("local-number"):
        why.append('treatment = "pseudonym" keeps a keyed text in its place, where rows or episodes must be told apart')
    return Guess({"kind": "direct-identifier", "type": "text", "treatment": "drop"}, tuple(why))


def _day(look: Look) -> Guess | None:
    if not formats_of(look.few):
        return None
    told = ", ".join(f"{share} {pattern}" for pattern, share in _shares(look))
    return Guess({"kind": "quasi-identifier", **_date(look), **_days("event")}, (f"days: {told}",))


def _listed(look: Look) -> Guess | None:
    for words, references in LISTS.items():
        if _says(look.name, words):
            for reference in references:
                codes = set(read_code_list(reference).only_codes)
                if 0 < look.values <= len(codes) and codes >= set(look.distinct):
                    return Guess(
                        {"kind": _kind(look.name), "type": "code", "code_list": reference, **_role(look.name)},
                        (f"its name and all of its values fit {reference}",),
                    )
    return None


def _coded(look: Look) -> Guess | None:
    if not (system := system_of(look.name, look.few)):
        return None
    fields = {"kind": _kind(look.name, "sensitive"), "type": "code", "system": system, **_role(look.name)}
    if system in ("icd-10", "opcs-4", "snomed-ct", "dm+d", "ctv3", "read-2", "loinc"):
        fields |= {"kind": "sensitive", "role": "code"}
    elif system == "gss":
        fields |= {"kind": "quasi-identifier"}
    return Guess(fields, (f"nearly all values have the shape of {system} codes",))


def _few_codes(look: Look) -> Guess | None:
    most = 2 if number_type(look.few) else FEW_CODES if 2 * len(look.shared) < look.values else MOST_CODES
    if not 0 < look.values <= most or max(map(len, look.distinct)) > LONGEST_CODE:
        return None
    codes, why = look.shared, ["few values, so they are taken for codes"]
    if len(codes) < look.values:
        codes += (f"{MARK}: codes that few people here have are not written: add them from the data dictionary",)
        why.append("codes that few people share are not written: they could point to somebody")
    return Guess({"kind": _kind(look.name), "type": "code", "codes": codes, **_role(look.name)}, tuple(why))


def _row_number(look: Look) -> Guess | None:
    if look.rows < ENOUGH_ROWS or look.values < look.rows or not _says(look.name, r"\w*id|\w*key|no|number|ref"):
        return None
    fields = {"kind": "direct-identifier", "type": "text", "treatment": "pseudonym"}
    return Guess(fields, ("each row has another value: the record's own number, kept as a keyed text",))


def _number(look: Look) -> Guess | None:
    if not (found := number_type(look.few)):
        return None
    kind, _ = found
    unit = next((unit for words, unit in UNITS.items() if _says(look.name, words)), "")
    low, high = THINK.get(unit, ("the least that the quantity can be", "the most that the quantity can be"))
    fields: dict[str, Value] = {"kind": _kind(look.name), "type": kind, "low": _todo(low), "high": _todo(high)}
    fields["unit"] = unit or _todo("its unit, or take this line out")
    why = "whole numbers" if kind == "integer" else "numbers"
    return Guess(
        {**fields, **_role(look.name)}, (f"{why}; bounds come from what the column means, never from the data",)
    )


_ATTEMPTS: tuple[Callable[[Look], Guess | None], ...] = (
    _nhs_number, _birth, _postcode, _identifier, _day, _row_number, _listed, _coded, _few_codes, _number,
)  # fmt: skip


def _date(look: Look) -> dict[str, Value]:
    formats = tuple(pattern for pattern, _ in formats_of(look.few))
    return {"type": "date", "formats": formats or (_todo("how its days are written, such as %d/%m/%Y"),)}


def _days(what: str) -> dict[str, Value]:
    first = "such as 1900-01-01" if what == "birth" else "such as the year the system began"
    return {
        "low": _todo(f"a day before all that can be, {first}"),
        "high": _todo("a day after all, such as 2100-01-01"),
    }


def _shares(look: Look) -> list[tuple[str, str]]:
    return [(pattern, about(round(share * 1000), 1000)) for pattern, share in formats_of(look.few)]


def _kind(name: str, otherwise: str = "measure") -> str:
    if _says(name, SENSITIVE):
        return "sensitive"
    return "quasi-identifier" if _says(name, QUASI) else otherwise


def _role(name: str) -> dict[str, Value]:
    return next(({"role": role} for words, role in ROLES.items() if _says(name, words)), {})


def _says(name: str, words: str) -> bool:
    return re.search(rf"(?:^|_)(?:{words})(?:_|\d|$)", name) is not None


def _todo(what: str) -> str:
    return f"{MARK}: {what}"


__all__ = [
    "ENOUGH_ROWS",
    "FEW_CODES",
    "LISTS",
    "LONGEST_CODE",
    "MOST_CODES",
    "QUASI",
    "ROLES",
    "SENSITIVE",
    "THINK",
    "UNITS",
    "Guess",
    "Value",
    "guess",
]
