"""The private sum among many nodes, measured: what secure aggregation costs, and what a ledger survives."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench import aggregation, ledger_crashes, masked_model, shared_noise
from deploy.bench.run import Figure

THEMES = (aggregation, shared_noise, ledger_crashes, masked_model)


def figures() -> Iterator[Figure]:
    """Yield the area's figures."""
    for theme in THEMES:
        yield from theme.figures()


__all__ = ["THEMES", "figures"]
