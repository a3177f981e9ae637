"""The private sum among many nodes, measured: what secure aggregation costs."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench import aggregation
from deploy.bench.run import Figure

THEMES = (aggregation,)


def figures() -> Iterator[Figure]:
    """Yield the area's figures."""
    for theme in THEMES:
        yield from theme.figures()


__all__ = ["THEMES", "figures"]
