"""How a node's state changed from version to version; ``upgrade`` takes the steps that are missing."""

from __future__ import annotations

from privacy.durable import Migration

_BEFORE_LINKAGE = """CREATE TABLE IF NOT EXISTS data_version (
    data_set TEXT NOT NULL, version INTEGER NOT NULL, contract TEXT NOT NULL, loaded_at TEXT NOT NULL,
    source_sha256 TEXT NOT NULL, optouts_version TEXT NOT NULL, file TEXT NOT NULL UNIQUE,
    quarantine TEXT NOT NULL UNIQUE, PRIMARY KEY (data_set, version)) STRICT"""  # a node that never opened its store
_RESERVED = """ALTER TABLE account ADD COLUMN reserved INTEGER NOT NULL DEFAULT 0
    CHECK (reserved >= 0 AND spent + reserved <= ceiling)"""
MIGRATIONS: tuple[Migration, ...] = (
    Migration(2, "0.1 to 0.2", ()),
    Migration(
        3, "0.2 to 0.3", (_BEFORE_LINKAGE, "ALTER TABLE data_version ADD COLUMN linkage TEXT NOT NULL DEFAULT ''")
    ),
    Migration(
        4,
        "0.3 to 0.4",
        (
            "ALTER TABLE charge ADD COLUMN cost_coordinator INTEGER NOT NULL DEFAULT 0",
            "UPDATE charge SET cost_coordinator = cost",  # nothing was masked before: the two were one
            _RESERVED,
        ),
    ),
)
FORMAT = 1 + len(MIGRATIONS)

__all__ = ["FORMAT", "MIGRATIONS"]
