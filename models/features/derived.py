"""The SQL of features that need no event: an age from the month of birth, and what is made of other features."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from sqlglot import exp

from models.features.tree import case, clipped, double, if_known, minus, number, over, plus, times, whole
from privacy.features import Feature

MONTHS = 12


def age(f: Feature, birth: exp.Expr, index_date: datetime.date) -> exp.Expr:
    """Return the years completed at the index date, counted in months: a node keeps no day of birth.

    Missing for those born after the month of the index date.
    """
    year, month = (exp.Extract(this=exp.var(part), expression=birth.copy()) for part in ("YEAR", "MONTH"))
    born = plus(times(year, whole(MONTHS)), month)
    lived = minus(whole(index_date.year * MONTHS + index_date.month), born)
    years = exp.Floor(this=over(double(lived), number(MONTHS)))
    return case(exp.GTE(this=lived.copy(), expression=whole(0)), clipped(years, *f.bounds), exp.null())


def derived(f: Feature, of: Callable[[str], exp.Expr]) -> exp.Expr:
    """Return a feature made of others: how many of them are 1 or more, their share, or the band that one is in."""
    if f.kind == "band":
        value = of(f.of[0])
        return if_known(value, _added([_reaches(value.copy(), edge) for edge in f.edges]))
    many = _added([_reaches(of(name), 1) for name in f.of])
    return many if f.kind == "how-many" else over(many, number(len(f.of)))


def _reaches(value: exp.Expr, edge: float) -> exp.Expr:
    return case(exp.GTE(this=value, expression=number(edge)), number(1), number(0))


def _added(values: list[exp.Expr]) -> exp.Expr:
    """Add in pairs of pairs: the tree's depth grows with the logarithm, and no engine's limit is reached."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return plus(_added(values[:half]), _added(values[half:]))


__all__ = ["age", "derived"]
