"""Features, declared as data: numbers about a person at an index date, from events whose contract is known."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, get_args

from privacy.canonical import Document, hash_of
from privacy.code_lists import CodeList
from privacy.columns import RESERVED
from privacy.errors import Invalid
from privacy.fields import NAME

FeatureKind = Literal[
    "age", "any", "band", "count", "days-in", "days-since", "distinct", "how-many", "latest", "maximum", "mean",
    "minimum", "share", "sum",
]  # fmt: skip

OLDEST = 120  # years; an age above it counts as this
LARGEST_SUM = 1e12  # sums are whole thousandths, and so exact in any order, well within 64 bits
LARGEST_COUNT = 1_000_000
MOST_FEATURES = 500
MOST_DISTINCT = 50  # each keeps a set of texts a person: of one with 100,000 events, 50 fit twice into the engine
LONGEST_CODE = 100
LONGEST_WINDOW = 366 * 150  # days
WINDOWED = ("data_set", "where", "from_day", "to_day")
VALUED = (*WINDOWED, "column", "low", "high")
# What each kind is made of. Fields that a kind does not list are refused, and so no part of its hash.
KINDS: Mapping[FeatureKind, tuple[str, ...]] = {
    "age": ("column", "at_most"),
    "any": WINDOWED,
    "band": ("of", "edges"),
    "count": (*WINDOWED, "at_most"),
    "days-in": (*WINDOWED, "until", "at_most"),
    "days-since": (*WINDOWED, "at_most"),
    "distinct": (*WINDOWED, "column", "at_most"),
    "how-many": ("of",),
    "latest": VALUED,
    "maximum": VALUED,
    "mean": VALUED,
    "minimum": VALUED,
    "share": ("of",),
    "sum": VALUED,
}
# Kinds that are missing for a person without such events; all other kinds of events are then 0.
MISSING_WITHOUT_EVENTS = ("days-since", "latest", "maximum", "mean", "minimum")


@dataclass(frozen=True)
class Condition:
    """What an event's column must be: one of ``codes`` or of a code list, or a number within bounds, both included.

    With ``prefix`` a text fits that begins with one of the codes. A missing value fits nothing.
    """

    column: str
    codes: tuple[str, ...] = ()
    code_list: str = ""
    prefix: bool = False
    low: float | None = None
    high: float | None = None

    def document(self) -> Document:
        """Return the condition as plain data, with only what it says."""
        if not self.of_text:
            return {"column": self.column, "low": self.low, "high": self.high}
        which: Document = {"code_list": self.code_list} if self.code_list else {"codes": list(self.codes)}
        return {"column": self.column, **which, "prefix": self.prefix}

    @property
    def of_text(self) -> bool:
        """Say whether it is about codes, and not about a number."""
        return bool(self.codes or self.code_list)

    def faults(self) -> Iterator[str]:
        """Give each fault as ``field: what it must be``."""
        bounds = self.low is not None or self.high is not None
        if [bool(self.codes), bool(self.code_list), bounds].count(True) != 1:
            yield "column: has one of codes, code_list, or low and high"
        if not all(self.codes) or len(set(self.codes)) < len(self.codes):
            yield "codes: none is empty, none is there twice"
        if any(not code.isprintable() or "  " in code or len(code) > LONGEST_CODE for code in self.codes):
            # they are shown to approvers: a new line or a run of spaces could forge what these read
            yield f"codes: print, with single spaces, and have at most {LONGEST_CODE} characters"
        if self.prefix and not self.of_text:
            yield "prefix: goes with codes or a code_list"
        if self.low is not None and self.high is not None and self.low > self.high:
            yield "high: is not below low"


@dataclass(frozen=True)
class Feature:
    """One number a person. ``kind`` says how it is made; ``KINDS`` says which of the fields that takes.

    An event is in the window when ``from_day <= date - index date < to_day``, in days; without ``from_day`` the window
    has no beginning. So with ``to_day`` 0 nothing of the index date or later is looked at.
    """

    name: str
    kind: FeatureKind
    data_set: str = ""
    column: str = ""
    until: str = ""
    where: tuple[Condition, ...] = ()
    from_day: int | None = None
    to_day: int = 0
    at_most: int | None = None
    low: float | None = None
    high: float | None = None
    of: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the least and the greatest value that it can have: public, since they come from the declaration."""
        if self.kind in ("any", "share"):
            return 0.0, 1.0
        if self.kind == "how-many":
            return 0.0, float(len(self.of))
        if self.kind == "band":
            return 0.0, float(len(self.edges))
        if self.kind == "age":
            return 0.0, float(OLDEST if self.at_most is None else self.at_most)
        if "at_most" in KINDS[self.kind]:
            return 0.0, float(self.at_most or 0)
        return float(self.low or 0.0), float(self.high or 0.0)

    @property
    def is_of_events(self) -> bool:
        """Say whether it is made from rows of an event data set."""
        return "data_set" in KINDS[self.kind]

    def document(self) -> Document:
        """Return the feature as plain data: what its kind takes, defaults filled in."""
        said: Document = {name: getattr(self, name) for name in KINDS[self.kind]}
        if "where" in said:
            said["where"] = [condition.document() for condition in self.where]
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}
        return {"name": self.name, "kind": self.kind} | {n: v for n, v in plain.items() if v is not None}

    def faults(self) -> Iterator[str]:
        """Give each fault as ``field: what it must be``."""
        if not NAME.fullmatch(self.name):
            yield "name: is a name of small letters, digits, - and _"
        elif self.name in RESERVED:
            yield "name: the node's own tables have a column of this name"
        if self.kind not in get_args(FeatureKind):
            yield f"kind: is one of {', '.join(sorted(get_args(FeatureKind)))}"
            return
        takes = KINDS[self.kind]
        untaken = {f: getattr(self, f) for f in Feature.__dataclass_fields__ if f not in ("name", "kind", *takes)}
        yield from (f"{f}: does not go with {self.kind}" for f, value in untaken.items() if value)
        wanted = [f for f in ("data_set", "column", "until", "of") if f in takes]
        yield from (f"{f}: is missing" for f in wanted if not getattr(self, f))
        for i, condition in enumerate(self.where):
            yield from (f"where[{i + 1}].{fault}" for fault in condition.faults())
        yield from _window_faults(self)
        yield from _bound_faults(self)


