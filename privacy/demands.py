"""The least quality that a study demands of a node's data, as data: how complete its columns must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from privacy.fields import Fields

MOST_DEMANDS = 10  # each costs as much as the look at the cohort's size, two per cent of the budget


@dataclass(frozen=True)
class Demand:
    """Of the cohort's people, averaged over their rows, at least this share has a value in ``column``.

    A node judges it once, at the second approval, on a noisy figure; one that falls short does not take part.
    """

    column: str
    at_least: float

    def __str__(self) -> str:
        return f"{self.column} at least {self.at_least:.0%} complete"


def read_demands(tables: Sequence[Fields]) -> tuple[Demand, ...]:
    """Return the demands of a study's ``[[quality]]``; what cannot be read is noted in the tables' faults."""
    return tuple(_read(table) for table in tables)


def demand_faults(demands: Sequence[Demand]) -> Iterator[str]:
    """Give each fault of demands together."""
    columns = [demand.column for demand in demands]
    if len(columns) > MOST_DEMANDS:
        yield f"quality: at most {MOST_DEMANDS} columns"
    yield from (f"quality: {name} is there twice" for name in sorted({c for c in columns if columns.count(c) > 1}))


def _read(f: Fields) -> Demand:
    demand = Demand(f.name("column"), f.number("at_least", above=0))
    if demand.at_least > 1:
        f.fault("at_least", "is a share above 0, at most 1")
    f.finish()
    return demand


__all__ = ["MOST_DEMANDS", "Demand", "demand_faults", "read_demands"]
