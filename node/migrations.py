"""How a node's state changed from version to version; ``upgrade`` takes the steps that are missing."""

from __future__ import annotations

from privacy.durable import Migration

MIGRATIONS: tuple[Migration, ...] = (Migration(2, "0.1 to 0.2", ()),)
FORMAT = 1 + len(MIGRATIONS)

__all__ = ["FORMAT", "MIGRATIONS"]
