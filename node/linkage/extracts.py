"""The two extracts of a linkage, read into memory and nowhere else: ids, and what is compared in canonical form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from node.linkage.standard import of_each, standardise
from node.sources.opening import open_source
from privacy.errors import Invalid
from privacy.linkage import Extract

MISSING = {"", "NULL", "NA", "N/A", "NONE", "UNKNOWN", "NOT KNOWN"}


@dataclass(frozen=True, eq=False)
class Records:
    """An extract's rows: ``ids`` and ``shown`` as they are written, ``columns`` standardised, ``digest`` keyed.

    Clear identifiers, all of it: it lives in memory, inside the zone, and is never stored or printed.
    """

    ids: pa.Array
    shown: pa.Table
    columns: pa.Table
    digest: str

    def only(self, rows: pa.Array) -> Records:
        """Return some of the rows."""
        return Records(self.ids.filter(rows), self.shown.filter(rows), self.columns.filter(rows), self.digest)


def read_extract(file: Path, extract: Extract, *, key: bytes) -> Records:
    """Return the rows of a source as the agreement describes it; headings it lacks are ``column-absent``.

    Other columns are not kept. ``key`` is what the digest of the source is keyed by.
    """
    extra = [*([extract.known] if extract.known else []), *(heading for _, heading in extract.groups)]
    wanted = list(dict.fromkeys([extract.id, *extract.headings.values(), *extra]))
    with open_source(file, contract=None, key=key) as source:
        if absent := [heading for heading in wanted if heading not in source.names]:
            raise Invalid("column-absent", str(file), faults=absent)
        batches = [rows.cells.select(wanted) for rows in source.read()]
        digest = source.digest()
    columns = {h: pa.chunked_array([_text(batch[h]) for batch in batches], pa.string()) for h in wanted}
    present = pa.table({heading: of_each(texts, _present) for heading, texts in columns.items()})
    compared = {column: present[heading] for column, heading in extract.columns}
    return Records(
        ids=present[extract.id].combine_chunks(),
        shown=present,
        columns=pa.table(standardise(compared, extract)),
        digest=digest,
    )


def _text(cells: pa.Array) -> pa.Array:
    """Return cells as text; a moment as its day, which is all that a date of birth has."""
    day = pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type)
    return (cells.cast(pa.date32(), safe=False) if day else cells).cast(pa.string())


def _present(text: str) -> str | None:
    return None if text.strip().upper() in MISSING else text


__all__ = ["MISSING", "Records", "read_extract"]
