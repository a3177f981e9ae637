"""The slow, obvious engine that the SQL must agree with: for each person, each feature, one after another."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from models.features.aggregates import THOUSANDTHS
from models.features.compiler import PERSON, Layout
from privacy.features import LARGEST_SUM, Condition, Feature, FeatureSet

Row = Mapping[str, Any]


def compute(declared: FeatureSet, layout: Layout, frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return ``person`` and each feature, None where missing: a row for each row of the people's frame, in its order.

    Dates are ``datetime.date``; a missing value is None.
    """
    events = {name: _by_person(frames[name]) for name in declared.data_sets}
    found = []
    for person in _rows(frames[layout.people]):
        mine = {name: rows.get(person[PERSON], []) for name, rows in events.items()}
        found.append({PERSON: person[PERSON], **_features(declared, layout, person, mine)})
    return pd.DataFrame(found, columns=[PERSON, *(f.name for f in declared.features)], dtype=object)


def _by_person(frame: pd.DataFrame) -> dict[Any, list[Row]]:
    rows: dict[Any, list[Row]] = {}
    for row in _rows(frame):
        rows.setdefault(row[PERSON], []).append(row)
    return rows


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _features(declared: FeatureSet, layout: Layout, person: Row, events: Mapping[str, list[Row]]) -> dict[str, Any]:
    found: dict[str, float | None] = {}
    for f in declared.features:
        if f.of:
            found[f.name] = _derived(f, [found[name] for name in f.of])
        elif f.kind == "age":
            found[f.name] = _clipped(f, _age(person[f.column], declared.index_date))
        else:
            fit = [row for row in events[f.data_set] if all(_fits(declared, c, row) for c in f.where)]
            found[f.name] = _clipped(f, _of_events(f, declared.index_date, layout.dates[f.data_set], fit))
    return found


def _fits(declared: FeatureSet, condition: Condition, row: Row) -> bool:
    value = row[condition.column]
    if value is None:
        return False
    if not condition.of_text:
        low, high = condition.low, condition.high
        return (low is None or value >= low) and (high is None or value <= high)
    codes = declared.codes(condition)
    return value.startswith(codes) if condition.prefix else value in codes


def _of_events(f: Feature, index_date: datetime.date, date: str, rows: list[Row]) -> float | None:
    if f.kind == "days-in":
        return float(sum(_stayed(f, index_date, row[date], row[f.until]) for row in rows))
    inside = [row for row in rows if row[date] is not None and _in_window(f, (row[date] - index_date).days)]
    if f.kind in ("any", "count"):
        return float(len(inside))  # an ``any`` is then kept within 0 and 1
    if f.kind == "days-since":
        return min((float((index_date - row[date]).days) for row in inside), default=None)
    known = [row for row in inside if row[f.column] is not None]
    if f.kind == "latest":
        return max(((row[date], row[f.column]) for row in known), default=(None, None))[1]
    return _OF_VALUES[f.kind]([row[f.column] for row in known])


def _in_window(f: Feature, day: int) -> bool:
    return (f.from_day is None or day >= f.from_day) and day < f.to_day


def _stayed(f: Feature, index_date: datetime.date, date: datetime.date | None, until: datetime.date | None) -> int:
    if date is None or until is None:
        return 0
    days = range((date - index_date).days, (until - index_date).days)
    return sum(_in_window(f, day) for day in days)


def _thousandths(values: list[float]) -> int:
    kept = (min(max(float(value), -LARGEST_SUM), LARGEST_SUM) for value in values)
    return sum(math.floor(value * THOUSANDTHS + 0.5) for value in kept)


_OF_VALUES: Mapping[str, Callable[[list[Any]], float | None]] = {
    "distinct": lambda values: float(len(set(values))),
    "maximum": lambda values: max(values, default=None),
    "mean": lambda values: float(_thousandths(values)) / float(len(values) * THOUSANDTHS) if values else None,
    "minimum": lambda values: min(values, default=None),
    "sum": lambda values: float(_thousandths(values)) / THOUSANDTHS,
}


def _age(birth: datetime.date | None, index_date: datetime.date) -> float | None:
    if birth is None:
        return None
    months = (index_date.year - birth.year) * 12 + index_date.month - birth.month
    return float(months // 12) if months >= 0 else None


def _derived(f: Feature, values: list[float | None]) -> float | None:
    if f.kind == "band":
        value = values[0]
        return None if value is None else float(sum(value >= edge for edge in f.edges))
    many = float(sum(value is not None and value >= 1 for value in values))
    return many if f.kind == "how-many" else many / len(values)


def _clipped(f: Feature, value: float | None) -> float | None:
    low, high = f.bounds
    return None if value is None else min(max(float(value), low), high)


__all__ = ["compute"]
