"""One of many clients of one ledger, each a process of its own; it waits for the others, then charges and settles.

python tests/recovery/clients.py FOLDER NUMBER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from privacy.errors import Refusal
from tests.recovery.charging import AT, opened, place, say

SHARED, OWN = 6, 3  # places that all of them ask for, and those that only this one does
GO = "go"


def main(folder: Path, number: int) -> None:
    """Ask for the shared places, from another one on than the next client does, and for a few of its own."""
    books, _, _ = opened(folder)
    say("ready")
    while not (folder / GO).exists():
        time.sleep(0.005)
    wanted = [1 + (number + i) % SHARED for i in range(SHARED)]
    for index in [*wanted, *(100 + number * OWN + i for i in range(OWN))]:
        try:
            charge = books.charge("study", place(index), f"request {index}", at=AT)
        except Refusal as error:
            say("refused", index, error.code)
            continue
        say("charged", index)
        vector = np.full(3, number, np.uint64)  # what another client would compute would be another answer
        release = charge.released or books.settle(charge, vector, data=("d@1",), optouts="today")
        say("released", index, release.receipt.released)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))


__all__ = ["GO", "OWN", "SHARED", "main"]
