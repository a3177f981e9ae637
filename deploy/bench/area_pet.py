"""The node's data, measured: pseudonyms."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench import pseudonyms
from deploy.bench.run import Figure

THEMES = (pseudonyms,)


def figures() -> Iterator[Figure]:
    """Yield the area's figures."""
    for theme in THEMES:
        yield from theme.figures()


__all__ = ["THEMES", "figures"]
