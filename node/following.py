"""What the coordinator's news changes at this node: a study ends or is told of again, and nothing is ever allowed."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from node.clock import stamp
from node.register import Record, Register, State
from privacy.canonical import JSON
from privacy.fields import LONGEST_TEXT

AT_THE_HUB = "finished"  # what the coordinator says of a study that has made its model
ENDED: Mapping[State, State] = {
    "received": "expired",
    "awaiting-first-approval": "expired",
    "awaiting-second-approval": "expired",
    "runnable": "finished",
    "running": "finished",
}


def follow_offers(register: Register, offers: Iterable[Mapping[str, Any]], *, now: datetime.datetime) -> None:
    """End what the coordinator has finished; tell it again what it does not know, such as after it lost its state.

    A study that ran here is ``finished``, one that nobody had decided on is ``expired``: there is nothing left to
    decide. An offer that says neither changes nothing.
    """
    for offer in offers:
        if (record := register.get(offer["hash"])) is None:
            continue
        if offer.get("state") == AT_THE_HUB and record.state in ENDED:
            _end(register, record, ENDED[record.state], now, code="study-finished")
        elif isinstance(said := offer.get("said"), str) and record.told not in ("", said):
            register.told(record.hash, "")


def follow_withdrawals(register: Register, withdrawals: Iterable[Mapping[str, Any]], *, now: datetime.datetime) -> None:
    """Withdraw what the coordinator took back, for good; its people's reason goes into the log as they gave it."""
    for withdrawal in withdrawals:
        record = register.get(withdrawal["hash"])
        if record is not None and record.state in ENDED:
            facts: dict[str, JSON] = {"by": "coordinator", "reason": _one_line(withdrawal.get("reason"))}
            _end(register, record, "withdrawn", now, code="study-withdrawn", facts=facts, told="withdrawn")


def _end(
    register: Register,
    record: Record,
    state: State,
    now: datetime.datetime,
    *,
    code: str,
    facts: Mapping[str, JSON] | None = None,
    told: str = "",
) -> None:
    """Move a study, and note in the same transaction what the coordinator need not be told: it said so itself."""
    with register.database.transaction() as connection:
        register.move(connection, record, state, at=stamp(now), code=code, facts=facts)
        if told:
            connection.execute("UPDATE study SET told = ? WHERE hash = ?", (told, record.hash))


def _one_line(reason: object) -> str:
    """Return a reason if it is one printable line; what a coordinator sends must not forge what people read."""
    return reason if isinstance(reason, str) and reason.isprintable() and len(reason) <= LONGEST_TEXT else ""


__all__ = ["AT_THE_HUB", "ENDED", "follow_offers", "follow_withdrawals"]
