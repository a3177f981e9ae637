"""What a source seems to hold, before anybody wrote a contract for it; nothing of it is kept."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from node.sources.source import Rows, Source
from privacy.discovery import Discovery, Suspect

ROWS = 100_000  # from the first on; a load looks again, at all that it reads


def discover(source: Source, *, rows: int = ROWS) -> tuple[Suspect, ...]:
    """Return what the first rows of an open source seem to hold, column by column; no value is in it."""
    discovery, left = Discovery(), rows
    for batch in source.read():
        _look(discovery, source.names, batch, left)
        left -= len(batch.numbers)
        if left <= 0:
            break
    return discovery.findings()


def _look(discovery: Discovery, names: tuple[str, ...], batch: Rows, most: int) -> None:
    for name in names:
        cells = batch.cells[name][:most]
        if pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_decode()
        distinct = pc.unique(cells.cast(pa.string()).drop_null())
        discovery.look(name, distinct.to_pylist())


__all__ = ["ROWS", "discover"]
