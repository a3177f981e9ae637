"""A ledger that reserves, charges and settles, and says so only once each is on the disk; made to be killed or cut off.

    python tests/recovery/charging.py FOLDER [too-soon|unsynced]

``too-soon`` and ``unsynced`` are controls: a ledger that speaks before its commit, and one whose commits are not forced
to the disk.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy import audit, ledger
from privacy.audit import AuditLog
from privacy.computation import PARTS
from privacy.durable import Database
from privacy.errors import HedgerowError
from privacy.ledger import Ledger
from privacy.programme import Mechanism, Place
from privacy.recount import recount

PLACES, CEILING = 8, 10**15
AT = "2026-01-01T00:00:00+00:00"
CEILINGS = dict.fromkeys(ledger.VIEWS, CEILING)
STUDY, PURPOSE = "study", "research"


def opened(folder: Path) -> tuple[Ledger, Database, AuditLog]:
    """Return the books in a folder; the key is always the same, as a process that starts again has it."""
    database = Database(folder / "state.db", [*audit.SCHEMA, *ledger.SCHEMA])
    log = AuditLog(database, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    return Ledger(database, log, node="ab" * 20), database, log


def place(number: int) -> Place:
    """Return a place of a study."""
    return Place(number, "risk", "gradient", number, "training", Mechanism(3, 0.6, 64, 10_000))


def costs() -> dict[tuple[str, str], int]:
    """Return what the study costs in all: a place more than is ever asked."""
    units = (PLACES + 1) * place(1).mechanism.cost
    return {(part, view): units if part == "training" else 0 for part in PARTS["everyone"] for view in ledger.VIEWS}


def main(folder: Path, control: str = "") -> None:
    """Reserve, charge and settle place after place, and free; each is said on standard output after its commit."""
    books, database, _ = opened(folder)
    if control == "unsynced":
        database._connection().execute("PRAGMA synchronous=OFF")
    with database.transaction() as connection:
        books.open_accounts(connection, CEILINGS)
    with database.transaction() as connection:
        books.reservations.reserve(connection, STUDY, PURPOSE, costs(), shares={}, at=AT)
    say("reserved", 0)
    for number in range(1, PLACES + 1):
        if control == "too-soon":
            say("charged", number)
        charge = books.charge(STUDY, place(number), f"request {number}", at=AT)
        if control != "too-soon":
            say("charged", number)
        release = books.settle(charge, np.full(3, number, np.uint64), data=("d@1",), optouts="today")
        say("released", number, release.receipt.released)
    with database.transaction() as connection:
        books.reservations.free(connection, STUDY, AT)
    say("freed", 0)


def say(*words: object) -> None:
    """Say something in one write, unbuffered."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def faults(folder: Path, said: list[list[str]]) -> list[str]:
    """Return what was said and is not there, what is there that should not be, and what does not verify."""
    books, database, log = opened(folder)
    with closing(database):
        there = {row["place"] for row in books.charges()}
        charged = [int(line[1]) for line in said if line[0] == "charged"]
        found = [f"charge {number} is lost" for number in charged if number not in there]
        if books.accounts():
            books.verify(CEILINGS)
            found += [
                f"{account.part} people, {account.view} view: {account.spent} units"
                for account in books.accounts()
                if account.spent != (len(there) * place(1).mechanism.cost if account.part == "training" else 0)
            ]
        log.verify()
        recount(log.events())
        if len(there) > len(charged) + 1:
            found.append("charges that nobody asked for")
        left = sum(each.units for each in books.reservations.all())
        for line in said:
            if line[0] == "reserved" and not books.reservations.all():
                found.append("the reservation is lost")
            if line[0] == "freed" and left:
                found.append("what was freed is held again")
            if line[0] == "released" and answer_of(books, there, int(line[1])) != line[2]:
                found.append(f"answer {line[1]} is lost")
    return found


def answer_of(books: Ledger, there: set[int], number: int) -> str:
    """Return the hash of what the same request gets again; nothing where its place was never charged."""
    if number not in there:
        return ""
    kept = books.charge(STUDY, place(number), f"request {number}", at=AT)
    return kept.released.receipt.released if kept.released else ""


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except HedgerowError as error:
        say("refused", error.code)


__all__ = [
    "AT",
    "CEILING",
    "CEILINGS",
    "PLACES",
    "PURPOSE",
    "STUDY",
    "answer_of",
    "costs",
    "faults",
    "main",
    "opened",
    "place",
    "say",
]
