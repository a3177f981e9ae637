"""Weaknesses to plant in a node or a coordinator: the walk's checks must catch each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any


def forgetful_journal() -> None:
    """Forget, when a run goes on, what was answered before."""
    from coordinator.journal import Journal

    opened = Journal.open

    def forgotten(self: Any, study: str, place: int, request: bytes) -> Any:
        return replace(opened(self, study, place, request), answers={}, closed=False)

    Journal.open = forgotten


def late_charge() -> None:
    """Charge when the answer has left: cheaper, and wrong as soon as somebody pulls the plug in between."""
    from node.egress import Door
    from privacy.ledger import Charge, Ledger

    charge, settle, answer = Ledger.charge, Ledger.settle, Door.answer
    owed: list[Any] = []

    def charging(_self: Any, study: str, place: Any, request: str, *, at: str) -> Charge:
        return Charge(0, study, place, request, at, 0, None)

    def settling(self: Any, charged: Charge, vector: Any, **facts: Any) -> Any:
        owed.append((self, charged, vector, facts))
        return _release(self, charged, vector, facts)

    def answering(self: Any, content: bytes, send: Any) -> None:
        answer(self, content, send)
        while owed:
            ledger, charged, vector, facts = owed.pop()
            paid = charge(ledger, charged.study, charged.place, charged.request, at=charged.at)
            settle(ledger, paid, vector, **facts)

    Ledger.charge, Ledger.settle, Door.answer = charging, settling, answering


def unstored_answer() -> None:
    """Send answers that are not stored: asked again, the same place is answered with other noise."""
    from privacy.ledger import Ledger

    Ledger.settle = lambda self, charged, vector, **facts: _release(self, charged, vector, facts)


def _release(ledger: Any, charged: Any, vector: Any, facts: Any) -> Any:
    """Return a release whose receipt no ledger has written."""
    from privacy.canonical import sha256
    from privacy.release import Receipt, Release

    content, place = vector.astype("<u8").tobytes(), charged.place
    receipt = Receipt(
        node=ledger._node,
        study=charged.study,
        place=place.index,
        title=place.title,
        people=place.people,
        mechanism=place.mechanism.document(),
        cost_outside=place.mechanism.cost,
        cost_coordinator=place.mechanism.cost_unmasked,
        request=charged.request,
        charged_at=charged.at,
        audit_leaf=charged.leaf,
        released=sha256(content),
        **facts,
    )
    return Release(receipt, content)
