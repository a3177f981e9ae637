"""The privacy ledger: charge first, commit, compute, store, reply; never refund; one place answered once.

A budget belongs to a node's population for life. Each person is, for life, either trained on or held back, so there
are two parts of the population, and two views of each: what those see who see only totals, and what the coordinator
sees should masking be broken. What an approved study may still charge is set aside for it. Whole numbers, and a CHECK
in the table: not even a bug can overspend.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privacy.arrays import Ring
from privacy.audit import AuditLog
from privacy.canonical import Document, canonical, hash_of, sha256
from privacy.computation import PARTS, Part
from privacy.durable import Database
from privacy.errors import Invalid, Refusal, Tampered
from privacy.handover import SCHEMA as HANDOVER_SCHEMA
from privacy.handover import Handover, require_open
from privacy.programme import CHARGED_FOR, Place, Programme
from privacy.release import Receipt, Release
from privacy.reservations import SCHEMA as RESERVATION_SCHEMA
from privacy.reservations import Reservations, Shares
from privacy.spending import CHARGED, VIEWS, Spending, charge_document, costs_of, replayed

LEAF_KEYS = ("study", "place", "request", "people", "mechanism", "cost")
OPEN = "INSERT INTO account VALUES (?, ?, ?, 0, 0) ON CONFLICT DO UPDATE SET ceiling = excluded.ceiling"
NO_SHARES: Shares = {}  # one budget, undivided
RELEASED = "released"
PAY = "UPDATE account SET spent = spent + ? WHERE part = ? AND view = ?"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS account (
        part TEXT NOT NULL, view TEXT NOT NULL, ceiling INTEGER NOT NULL,
        spent INTEGER NOT NULL DEFAULT 0 CHECK (spent >= 0 AND spent <= ceiling),
        reserved INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0 AND spent + reserved <= ceiling),
        PRIMARY KEY (part, view)) STRICT""",
    """CREATE TABLE IF NOT EXISTS charge (
        id INTEGER PRIMARY KEY, study TEXT NOT NULL, place INTEGER NOT NULL, request TEXT NOT NULL,
        title TEXT NOT NULL, people TEXT NOT NULL, mechanism TEXT NOT NULL, cost INTEGER NOT NULL CHECK (cost > 0),
        at TEXT NOT NULL, leaf INTEGER NOT NULL,
        cost_coordinator INTEGER NOT NULL DEFAULT 0, UNIQUE (study, place)) STRICT""",
    """CREATE TABLE IF NOT EXISTS released (
        charge INTEGER PRIMARY KEY REFERENCES charge (id), content BLOB NOT NULL, receipt TEXT NOT NULL,
        leaf INTEGER NOT NULL) STRICT""",
    *HANDOVER_SCHEMA,
    *RESERVATION_SCHEMA,
)


@dataclass(frozen=True)
class Charge:
    """A committed charge: the right, and the only right, to compute one place for one request."""

    id: int
    study: str
    place: Place
    request: str
    at: str
    leaf: int
    released: Release | None


@dataclass(frozen=True)
class Account:
    """What one part of the population has spent, in one view, in units of 10^-12 rho.

    ``reserved`` is what approved studies may still charge.
    """

    part: Part
    view: str
    ceiling: int
    spent: int
    reserved: int


