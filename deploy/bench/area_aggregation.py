"""The private sum among many nodes, measured: what secure aggregation costs."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench import aggregation, masked_model, shared_noise
from deploy.bench.run import Figure

THEMES = (aggregation, shared_noise, masked_model)


def figures() -> Iterator[Figure]:
    """Yield the area's figures."""
    for theme in THEMES:
        yield from theme.figures()


__all__ = ["THEMES", "figures"]
