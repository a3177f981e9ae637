"""What a study would leave of this node's budget: what is spent, what others may still spend, and what is promised."""

from __future__ import annotations

from dataclasses import dataclass

from node.policy import Policy
from node.register import ENDS, Record
from privacy.accountant import epsilon
from privacy.canonical import Document
from privacy.ledger import Ledger, costs_in_all
from privacy.programme import Programme
from privacy.spending import Spending, with_charges


@dataclass(frozen=True)
class Outlook:
    """One account in units of 10^-12 rho: ``spent`` for good, ``others`` and ``study`` may still spend so much."""

    people: str
    view: str
    spent: int
    others: int
    study: int
    ceiling: int

    @property
    def left(self) -> int:
        """Return what would be left; below zero where the study does not fit."""
        return self.ceiling - self.spent - self.others - self.study

    def document(self, delta: float) -> Document:
        """Return the account as plain data, with the epsilon of a person's life before and after, at ``delta``."""
        held = self.spent + self.others
        return {
            **self.__dict__,
            "left": self.left,
            "epsilon_spent": epsilon(self.spent, delta),
            "epsilon_with_others": epsilon(held, delta),
            "epsilon_with_study": epsilon(held + self.study, delta),
            "epsilon_ceiling": epsilon(self.ceiling, delta),
        }


@dataclass(frozen=True)
class PurposeLeft:
    """What a purpose with a share of the budget has used of it, spent or set aside, in one account."""

    purpose: str
    people: str
    view: str
    share: int
    used: int


def outlook(ledger: Ledger, plan: Programme, record: Record) -> list[Outlook]:
    """Return each account as it would be if the study ran to its end here; one that has ended spends no more."""
    coming = _coming(ledger, plan, record)
    own = {(r.part, r.view): r.units for r in ledger.reservations.all() if r.study == record.hash}
    return [
        Outlook(a.part, a.view, a.spent, a.reserved - own.get(key, 0), coming[key], a.ceiling)
        for a in ledger.accounts()
        for key in [(a.part, a.view)]
    ]


def purposes(ledger: Ledger, policy: Policy) -> list[PurposeLeft]:
    """Return how each purpose that the policy gives a share stands, by account."""
    used = ledger.reservations.used()
    return [
        PurposeLeft(purpose, a.part, a.view, share[a.view], used.get(purpose, {}).get((a.part, a.view), 0))
        for purpose, share in policy.shares().items()
        for a in ledger.accounts()
    ]


def _coming(ledger: Ledger, plan: Programme, record: Record) -> Spending:
    """Return what a study may still charge: nothing once it has ended, else its whole price less what it charged."""
    price = costs_in_all(plan)
    if record.state in ENDS:
        return dict.fromkeys(price, 0)
    charged = (charge for charge in ledger.charges() if charge["study"] == record.hash)
    spent = with_charges(dict.fromkeys(price, 0), charged)
    return {account: max(0, units - spent[account]) for account, units in price.items()}


__all__ = ["Outlook", "PurposeLeft", "outlook", "purposes"]
