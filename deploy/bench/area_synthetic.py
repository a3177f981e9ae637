"""People who never were, measured: how fast they are made, and how well fitted ones keep what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench import fitted, generating
from deploy.bench.run import Figure

THEMES = (generating, fitted)


def figures() -> Iterator[Figure]:
    """Yield the area's figures."""
    for theme in THEMES:
        yield from theme.figures()


__all__ = ["THEMES", "figures"]
