"""The SQL of each kind of feature that is made from events: what a pass keeps for a person, and what is read of it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from models.features.tree import (
    all_of,
    case,
    clipped,
    column,
    day,
    days_between,
    double,
    known,
    number,
    over,
    plus,
    times,
    whole,
)
from privacy.features import LARGEST_SUM, Feature

# Doubles do not add up alike in every order. Thousandths do, as whole numbers, and a sum is the same on every run.
THOUSANDTHS = 1000


@dataclass(frozen=True)
class Rows:
    """The rows that a feature's conditions let through, before its window: their table, date column and index date."""

    table: str
    date: str
    index_date: datetime.date
    fit: exp.Expr

    def column(self, name: str) -> exp.Expr:
        """Return one of the table's columns."""
        return column(self.table, name)

    @property
    def when(self) -> exp.Expr:
        """Return the event's date."""
        return self.column(self.date)

    def day(self, offset: int) -> exp.Expr:
        """Return the day so many days after the index date."""
        return day(self.index_date + datetime.timedelta(days=offset))

    def in_window(self, feature: Feature) -> exp.Expr:
        """Return that a row fits and its date is in the window; a row without a date is in none."""
        before = exp.LT(this=self.when, expression=self.day(feature.to_day))
        since = [] if feature.from_day is None else [exp.GTE(this=self.when, expression=self.day(feature.from_day))]
        return all_of([self.fit.copy(), before, *since])


def aggregates(f: Feature, rows: Rows) -> list[exp.Expr]:
    """Return what one pass keeps for each person: one expression, two for a mean."""
    return [exp.Filter(this=kept, expression=exp.Where(this=fit)) for kept, fit in _KEPT[f.kind](f, rows)]


def value(f: Feature, kept: list[exp.Expr], index_date: datetime.date) -> exp.Expr:
    """Return the feature from what the pass kept, within its bounds; nothing kept is 0 or, for some kinds, missing."""
    if f.kind == "days-since":
        return clipped(days_between(kept[0], day(index_date)), *f.bounds)
    return clipped(_VALUE.get(f.kind, _or_zero)(kept), *f.bounds)


Kept = list[tuple[exp.Expr, exp.Expr]]  # an aggregate, and which rows it is over


def _count(f: Feature, rows: Rows) -> Kept:
    return [(exp.Count(this=exp.Star()), rows.in_window(f))]


def _distinct(f: Feature, rows: Rows) -> Kept:
    return [(exp.Count(this=exp.Distinct(expressions=[rows.column(f.column)])), rows.in_window(f))]


def _days_since(f: Feature, rows: Rows) -> Kept:
    return [(exp.Max(this=rows.when), rows.in_window(f))]


def _days_in(f: Feature, rows: Rows) -> Kept:
    """Add up each stay's days in the window; its last day, on which the person left, is none of them."""
    until, end = rows.column(f.until), rows.day(f.to_day)
    last = case(exp.LT(this=until, expression=end), until.copy(), end.copy())
    if f.from_day is None:
        first, begun = rows.when, list[exp.Expr]()
    else:
        since = rows.day(f.from_day)
        first = case(exp.GT(this=rows.when, expression=since), rows.when, since.copy())
        begun = [exp.GT(this=until.copy(), expression=since.copy())]
    real = [exp.GT(this=until.copy(), expression=rows.when), exp.LT(this=rows.when, expression=end.copy()), *begun]
    return [(exp.Sum(this=days_between(first, last)), all_of([rows.fit, *real]))]


def _sum(f: Feature, rows: Rows) -> Kept:
    inside = clipped(rows.column(f.column), -LARGEST_SUM, LARGEST_SUM)
    nearest = exp.Floor(this=plus(times(inside, number(THOUSANDTHS)), number(0.5)))
    return [(exp.Sum(this=exp.cast(nearest, "bigint")), rows.in_window(f))]


def _mean(f: Feature, rows: Rows) -> Kept:
    return [*_sum(f, rows), (exp.Count(this=rows.column(f.column)), rows.in_window(f))]


def _latest(f: Feature, rows: Rows) -> Kept:
    """Keep the greatest pair of date and value: of several values on the last day, the greatest."""
    parts = {"day": rows.when, "value": rows.column(f.column)}
    pair = exp.Struct(expressions=[exp.PropertyEQ(this=exp.to_identifier(n), expression=e) for n, e in parts.items()])
    return [(exp.Max(this=pair), all_of([rows.in_window(f), known(rows.column(f.column))]))]


def _most(f: Feature, rows: Rows) -> Kept:
    return [(exp.Max(this=rows.column(f.column)), rows.in_window(f))]


def _least(f: Feature, rows: Rows) -> Kept:
    return [(exp.Min(this=rows.column(f.column)), rows.in_window(f))]


_KEPT: Mapping[str, Callable[[Feature, Rows], Kept]] = {
    "any": _count,
    "count": _count,
    "days-in": _days_in,
    "days-since": _days_since,
    "distinct": _distinct,
    "latest": _latest,
    "maximum": _most,
    "mean": _mean,
    "minimum": _least,
    "sum": _sum,
}


def _or_zero(kept: list[exp.Expr]) -> exp.Expr:
    return exp.Coalesce(this=kept[0], expressions=[whole(0)])


def _summed(kept: list[exp.Expr]) -> exp.Expr:
    return over(double(_or_zero(kept)), number(THOUSANDTHS))


def _averaged(kept: list[exp.Expr]) -> exp.Expr:
    some = exp.GT(this=kept[1], expression=whole(0))
    return case(some, over(double(kept[0]), times(double(kept[1].copy()), number(THOUSANDTHS))), exp.null())


def _of_pair(kept: list[exp.Expr]) -> exp.Expr:
    return exp.Dot(this=kept[0], expression=exp.to_identifier("value"))


def _as_it_is(kept: list[exp.Expr]) -> exp.Expr:
    return kept[0]


_VALUE: Mapping[str, Callable[[list[exp.Expr]], exp.Expr]] = {
    "latest": _of_pair,
    "maximum": _as_it_is,
    "mean": _averaged,
    "minimum": _as_it_is,
    "sum": _summed,
}

__all__ = ["THOUSANDTHS", "Rows", "aggregates", "value"]
