"""How a policy divides the budget of a life between purposes: a share each, which is theirs and no more than theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from privacy.fields import Fields
from privacy.reservations import Shares

WHOLE = 1.0


@dataclass(frozen=True)
class Allocation:
    """A purpose's ``share`` of the budget; rho adds up, so half of it is half of the rho, not of the epsilon."""

    purpose: str
    share: float


def read_allocation(f: Fields) -> Allocation:
    """Return one table of the policy's ``allocations``."""
    allocation = Allocation(f.name("purpose"), f.number("share", above=0))
    f.finish()
    return allocation


def allocation_faults(allocations: Sequence[Allocation], purposes: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a policy's allocations: an unknown purpose, one twice, or more than the whole."""
    named = [each.purpose for each in allocations]
    for purpose in sorted(set(named)):
        if purpose not in purposes:
            yield f"allocations: {purpose} is none of the purposes"
        if named.count(purpose) > 1:
            yield f"allocations: {purpose} is there twice"
    if sum(each.share for each in allocations) > WHOLE:
        yield "allocations: the shares are more than the whole budget together"


def shares_of(allocations: Sequence[Allocation], ceilings: Mapping[str, int]) -> Shares:
    """Return what each allocation is, in whole units and for each view of the ledger."""
    return {each.purpose: {view: int(units * each.share) for view, units in ceilings.items()} for each in allocations}


__all__ = ["WHOLE", "Allocation", "allocation_faults", "read_allocation", "shares_of"]
