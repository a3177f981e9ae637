"""The main job, measured: the model, the ledger, exchanges, the demo, recovery, memory, growth and start-up."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.bench import charges, demo, exchanges, growth, idle, model, recovery, startup
from deploy.bench.run import Figure

THEMES = (startup, charges, exchanges, idle, growth, recovery, demo, model)


def figures() -> Iterator[Figure]:
    """Yield the main area's figures; about ten minutes on two cores."""
    for theme in THEMES:
        yield from theme.figures()


__all__ = ["THEMES", "figures"]
