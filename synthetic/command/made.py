"""What a person sees while a data set is made, and when it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from privacy.terminal import progress, say

if TYPE_CHECKING:
    from synthetic.manifest import Manifest


def told(clock: Callable[[], float], *, every: float = 5.0) -> Callable[[int, int], None]:
    """Tell a person how far it is, every few seconds, and how long it will take."""
    started = last = clock()
    there: int | None = None

    def tell(done: int, of: int) -> None:
        nonlocal last, there
        if there is None:
            there = done
            if done:
                progress(f"{done} of {of} parts are there already")
            return
        if done == of or clock() - last < every:
            return
        last = clock()
        left = (last - started) / (done - there) * (of - done)
        progress(f"{done} of {of} parts, about {left:,.0f} s left")

    return tell


def show(where: Path, manifest: Manifest, *, as_json: bool) -> None:
    """Say what was made, and what has to be known of it."""
    for note in manifest.plan.notes:
        progress(note)
    rows, provenance = manifest.rows, manifest.plan.provenance
    lines = [f"{where}:", *(f"  {table}: {count:,} rows" for table, count in rows.items()), provenance.says]
    say({"data_set": str(where), "rows": rows, "provenance": provenance.kind}, "\n".join(lines), as_json=as_json)


__all__ = ["show", "told"]
