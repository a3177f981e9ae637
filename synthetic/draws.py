"""Random numbers of which each block and stage has its own, so that no block depends on another or on who draws it."""

from __future__ import annotations

import hashlib

import numpy as np

PEOPLE_A_BLOCK = 8192  # people drawn together: some megabytes at a time, and a household never crosses the border


def draws(seed: int, stage: str, block: int) -> np.random.Generator:
    """Return the random numbers of one stage of one block: the same on every machine, in any order, in any process.

    Philox, a counter-based generator (Salmon and others, 2011), keyed by SHA-256 of seed, stage and block: a stage
    that is new, or draws more than before, shifts no other.
    """
    key = hashlib.sha256(f"{seed}/{stage}/{block}".encode()).digest()[:16]
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))


def blocks(people: int) -> int:
    """Return how many blocks so many people fill."""
    return -(-people // PEOPLE_A_BLOCK)


__all__ = ["PEOPLE_A_BLOCK", "blocks", "draws"]
