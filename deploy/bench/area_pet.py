"""The node's data, measured: from any source to pseudonymised, checked, encrypted people and events."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench import discovery, discovery_rates, features, ingest, linkage, pseudonyms
from deploy.bench.run import Figure

THEMES = (pseudonyms, ingest, discovery, discovery_rates, linkage, features)


def figures() -> Iterator[Figure]:
    """Yield the area's figures."""
    for theme in THEMES:
        yield from theme.figures()


__all__ = ["THEMES", "figures"]