class Ledger:
    """Charges places, keeps what was released, and refuses what the budget does not hold."""

    def __init__(self, database: Database, audit: AuditLog, *, node: str) -> None:
        self._database = database
        self._audit = audit
        self._node = node
        self.handover = Handover(database, audit, node=node)
        self.reservations = Reservations(database, audit)

    def open_accounts(self, connection: sqlite3.Connection, ceilings: Mapping[str, int]) -> None:
        """Set the ceiling of each view for both parts; what is spent or set aside stays, or ``budget-exhausted``."""
        for part in PARTS["everyone"]:
            for view in VIEWS:
                try:
                    connection.execute(OPEN, (part, view, ceilings[view]))
                except sqlite3.IntegrityError as error:
                    raise Refusal("budget-exhausted", f"more is spent or set aside: {part}, {view}") from error

    def accounts(self) -> list[Account]:
        """Return what is spent and what the ceiling is, for each part and view."""
        return [Account(**dict(row)) for row in self._database.rows("SELECT * FROM account ORDER BY part, view")]

    def charges(self) -> list[Document]:
        """Return every charge, oldest first, and whether its answer was stored."""
        query = """SELECT charge.*, released.charge IS NOT NULL AS answered
                   FROM charge LEFT JOIN released ON released.charge = charge.id ORDER BY id"""
        return [{**dict(row), "mechanism": json.loads(row["mechanism"])} for row in self._database.rows(query)]

    def check_affordable(self, programme: Programme, shares: Shares = NO_SHARES) -> None:
        """Ask before spending: return if the whole study fits what is left, and its purpose's share of the budget.

        Otherwise ``budget-too-small`` or ``purpose-spent``; what is set aside for other studies is not left. A ledger
        that was handed over has nothing left for anybody: ``ledger-handed-over``.
        """
        if (recipient := self.handover.recipient()) is not None:
            raise Refusal("ledger-handed-over", recipient)
        self.reservations.check_room(programme.study.purpose, costs_in_all(programme), shares)

    def reserve(
        self, connection: sqlite3.Connection, programme: Programme, *, at: str, shares: Shares = NO_SHARES
    ) -> None:
        """Set aside all that an approved study can ever charge, in the transaction of its approval; once."""
        require_open(connection)
        study = programme.study
        costs = costs_in_all(programme)
        self.reservations.reserve(connection, study.hash, study.purpose, costs, shares=shares, at=at)

    def charge(self, study: str, place: Place, request: str, *, at: str) -> Charge:
        """Charge ``place`` and commit, before anything is computed.

        The same request again gives the same charge at no further cost, with what was released for it, if anything
        was. Another request for the same place is ``place-answered``; too little left is ``budget-exhausted``.
        """
        with self._database.transaction() as connection:
            query = "SELECT * FROM charge WHERE study = ? AND place = ?"
            row = connection.execute(query, (study, place.index)).fetchone()
            if row is None:
                return self._new(connection, study, place, request, at)
            if row["request"] != request:
                raise Refusal("place-answered", place.title)
            released = self._released(connection, row["id"], row["leaf"])
            return Charge(row["id"], study, place, request, row["at"], row["leaf"], released)

    def settle(self, charge: Charge, vector: Ring, *, data: tuple[str, ...], optouts: str) -> Release:
        """Store what leaves under its charge and commit; only then does a receipt, and so a release, exist."""
        content = vector.astype("<u8").tobytes()
        receipt = Receipt(
            node=self._node,
            study=charge.study,
            place=charge.place.index,
            title=charge.place.title,
            people=charge.place.people,
            mechanism=charge.place.mechanism.document(),
            cost_outside=charge.place.mechanism.cost,
            cost_coordinator=charge.place.mechanism.cost_unmasked,
            request=charge.request,
            data=data,
            optouts=optouts,
            charged_at=charge.at,
            audit_leaf=charge.leaf,
            released=sha256(content),
        )
        with self._database.transaction() as connection:
            if (stored := self._released(connection, charge.id, charge.leaf)) is not None:
                return stored  # somebody else computed it on this charge; two answers to one place must never leave
            facts = _released_facts(charge.id, receipt)  # the clock was judged at the charge, which may be long ago
            leaf = self._audit.append(connection, RELEASED, facts, at=charge.at, whatever_the_clock=True)
            values = (charge.id, content, canonical(receipt.document()).decode(), leaf)
            connection.execute("INSERT INTO released VALUES (?, ?, ?, ?)", values)
        return Release(receipt, content)

    def verify(self, ceilings: Mapping[str, int]) -> None:
        """Replay charges and merges in the order of the log; hold each, and each answer, against its leaf.

        A difference is ``ledger-tampered``. ``ceilings`` are what the signed policy says. An answer that is gone counts
        as tampering: computed again, with other noise, the place would have two.
        """
        events = self._audit.events()
        leaves = {leaf["position"]: leaf for leaf in events if leaf["event"] == CHARGED}
        charges, spent = self.charges(), replayed(events)
        for account in self.accounts():
            if account.ceiling != ceilings[account.view]:
                raise Tampered("ledger-tampered", f"ceiling of the {account.view} view")
            if account.spent != spent[account.part, account.view]:
                raise Tampered("ledger-tampered", f"spending of {account.part} people")
        for charge in charges:
            facts = leaves.pop(charge["leaf"], {"facts": {}})["facts"]
            if any(facts.get(key) != charge[key] for key in LEAF_KEYS) or costs_of(facts) != costs_of(charge):
                raise Tampered("ledger-tampered", f"charge {charge['id']}")
        if leaves:
            raise Tampered("ledger-tampered", f"charge of leaf {min(leaves)} is missing")
        self.handover.verify(events)
        self.reservations.verify(events)
        answers = self._database.rows("SELECT charge, receipt, content FROM released ORDER BY charge")
        stored = [_released_facts(row["charge"], _release(row).receipt) for row in answers]
        logged = sorted((leaf["facts"] for leaf in events if leaf["event"] == RELEASED), key=lambda f: f["charge"])
        if stored != logged:
            raise Tampered("ledger-tampered", "the stored answers")

    def _new(self, connection: sqlite3.Connection, study: str, place: Place, request: str, at: str) -> Charge:
        require_open(connection)
        if place.index in self._audit.places(CHARGED, study):  # paid twice, it could be answered twice
            raise Tampered("ledger-tampered", "a charge that was made is gone")
        mechanism = place.mechanism
        costs = {"outside": mechanism.cost, "coordinator": mechanism.cost_unmasked}
        to_pay: dict[tuple[str, str], int] = {
            (part, view): costs[view] for part in PARTS[place.people] for view in VIEWS
        }
        try:
            self.reservations.draw(connection, study, to_pay)
            charged = [connection.execute(PAY, (units, *account)).rowcount for account, units in to_pay.items()]
        except sqlite3.IntegrityError as error:
            raise Refusal("budget-exhausted", place.title) from error
        if set(charged) != {1}:
            raise Refusal("budget-exhausted", "no account is open")
        facts: dict[str, Any] = {"study": study, "place": place.index, "title": place.title, "people": place.people}
        facts |= {"request": request, "mechanism": mechanism.document(), **charge_document(*costs.values())}
        leaf = self._audit.append(connection, CHARGED, facts, at=at)
        drawn = canonical(mechanism.document()).decode()
        row = (study, place.index, request, place.title, place.people, drawn, mechanism.cost, at, leaf)
        values = (*row, mechanism.cost_unmasked)
        cursor = connection.execute("INSERT INTO charge VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        return Charge(int(cursor.lastrowid or 0), study, place, request, at, leaf, None)

    def _released(self, connection: sqlite3.Connection, charge: int, leaf: int) -> Release | None:
        """Return what was stored for a charge, held against the leaf that was written with it."""
        row = connection.execute("SELECT * FROM released WHERE charge = ?", (charge,)).fetchone()
        if row is None:
            since = self._audit.events(after=leaf)  # an answer comes after its charge
            if any(e["event"] == RELEASED and e["facts"]["charge"] == charge for e in since):
                raise Tampered("ledger-tampered", "an answer that was given is gone")
            return None
        release = _release(row)
        if self._audit.facts(connection, row["leaf"]) != _released_facts(charge, release.receipt):
            raise Tampered("ledger-tampered", "a stored answer")
        return release


def costs_in_all(programme: Programme) -> Spending:
    """Return the most that a study can ever charge: to each part of the population, in each view."""
    return {(p, view): programme.cost(p, observer) for p in PARTS["everyone"] for view, observer in CHARGED_FOR.items()}


def _release(row: sqlite3.Row) -> Release:
    try:
        return Release(Receipt.from_document(json.loads(row["receipt"])), row["content"])
    except (Tampered, Invalid, ValueError) as error:
        raise Tampered("ledger-tampered", "a stored answer") from error


def _released_facts(charge: int, receipt: Receipt) -> Document:
    return {"charge": charge, "sha256": receipt.released, "receipt": hash_of(receipt.document())}


__all__ = ["LEAF_KEYS", "NO_SHARES", "OPEN", "PAY", "RELEASED", "SCHEMA", "Account", "Charge", "Ledger", "costs_in_all"]
