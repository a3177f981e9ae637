"""How a coordinator's state was changed from version to version; ``upgrade`` takes the steps that are missing."""

from __future__ import annotations

from privacy.durable import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        2,
        "0.1 to 0.2",
        (
            "ALTER TABLE study ADD COLUMN withdrawn_at TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE study ADD COLUMN withdrawn_reason TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE run ADD COLUMN deadline_seconds REAL NOT NULL DEFAULT 0",
        ),
    ),
)
FORMAT = 1 + len(MIGRATIONS)

__all__ = ["FORMAT", "MIGRATIONS"]
