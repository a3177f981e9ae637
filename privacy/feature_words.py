"""Features in plain English, for those who approve a study: which events, which days, and what becomes of them."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator

from privacy.contract import Contract
from privacy.features import MISSING_WITHOUT_EVENTS, Condition, Feature, FeatureSet

FEW = 6  # codes that are shown one by one


def explained(declared: FeatureSet, people: str = "", contracts: Iterable[Contract] = ()) -> Iterator[str]:
    """Yield a line for each feature, and one for each code list, with what they are hashed as.

    With ``contracts``, of ``people`` and of events, features are marked that read a sensitive column.
    """
    kinds = {(contract.name, c.name): c.kind for contract in contracts for c in contract.stored}
    for f in declared.features:
        columns = (f.column, f.until, *(condition.column for condition in f.where))
        marked = [name for name in dict.fromkeys(columns) if kinds.get((f.data_set or people, name)) == "sensitive"]
        mark = f"SENSITIVE ({', '.join(marked)}): " if marked else ""
        yield f"{f.name}: {mark}{in_words(f, declared)}"
    for each in declared.code_lists:
        yield (
            f"code list {each.reference}: {each.title}, {len(each.codes)} codes of {each.system}; from {each.source}; "
            f"licence {each.licence}; {each.sha256}"
        )


def in_words(f: Feature, declared: FeatureSet) -> str:
    """Return how a feature is made, in a phrase."""
    low, high = f.bounds
    if f.kind == "age":
        at = _day(declared.index_date)
        return f"age in completed years at {at}, counted in months from {f.column}, at most {high:g}"
    if f.of:
        return _derived(f)
    bounds = "" if f.kind == "any" else f", kept within {low:.15g} to {high:.15g}"
    missing = ", missing if there is none" if f.kind in MISSING_WITHOUT_EVENTS else ""
    return f"{_what(f)} {f.data_set}{_where(f, declared)} {_window(f, declared.index_date)}{bounds}{missing}"


def _what(f: Feature) -> str:
    return {
        "any": "1 if there is any event of",
        "count": "how many events of",
        "days-in": f"how many days from an event's date until its {f.until}, that day not counted, of events of",
        "days-since": "days since the last event of",
        "distinct": f"how many different values of {f.column} in events of",
        "latest": f"the latest {f.column} (of several on that day the greatest) in events of",
        "maximum": f"the greatest {f.column} in events of",
        "mean": f"the mean {f.column} in events of",
        "minimum": f"the least {f.column} in events of",
        "sum": f"the sum of {f.column} in events of",
    }[f.kind]


def _derived(f: Feature) -> str:
    if f.kind == "band":
        steps = ", ".join(f"{i} from {edge:g}" for i, edge in enumerate(f.edges, start=1))
        return f"the band of {f.of[0]}: 0 below {f.edges[0]:g}, {steps}"
    what = "how many" if f.kind == "how-many" else "which share"
    return f"{what} of these {len(f.of)} are 1 or more: {', '.join(f.of)}"


def _where(f: Feature, declared: FeatureSet) -> str:
    said = [_condition(condition, declared) for condition in f.where]
    return f" with {' and '.join(said)}" if said else ""


def _condition(c: Condition, declared: FeatureSet) -> str:
    if not c.of_text:
        ends = [
            f"at least {c.low:.15g}" if c.low is not None else "",
            f"at most {c.high:.15g}" if c.high is not None else "",
        ]
        return f"{c.column} {' and '.join(filter(None, ends))}"
    codes = declared.codes(c)
    begins = "beginning with one of" if c.prefix else "one of"
    if c.code_list:
        return f"{c.column} {begins} the {len(codes)} codes of {c.code_list}"
    more = f" and {len(codes) - FEW} more" if len(codes) > FEW else ""
    return f"{c.column} {begins} {', '.join(map(_code, codes[:FEW]))}{more}"


def _code(code: str) -> str:
    """Return a code in quotes where it could be taken for several, or for what comes after it."""
    return code if re.fullmatch(r"[^\s,\"]+", code) else json.dumps(code, ensure_ascii=False)


def _window(f: Feature, index_date: datetime.date) -> str:
    last = _day(index_date + datetime.timedelta(days=f.to_day - 1))
    if f.from_day is None:
        return f"up to {last}"
    return f"from {_day(index_date + datetime.timedelta(days=f.from_day))} to {last}"


def _day(day: datetime.date) -> str:
    return day.isoformat()


__all__ = ["FEW", "explained", "in_words"]
