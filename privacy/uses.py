"""What a log tells of how data were used, study by study: who approved when, and what was charged; for the public."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from privacy.accountant import epsilon
from privacy.computation import PARTS
from privacy.spending import CHARGED, VIEWS, costs_of

APPROVED = "study-awaiting-second-approval"  # the leaf of each approval, by the fact ``approved``


@dataclass
class Use:
    """One study's leaves: each approval's place and day, each charge's, and what the charges cost in each account."""

    approvals: list[tuple[int, str]] = field(default_factory=list)
    charges: list[tuple[int, str]] = field(default_factory=list)
    costs: dict[tuple[str, str], int] = field(default_factory=dict)

    def sentences(self, delta: float) -> tuple[str, ...]:
        """Return it in words; epsilon is the one proven at ``delta`` for who saw the most of it."""
        approved = f"Approved {_each(self.approvals)}." if self.approvals else ""
        if not self.charges:
            return tuple(filter(None, (approved, "Nothing has been charged for it.")))
        cost = {view: max(units for (_, v), units in self.costs.items() if v == view) for view in VIEWS}
        what = "1 sum was" if len(self.charges) == 1 else f"{len(self.charges)} sums were"
        proven = epsilon(cost["outside"], delta)
        spent = (
            f"{what} charged for, {_between(self.charges)}: at most epsilon {proven:.3g} a person at delta {delta:g}"
        )
        if cost["coordinator"] != cost["outside"]:
            spent += f", {epsilon(cost['coordinator'], delta):.3g} should masking be broken"
        return tuple(filter(None, (approved, spent + ".")))


def uses_of(events: Iterable[Mapping[str, Any]]) -> dict[str, Use]:
    """Return the uses that a log tells of, by study hash, in the order of their first leaf."""
    uses: dict[str, Use] = {}
    for leaf in events:
        facts, here = leaf["facts"], (leaf["position"], str(leaf["at"])[:10])
        if leaf["event"] == APPROVED and facts.get("approved"):
            uses.setdefault(facts["study"], Use()).approvals.append(here)
        elif leaf["event"] == CHARGED:
            use = uses.setdefault(facts["study"], Use())
            use.charges.append(here)
            for part in PARTS[facts["people"]]:
                for view, units in costs_of(facts).items():
                    use.costs[part, view] = use.costs.get((part, view), 0) + units
    return uses


def _each(leaves: Sequence[tuple[int, str]]) -> str:
    return " and ".join(f"on {day} (leaf {position})" for position, day in leaves)


def _between(leaves: Sequence[tuple[int, str]]) -> str:
    (first, start), (last, end) = leaves[0], leaves[-1]
    return f"on {start} (leaf {first})" if first == last else f"from {start} to {end} (leaves {first} to {last})"


__all__ = ["APPROVED", "Use", "uses_of"]
