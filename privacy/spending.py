"""What a person may have spent, by part of the population and view: replayed from the log, and two ledgers made one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from privacy.canonical import Document
from privacy.computation import PARTS
from privacy.errors import Invalid, Tampered

VIEWS = ("outside", "coordinator")
CHARGED, MERGED, FORFEITED = "charged", "ledger-merged", "budget-forfeited"  # the only events that change it

Populations = Literal["disjoint", "overlapping"]
Spending = Mapping[tuple[str, str], int]  # (part, view) → units of 10^-12 rho

_KEYS = tuple((part, view) for part in PARTS["everyone"] for view in VIEWS)


def combined(own: Spending, other: Spending, populations: Populations) -> Spending:
    """Return what no person of either population can have exceeded.

    Disjoint populations: each person was in one of them, and spent at most the larger. Overlapping ones: somebody may
    have been in both, and spent the sum.
    """
    if populations == "disjoint":
        return {key: max(own[key], other[key]) for key in _KEYS}
    return {key: own[key] + other[key] for key in _KEYS}


def with_charges(spending: Spending, charges: Iterable[Mapping[str, Any]]) -> Spending:
    """Add charges, each with ``people`` and what it costs in each view, to the accounts of the people they were about.

    A charge that would lower an account is ``ledger-tampered``: of a log whose node lost its key, nobody can tell the
    newest leaves from forged ones.
    """
    spent = dict(spending)
    for charge in charges:
        costs = costs_of(charge)
        if any(type(cost) is not int or cost <= 0 for cost in costs.values()) or charge["people"] not in PARTS:
            raise Tampered("ledger-tampered", "a charge that is none")
        for part, view in _KEYS:
            spent[part, view] += costs[view] if part in PARTS[charge["people"]] else 0
    return spent


def costs_of(charge: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a charge costs in each view; one that says a single cost is of a time, or sum, without masks."""
    return {"outside": charge["cost"], "coordinator": charge.get("cost_coordinator", charge["cost"])}


def charge_document(outside: int, coordinator: int) -> Document:
    """Return the costs of a charge as its leaf says them; ``costs_of`` reads them back."""
    return {"cost": outside} | ({"cost_coordinator": coordinator} if coordinator != outside else {})


def replayed(events: Iterable[Mapping[str, Any]]) -> Spending:
    """Return what the log says is spent: its charges, merges and forfeits, in their order: maxima depend on it."""
    spent: Spending = dict.fromkeys(_KEYS, 0)
    for leaf in events:
        if leaf["event"] == CHARGED:
            spent = with_charges(spent, [leaf["facts"]])
        elif leaf["event"] == MERGED:
            spent = combined(spent, read_spending(leaf["facts"]["spent"]), leaf["facts"]["populations"])
        elif leaf["event"] == FORFEITED:
            spent = combined(spent, read_spending(leaf["facts"]["spent"]), "disjoint")  # never less than it was
    return spent


def spending_document(spending: Spending) -> Document:
    """Return spending as plain data, part by part; ``read_spending`` reads it back."""
    return {part: {view: spending[part, view] for view in VIEWS} for part in PARTS["everyone"]}


def read_spending(document: object) -> Spending:
    """Return the spending that plain data describes; an account too few, too many or no whole number is ``Invalid``."""
    parts = document if isinstance(document, dict) else {}
    spent = {
        (part, view): units
        for part, views in parts.items()
        for view, units in (views.items() if isinstance(views, dict) else ())
        if type(units) is int and units >= 0
    }
    if set(spent) != set(_KEYS) or spending_document(spent) != document:
        raise Invalid("statement-malformed", "spent")
    return {key: spent[key] for key in _KEYS}


__all__ = [
    "CHARGED",
    "FORFEITED",
    "MERGED",
    "VIEWS",
    "Populations",
    "Spending",
    "charge_document",
    "combined",
    "costs_of",
    "read_spending",
    "replayed",
    "spending_document",
    "with_charges",
]
