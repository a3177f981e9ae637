"""What approved studies may still spend: set aside whole at approval, so that no two of them can starve each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from privacy.audit import AuditLog
from privacy.canonical import Document
from privacy.computation import PARTS
from privacy.durable import Database
from privacy.errors import Refusal, Tampered
from privacy.spending import CHARGED, Spending, costs_of, read_spending, spending_document

RESERVED, FREED = "budget-reserved", "budget-freed"  # the leaves
Shares = Mapping[str, Mapping[str, int]]  # purpose → view → units of 10^-12 rho that are this purpose's for life

# a study's row stays when it has ended, with nothing left: it says to which purpose its charges count
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS reservation (
        study TEXT NOT NULL, part TEXT NOT NULL, view TEXT NOT NULL, purpose TEXT NOT NULL,
        units INTEGER NOT NULL CHECK (units >= 0), PRIMARY KEY (study, part, view)) STRICT""",
)
_FREE = "SELECT part, view, ceiling - spent - reserved AS units FROM account"
_HOLD = "UPDATE account SET reserved = reserved + ? WHERE part = ? AND view = ?"
_LEFT = "UPDATE reservation SET units = ? WHERE study = ? AND part = ? AND view = ?"
_USED = """SELECT purpose, part, view, sum(units) AS units FROM reservation GROUP BY purpose, part, view"""
_CHARGED = """SELECT DISTINCT charge.id, purpose, people, cost, cost_coordinator
              FROM charge JOIN reservation ON reservation.study = charge.study"""


@dataclass(frozen=True)
class Reservation:
    """What is still set aside for one study, in one account, in units of 10^-12 rho."""

    study: str
    part: str
    view: str
    purpose: str
    units: int


