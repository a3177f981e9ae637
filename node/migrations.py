"""How a node's state changed from version to version; ``upgrade`` takes the steps that are missing."""

from __future__ import annotations

from privacy.durable import Migration

MIGRATIONS: tuple[Migration, ...] = ()
FORMAT = 1 + len(MIGRATIONS)

__all__ = ["FORMAT", "MIGRATIONS"]
