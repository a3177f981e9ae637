"""A ledger that charges and settles place after place, and says so only once each is on the disk; made to be killed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy import audit, ledger
from privacy.audit import AuditLog
from privacy.durable import Database
from privacy.ledger import Ledger
from privacy.programme import Mechanism, Place

PLACES, CEILING = 8, 10**15
AT = "2026-01-01T00:00:00+00:00"
CEILINGS = dict.fromkeys(ledger.VIEWS, CEILING)


def opened(folder: Path) -> tuple[Ledger, Database, AuditLog]:
    """Return the books in a folder; the key is always the same, as a process that starts again has it."""
    database = Database(folder / "state.db", [*audit.SCHEMA, *ledger.SCHEMA])
    log = AuditLog(database, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    return Ledger(database, log, node="ab" * 20), database, log


def place(number: int) -> Place:
    """Return a place of a study."""
    return Place(number, "risk", "gradient", number, "training", Mechanism(3, 0.6, 64, 10_000))


def main(folder: Path, *, too_soon: bool = False) -> None:
    """Charge and settle, each said on standard output after its commit; as a control, before it."""
    books, database, _ = opened(folder)
    with database.transaction() as connection:
        books.open_accounts(connection, CEILINGS)
    for number in range(1, PLACES + 1):
        if too_soon:
            os.write(1, b"charged %d\n" % number)
        charge = books.charge("study", place(number), f"request {number}", at=AT)
        if not too_soon:
            os.write(1, b"charged %d\n" % number)
        release = books.settle(charge, np.full(3, number, np.uint64), data=("d@1",), optouts="today")
        os.write(1, b"released %d %s\n" % (number, release.receipt.released.encode()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), too_soon=sys.argv[2:] == ["too-soon"])


__all__ = ["AT", "CEILING", "CEILINGS", "PLACES", "main", "opened", "place"]
