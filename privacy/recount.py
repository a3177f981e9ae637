"""The ledger counted again from its log alone: in exact fractions, by none of the code that charged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from privacy.canonical import Document
from privacy.computation import PARTS
from privacy.errors import Tampered

UNIT = Fraction(1, 10**12)  # of rho
ROUNDING = 2 * UNIT  # a charge is rounded up: once, and once more where a bound is added to it
CHARGED, MERGED, FORFEITED = "charged", "ledger-merged", "budget-forfeited"
VIEWS = ("outside", "coordinator")


@dataclass
class Count:
    """What the log says one part of the population has spent, in one view.

    ``sums`` holds the zCDP rho of each charge, worked out anew from the noise that its leaf tells of, and how often it
    was charged; spending of another node that was merged is one sum among them. ``units`` is what was charged for
    them, in units of 10^-12 rho.
    """

    sums: Counter[Fraction] = field(default_factory=Counter)
    units: int = 0

    @property
    def rho(self) -> Fraction:
        """Return the zCDP of all sums together, exactly: zCDP adds up (Bun and Steinke 2016, lemma 1.7)."""
        return sum((rho * times for rho, times in self.sums.items()), Fraction(0))

    def add(self, rho: Fraction, units: int) -> None:
        """Count one sum more."""
        self.sums[rho] += 1
        self.units += units


def recount(events: Iterable[Document]) -> dict[tuple[str, str], Count]:
    """Return what each (part, view) has spent by the leaves of the log.

    A charge that is not what its own noise costs, or that one place was charged twice, is ``ledger-tampered``.
    """
    counts: dict[tuple[str, str], Count] = {(part, view): Count() for part in PARTS["everyone"] for view in VIEWS}
    places: set[tuple[str, int]] = set()
    for leaf in events:
        if leaf["event"] == CHARGED:
            facts = leaf["facts"]
            if (facts["study"], facts["place"]) in places:
                raise Tampered("ledger-tampered", f"leaf {leaf['position']} charges a place again")
            places.add((facts["study"], facts["place"]))
            for part in PARTS[facts["people"]]:
                for view in VIEWS:
                    counts[part, view].add(*_charge(leaf, view))
        elif leaf["event"] in (MERGED, FORFEITED):
            counts = {key: _merged(count, leaf["facts"], *key) for key, count in counts.items()}
    return counts


def _charge(leaf: Mapping[str, Any], view: str) -> tuple[Fraction, int]:
    facts = leaf["facts"]
    told = "cost_coordinator" if view == "coordinator" and "cost_coordinator" in facts else "cost"
    rho, units = _rho(facts["mechanism"], view), facts[told]
    if not rho <= units * UNIT < rho + ROUNDING:
        raise Tampered("ledger-tampered", f"leaf {leaf['position']} is not what its noise costs")
    return rho, units


def _rho(mechanism: Mapping[str, Any], view: str) -> Fraction:
    """Return what one integer sum with that noise costs: D² / (2σ²) (Canonne, Kamath and Steinke 2020, theorem 14).

    Who sees totals only sees the noise of at least ``honest`` nodes together. Their sum is no discrete Gaussian, by as
    much as the second term says (Kairouz, Liu and Steinke 2021, theorem 1, as zCDP).
    """
    honest = mechanism.get("honest", 1) if view == "outside" else 1
    variance = mechanism["sigma_squared"]
    apart = sum(math.exp(-2 * math.pi**2 * variance * k / (k + 1)) for k in range(1, honest))
    return Fraction(mechanism["clip_units"] ** 2, 2 * honest * variance) + Fraction(10 * apart * mechanism["width"] / 4)


def _merged(own: Count, facts: Mapping[str, Any], part: str, view: str) -> Count:
    """Return what nobody can have exceeded who was in one of two populations, or in both."""
    units = int(facts["spent"][part][view])
    if facts.get("populations") != "overlapping":
        return own if own.units >= units else Count(Counter({units * UNIT: 1}), units)
    if units:
        own.add(units * UNIT, units)
    return own


__all__ = ["CHARGED", "FORFEITED", "MERGED", "ROUNDING", "UNIT", "VIEWS", "Count", "recount"]