class Reservations:
    """Sets aside, draws and frees, always in the caller's transaction; what is set aside nobody else can charge.

    Setting aside is no spending, and freeing is no refund: what a study did not charge, nobody has learned from.
    """

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def all(self) -> list[Reservation]:
        """Return what is set aside for each study, by part and view; zero for those that have ended."""
        return [Reservation(**dict(row)) for row in self._database.rows("SELECT * FROM reservation ORDER BY rowid")]

    def used(self) -> dict[str, Spending]:
        """Return what each purpose's studies have charged and still hold, for every purpose that ever held any."""
        return _used(self._database.rows(_USED), self._database.rows(_CHARGED))

    def check_room(self, purpose: str, costs: Spending, shares: Shares) -> None:
        """Return if a study of that purpose would fit what is left: else ``budget-too-small`` or ``purpose-spent``."""
        _require_room(purpose, costs, shares, _units(self._database.rows(_FREE)), self.used())

    def reserve(
        self, connection: sqlite3.Connection, study: str, purpose: str, costs: Spending, *, shares: Shares, at: str
    ) -> None:
        """Set aside all that a study can ever charge, unless it has been; too little left is as in ``check_room``."""
        if connection.execute("SELECT 1 FROM reservation WHERE study = ?", (study,)).fetchone():
            return
        used = _used(connection.execute(_USED).fetchall(), connection.execute(_CHARGED).fetchall())
        _require_room(purpose, costs, shares, _units(connection.execute(_FREE).fetchall()), used)
        rows = [(study, part, view, purpose, units) for (part, view), units in costs.items()]
        connection.executemany("INSERT INTO reservation VALUES (?, ?, ?, ?, ?)", rows)
        connection.executemany(_HOLD, [(units, part, view) for (part, view), units in costs.items()])
        facts: Document = {"study": study, "purpose": purpose, "units": spending_document(costs)}
        self._audit.append(connection, RESERVED, facts, at=at)

    def draw(self, connection: sqlite3.Connection, study: str, costs: Mapping[tuple[str, str], int]) -> None:
        """Take a charge that is about to be made from what is set aside for its study, as far as that reaches."""
        for row in self._held(connection, study):
            taken = min(costs.get((row["part"], row["view"]), 0), row["units"])
            self._let_go(connection, study, row, taken)

    def free(self, connection: sqlite3.Connection, study: str, at: str) -> None:
        """Let go of what a study that has ended did not charge; nothing happens where nothing is left."""
        held = [row for row in self._held(connection, study) if row["units"]]
        for row in held:
            self._let_go(connection, study, row, row["units"])
        if held:
            self._audit.append(connection, FREED, {"study": study}, at=at)

    def verify(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Replay what was set aside, charged and freed, in the order of the log; ``ledger-tampered`` if it differs."""
        told = replayed_reservations(events)
        kept = {(r.study, r.purpose, r.part, r.view): r.units for r in self.all()}
        if kept != told:
            raise Tampered("ledger-tampered", "what is set aside for studies")
        for account in self._database.rows("SELECT part, view, reserved FROM account"):
            of_it = [units for (*_, part, view), units in told.items() if (part, view) == tuple(account)[:2]]
            if sum(of_it) != account["reserved"]:
                raise Tampered("ledger-tampered", f"what is set aside of {account['part']} people")

    def _held(self, connection: sqlite3.Connection, study: str) -> list[sqlite3.Row]:
        return connection.execute("SELECT part, view, units FROM reservation WHERE study = ?", (study,)).fetchall()

    def _let_go(self, connection: sqlite3.Connection, study: str, row: sqlite3.Row, units: int) -> None:
        connection.execute(_LEFT, (row["units"] - units, study, row["part"], row["view"]))
        connection.execute(_HOLD, (-units, row["part"], row["view"]))


def replayed_reservations(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str, str], int]:
    """Return what the log says is still set aside: (study, purpose, part, view) → units."""
    held: dict[tuple[str, str, str, str], int] = {}
    for leaf in events:
        facts = leaf["facts"]
        if leaf["event"] == RESERVED:
            units = read_spending(facts["units"])
            held |= {(facts["study"], facts["purpose"], *account): left for account, left in units.items()}
        elif leaf["event"] in (CHARGED, FREED):
            for key, left in held.items():
                if key[0] == facts["study"]:
                    held[key] = 0 if leaf["event"] == FREED else max(0, left - _charged(facts, key[2], key[3]))
    return held


def _charged(facts: Mapping[str, Any], part: str, view: str) -> int:
    return int(costs_of(facts)[view]) if part in PARTS[facts["people"]] else 0


def _used(held: Sequence[sqlite3.Row], charges: Sequence[sqlite3.Row]) -> dict[str, Spending]:
    used: dict[str, dict[tuple[str, str], int]] = {}
    for row in held:
        used.setdefault(row["purpose"], {})[row["part"], row["view"]] = row["units"]
    for row in charges:
        for part, view in used[row["purpose"]]:
            used[row["purpose"]][part, view] += _charged(dict(row), part, view)
    return dict(used)


def _require_room(purpose: str, costs: Spending, shares: Shares, free: Spending, used: Mapping[str, Spending]) -> None:
    """Hold a study's costs against what is free, against its purpose's share, and against what others were promised."""
    for (part, view), cost in costs.items():
        promised = {p: share[view] - used.get(p, {}).get((part, view), 0) for p, share in shares.items()}
        own = promised.pop(purpose, None)
        if own is not None and cost > own:
            raise Refusal("purpose-spent", f"{purpose}: {part} people, {view} view")
        others = sum(max(0, left) for left in promised.values()) if own is None else 0
        if cost > free.get((part, view), 0) - others:
            raise Refusal("budget-too-small", f"{part} people, {view} view")


def _units(rows: Sequence[sqlite3.Row]) -> Spending:
    return {(row["part"], row["view"]): row["units"] for row in rows}


__all__ = ["FREED", "RESERVED", "SCHEMA", "Reservation", "Reservations", "Shares", "replayed_reservations"]
