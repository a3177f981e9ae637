"""The few expressions that the compiler is built of: every name quoted, every value a literal."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from sqlglot import exp


def name(text: str) -> exp.Identifier:
    """Return a name, quoted whatever it is."""
    return exp.to_identifier(text, quoted=True)


def table(of: str) -> exp.Table:
    """Return a table."""
    return exp.Table(this=name(of))


def column(of: str, called: str) -> exp.Expr:
    """Return a table's column."""
    return exp.Column(this=name(called), table=name(of))


def called(what: exp.Expr, text: str) -> exp.Expr:
    """Return an expression under a name."""
    return exp.Alias(this=what, alias=name(text))


def number(value: float) -> exp.Expr:
    """Return a number as a double, exactly: the text that Python gives reads back as the same."""
    literal = exp.Literal.number(repr(abs(float(value))))
    return double(exp.Neg(this=literal) if value < 0 else literal)


def whole(value: int) -> exp.Expr:
    """Return a whole number."""
    literal = exp.Literal.number(str(abs(value)))
    return exp.Paren(this=exp.Neg(this=literal)) if value < 0 else literal


def day(value: datetime.date) -> exp.Expr:
    """Return a date."""
    return exp.cast(exp.Literal.string(value.isoformat()), "date")


def double(what: exp.Expr) -> exp.Expr:
    """Return an expression as a double."""
    return exp.cast(what, "double")


def days_between(first: exp.Expr, last: exp.Expr) -> exp.Expr:
    """Return the whole days from one date to another."""
    return exp.DateDiff(this=last, expression=first, unit=exp.var("DAY"))


def all_of(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Return that all hold; true where there are none."""
    real = [condition for condition in conditions if condition != exp.true()]
    return exp.and_(*real) if real else exp.true()


def plus(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return a sum; like the other three, in brackets, since the tree's shape does not put them by itself."""
    return exp.Paren(this=exp.Add(this=left, expression=right))


def minus(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return a difference."""
    return exp.Paren(this=exp.Sub(this=left, expression=right))


def times(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return a product."""
    return exp.Paren(this=exp.Mul(this=left, expression=right))


def over(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return the quotient of two doubles."""
    return exp.Paren(this=exp.Div(this=left, expression=right))


def known(value: exp.Expr) -> exp.Expr:
    """Return that a value is not missing."""
    return exp.Not(this=exp.Is(this=value.copy(), expression=exp.null()))


def case(when: exp.Expr, then: exp.Expr, otherwise: exp.Expr) -> exp.Expr:
    """Return one value where a condition holds, else the other."""
    return exp.Case(ifs=[exp.If(this=when, true=then)], default=otherwise)


def if_known(value: exp.Expr, then: exp.Expr) -> exp.Expr:
    """Return an expression where a value is not missing, and missing where it is."""
    return case(known(value), then, exp.null())


def clipped(value: exp.Expr, low: float, high: float) -> exp.Expr:
    """Return a double kept within two bounds; SQL's least and greatest would make a bound of what is missing."""
    above = exp.Greatest(this=double(value), expressions=[number(low)])
    return if_known(value, exp.Least(this=above, expressions=[number(high)]))


__all__ = [
    "all_of",
    "called",
    "case",
    "clipped",
    "column",
    "day",
    "days_between",
    "double",
    "if_known",
    "known",
    "minus",
    "name",
    "number",
    "over",
    "plus",
    "table",
    "times",
    "whole",
]
