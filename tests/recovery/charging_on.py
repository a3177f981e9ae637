"""A ledger that goes on where it was left: verifies everything, then charges and settles place after place.

python tests/recovery/charging_on.py FOLDER FIRST COUNT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tests.recovery.charging import AT, CEILINGS, opened, place, say


def main(folder: Path, first: int, count: int) -> None:
    """Charge places from ``first`` on, each said after its commit."""
    books, database, log = opened(folder)
    if books.accounts():
        log.verify()
        books.verify(CEILINGS)
    with database.transaction() as connection:
        books.open_accounts(connection, CEILINGS)
    for number in range(first, first + count):
        charge = books.charge("study", place(number), f"request {number}", at=AT)
        say("charged", number)
        release = books.settle(charge, np.full(3, number, np.uint64), data=("d@1",), optouts="today")
        say("released", number, release.receipt.released)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))


__all__ = ["main"]