@dataclass(frozen=True)
class FeatureSet:
    """Features at one index date, with the code lists that they name; one that does not hold is ``study-malformed``."""

    index_date: datetime.date
    features: tuple[Feature, ...]
    code_lists: tuple[CodeList, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not hold together."""
        faults = [f"features[{i + 1}].{fault}" for i, each in enumerate(self.features) for fault in each.faults()]
        if faults := [*faults, *_reference_faults(self)]:
            raise Invalid("study-malformed", "features", faults=faults)

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the canonical document: the declarations, the index date, and all codes."""
        return hash_of(self.document())

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Return the event data sets that are read, in order of first use."""
        return tuple(dict.fromkeys(f.data_set for f in self.features if f.is_of_events))

    def document(self) -> Document:
        """Return the set as plain data."""
        return {
            "index_date": self.index_date.isoformat(),
            "features": [feature.document() for feature in self.features],
            "code_lists": [each.document() for each in self.code_lists],
        }

    def codes(self, condition: Condition) -> tuple[str, ...]:
        """Return the codes that a condition names, of its list or its own."""
        if not condition.code_list:
            return condition.codes
        return next(each.only_codes for each in self.code_lists if each.reference == condition.code_list)

    def feature(self, name: str) -> Feature | None:
        """Return a feature by name, or None."""
        return next((each for each in self.features if each.name == name), None)

    def only(self, names: frozenset[str]) -> FeatureSet:
        """Return the set with just these features and what they are derived from, in the same order."""
        wanted = set(names)
        for feature in reversed(self.features):
            wanted |= set(feature.of) if feature.name in wanted else set()
        kept = tuple(feature for feature in self.features if feature.name in wanted)
        named = {condition.code_list for feature in kept for condition in feature.where}
        return FeatureSet(self.index_date, kept, tuple(each for each in self.code_lists if each.reference in named))


def _window_faults(f: Feature) -> Iterator[str]:
    if not f.is_of_events:
        return
    first = -LONGEST_WINDOW if f.from_day is None else f.from_day
    if not -LONGEST_WINDOW <= first < f.to_day <= LONGEST_WINDOW:
        yield f"to_day: is above from_day, both within {LONGEST_WINDOW} days"
    elif f.kind == "days-since" and f.to_day > 1:
        yield "to_day: of days-since is at most 1: the index date is the last day that can be looked back to"


def _bound_faults(f: Feature) -> Iterator[str]:
    takes = KINDS[f.kind]
    at_most = OLDEST if f.kind == "age" and f.at_most is None else f.at_most
    if "at_most" in takes and not 1 <= (at_most or 0) <= LARGEST_COUNT:
        yield f"at_most: is a whole number from 1 to {LARGEST_COUNT:,}"
    if "low" in takes:
        if f.low is None or f.high is None or not -LARGEST_SUM <= f.low < f.high <= LARGEST_SUM:
            yield f"high: is above low, both given and within {LARGEST_SUM:g}"
        elif f.kind == "sum" and not f.low <= 0 <= f.high:
            yield "low: a sum over no events is 0, so low is at most 0 and high at least 0"
    if f.kind == "band" and (len(f.of) != 1 or not f.edges or any(a >= b for a, b in pairwise(f.edges))):
        yield "edges: rise, at least one, and of names one feature"


def _reference_faults(declared: FeatureSet) -> Iterator[str]:
    names = [feature.name for feature in declared.features]
    index_day = declared.index_date.toordinal()
    if not LONGEST_WINDOW < index_day < datetime.date.max.toordinal() - LONGEST_WINDOW:
        yield "index_date: no window may leave the calendar"  # else it fails once everybody has been charged
    if not 1 <= len(names) <= MOST_FEATURES:
        yield f"features: from 1 to {MOST_FEATURES}"
    if sum(f.kind == "distinct" for f in declared.features) > MOST_DISTINCT:
        yield f"features: at most {MOST_DISTINCT} of kind distinct"
    yield from (f"features: {name} is there twice" for name in sorted({n for n in names if names.count(n) > 1}))
    for i, feature in enumerate(declared.features):
        yield from (f"features[{i + 1}].of: no earlier feature is called {n}" for n in feature.of if n not in names[:i])
        if len(set(feature.of)) < len(feature.of):
            yield f"features[{i + 1}].of: has a name twice"
    used = {c.code_list for f in declared.features for c in f.where if c.code_list}
    given = [each.reference for each in declared.code_lists]
    yield from (f"code_lists: {name} is missing" for name in sorted(used - set(given)))
    yield from (f"code_lists: no feature uses {name}" for name in sorted(set(given) - used))
    if len(set(given)) < len(given):
        yield "code_lists: one is there twice"


__all__ = [
    "KINDS",
    "LARGEST_COUNT",
    "LARGEST_SUM",
    "LONGEST_CODE",
    "LONGEST_WINDOW",
    "MISSING_WITHOUT_EVENTS",
    "MOST_DISTINCT",
    "MOST_FEATURES",
    "OLDEST",
    "VALUED",
    "Condition",
    "Feature",
    "FeatureKind",
    "FeatureSet",
]
