"""What a durable charge takes, beside what this disk takes for the same bytes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.bench.run import Figure
from privacy import audit, ledger
from privacy.durable import Database
from privacy.programme import Mechanism, Place

CHARGES = 300


def figures() -> Iterator[Figure]:
    """Charge as fast as one process can, each commit on the disk, and write and sync the same bytes beside it."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        database = Database(Path(name) / "node.db", [*audit.SCHEMA, *ledger.SCHEMA])
        log = audit.AuditLog(database, Ed25519PrivateKey.generate())
        book = ledger.Ledger(database, log, node="bench")
        with database.transaction() as connection:
            book.open_accounts(connection, {"outside": 10**15, "coordinator": 10**15})
        place = Place(1, "bench", "sum", 0, "training", Mechanism(20, 1.0, 512, 10**7))
        started = time.perf_counter()
        for n in range(CHARGES):
            book.charge(f"study-{n}", place, "request", at="2026-01-01T00:00:00+00:00")
        rate = CHARGES / (time.perf_counter() - started)
        synced = _syncs(Path(name) / "plain")
    yield Figure("durable_charges", rate, "a second", 100, "at_least", f"this disk's own fsync: {synced:.0f} a second")
    yield Figure("durable_charge_to_fsync", rate / synced, "ratio", 0.25, "at_least", "plain 4 KiB writes, each synced")


def _syncs(path: Path) -> float:
    with path.open("wb") as file:
        started = time.perf_counter()
        for _ in range(CHARGES):
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
        return CHARGES / (time.perf_counter() - started)


__all__ = ["CHARGES", "figures"]
