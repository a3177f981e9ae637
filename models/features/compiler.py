"""Turns declared features into one SQL query, as a tree of expressions: no value is ever pasted into a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlglot import exp

from models.features.aggregates import Rows, aggregates, value
from models.features.derived import age, derived
from models.features.tree import all_of, called, column, name, number, table
from privacy.features import Condition, Feature, FeatureSet

PERSON = "person"
FEW_CODES = 4  # up to so many are compared row by row; more are looked up once for each distinct code

Stages = dict[str, exp.Select]


@dataclass(frozen=True)
class Layout:
    """Which table has one row a person, and which column of each event table is its date; tables by data set."""

    people: str
    dates: Mapping[str, str]


def compile_features(declared: FeatureSet, layout: Layout) -> exp.Select:
    """Return the query: ``person``, then each feature as a double, null where missing; a row for each person.

    It reads each event table once, and once more the distinct codes of columns whose conditions have many. The same
    tree gives ``.sql("duckdb")`` and ``.sql("spark")``.
    """
    scans = [_Scan(data_set, i, declared, layout.dates[data_set]) for i, data_set in enumerate(declared.data_sets)]
    stages: Stages = {}
    for scan in scans:
        stages |= scan.stages()
    stages["features_0"] = _first(declared, layout, scans)
    last = _add_derived(stages, [f for f in declared.features if f.of])
    query = exp.select(column(last, PERSON), *(column(last, f.name) for f in declared.features)).from_(table(last))
    for stage, select in stages.items():
        query = query.with_(name(stage), as_=select, copy=False)
    return query.order_by(column(last, PERSON))


def columns_read(declared: FeatureSet, layout: Layout) -> dict[str, tuple[str, ...]]:
    """Return the columns that the query reads of each table, ``person`` apart; the people's table is the first."""
    read: dict[str, dict[str, None]] = {layout.people: {f.column: None for f in declared.features if f.kind == "age"}}
    for f in declared.features:
        if f.is_of_events:
            named = [layout.dates[f.data_set], f.column, f.until, *(c.column for c in f.where)]
            read.setdefault(f.data_set, {}).update({each: None for each in named if each})
    return {data_set: tuple(names) for data_set, names in read.items()}


@dataclass
class _Scan:
    """One pass over an event table; ``lookups`` has, for a column, the conditions that are looked up for its codes."""

    data_set: str
    number: int
    declared: FeatureSet
    date: str
    lookups: dict[str, list[Condition]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"events_{self.number}"

    def stages(self) -> Stages:
        """Return the lookups and the pass; what the pass keeps for a feature is called after the feature's place."""
        kept = [column(self.data_set, PERSON)]
        for i, f in enumerate(self.declared.features):
            if f.data_set == self.data_set:
                fit = all_of(self._holds(condition) for condition in f.where)
                rows = Rows(self.data_set, self.date, self.declared.index_date, fit)
                kept += [called(part, f"kept_{i}_{j}") for j, part in enumerate(aggregates(f, rows))]
        scan = exp.select(*kept).from_(table(self.data_set))
        for asked in self.lookups:
            same = exp.EQ(this=column(self.data_set, asked), expression=column(self._lookup(asked), asked))
            scan = scan.join(table(self._lookup(asked)), on=same, join_type="left", copy=False)
        lookups = {self._lookup(asked): self._distinct(asked) for asked in self.lookups}
        return {**lookups, self.name: scan.group_by(column(self.data_set, PERSON))}

    def _holds(self, condition: Condition) -> exp.Expr:
        asked = column(self.data_set, condition.column)
        if not condition.of_text:
            ends = ((exp.GTE, condition.low), (exp.LTE, condition.high))
            return all_of(of(this=asked.copy(), expression=number(end)) for of, end in ends if end is not None)
        if len(self.declared.codes(condition)) <= FEW_CODES:
            return self._fits(asked, condition)
        known = self.lookups.setdefault(condition.column, [])
        if condition not in known:
            known.append(condition)
        return column(self._lookup(condition.column), f"fits_{known.index(condition)}")

    def _lookup(self, asked: str) -> str:
        return f"codes_{self.number}_{list(self.lookups).index(asked)}"

    def _distinct(self, asked: str) -> exp.Select:
        """Return the column's distinct values, and of each whether it fits each condition."""
        distinct = exp.select(column(self.data_set, asked)).distinct().from_(table(self.data_set)).subquery("codes")
        fits = [self._fits(column("codes", asked), condition) for condition in self.lookups[asked]]
        flags = [called(each, f"fits_{i}") for i, each in enumerate(fits)]
        return exp.select(column("codes", asked), *flags).from_(distinct)

    def _fits(self, asked: exp.Expr, condition: Condition) -> exp.Expr:
        """Return that a text is one of the codes, or begins with one: for each length, its beginning is one of them."""
        codes = self.declared.codes(condition)
        if not condition.prefix:
            return _one_of(asked, codes)
        lengths = sorted({len(code) for code in codes})
        begins = [exp.Left(this=asked.copy(), expression=exp.Literal.number(n)) for n in lengths]
        by_length = [[code for code in codes if len(code) == n] for n in lengths]
        return exp.or_(*(_one_of(left, same) for left, same in zip(begins, by_length, strict=True)))


def _one_of(asked: exp.Expr, codes: Sequence[str]) -> exp.Expr:
    return exp.In(this=asked, expressions=[exp.Literal.string(code) for code in codes])


def _first(declared: FeatureSet, layout: Layout, scans: Sequence[_Scan]) -> exp.Select:
    """Return each person with the features that are not made of others."""
    place = {scan.data_set: scan.name for scan in scans}
    selected = [column(layout.people, PERSON)]
    for i, f in enumerate(declared.features):
        if f.is_of_events:
            kept = [column(place[f.data_set], f"kept_{i}_{j}") for j in range(2 if f.kind == "mean" else 1)]
            selected.append(called(value(f, kept, declared.index_date), f.name))
        elif not f.of:
            selected.append(called(age(f, column(layout.people, f.column), declared.index_date), f.name))
    query = exp.select(*selected).from_(table(layout.people))
    for scan in scans:
        same = exp.EQ(this=column(layout.people, PERSON), expression=column(scan.name, PERSON))
        query = query.join(table(scan.name), on=same, join_type="left", copy=False)
    return query


def _add_derived(stages: Stages, left: Sequence[Feature]) -> str:
    """Add stages until all features are there, each made only of what the stage before has; return the last's name."""
    last = "features_0"
    while left:
        waiting = {f.name for f in left}
        ready = [f for f in left if not set(f.of) & waiting]
        last, before = f"features_{len(stages)}", last
        made = [called(derived(f, partial(column, before)), f.name) for f in ready]
        stages[last] = exp.select(exp.Column(this=exp.Star(), table=name(before)), *made).from_(table(before))
        left = [f for f in left if f not in ready]
    return last


__all__ = ["FEW_CODES", "PERSON", "Layout", "columns_read", "compile_features"]
