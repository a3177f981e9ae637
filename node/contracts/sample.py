"""The first rows of a source as texts, and what each column's distinct texts are: what a draft is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from node.sources import Source
from privacy.columns import name_of
from privacy.discovery import Suspect, kind_of

SAMPLE_ROWS = 100_000
SAMPLE_CELLS = 20_000_000  # 5,000 columns: 4,000 rows of each
LEAST_ROWS = 1_000
# What other programs write for a cell that is empty; the same for everybody, so a draft may say it
ABSENT = ("-", "N/A", "NA", "NULL", "NaN", "None", "nan", "null")
SHARED_BY = 10  # people: the usual threshold of trusted research environments (UK LLC; acro's safe_threshold)
SHARED_BY_ROWS = 50  # where nobody knows whose rows they are: ten of them may be one person's
LOOKED_AT = 20_000  # distinct texts of a column
FEW_TEXTS = 1_000  # more are no codes that anybody would write into a contract


@dataclass(frozen=True, eq=False)
class Look:
    """One column of a sample: its heading, its distinct texts without the absent ones, and who shares which.

    ``values`` is how many distinct texts there are, ``distinct`` at most ``LOOKED_AT`` of them, from all over their
    order. ``shared`` are those that at least ``SHARED_BY`` people have, or ``SHARED_BY_ROWS`` rows where nobody knows
    whose they are: only they may stand in a draft. ``absent`` are the texts for missing that were seen, "" among them.
    """

    heading: str
    rows: int
    values: int
    distinct: tuple[str, ...]
    absent: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    shared: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the column's name in a contract."""
        return name_of(self.heading)

    @cached_property
    def few(self) -> tuple[str, ...]:
        """Return enough of the distinct texts to know a shape by."""
        return _spread(self.distinct, FEW_TEXTS)

    def suspected(self, *kinds: str) -> Suspect | None:
        """Return the first suspicion of one of these kinds."""
        return next((suspect for suspect in self.suspects if suspect.kind in kinds), None)


def sample(source: Source) -> pa.Table:
    """Return the first rows of a source as trimmed texts, "" for null; the source is read no further."""
    wanted = max(LEAST_ROWS, min(SAMPLE_ROWS, SAMPLE_CELLS // len(source.names)))
    batches: list[pa.Table] = []
    for rows in source.read():
        batches.append(pa.table([_texts(column) for column in rows.cells.columns], names=list(source.names)))
        wanted -= rows.cells.num_rows
        if wanted <= 0:
            break
    whole = pa.concat_tables(batches)
    return whole.slice(0, whole.num_rows + min(0, wanted))


def looks(table: pa.Table) -> list[Look]:
    """Return each column of a sample."""
    found = [_look(table, heading) for heading in table.column_names]
    person = next((look.heading for look in found if look.suspected("nhs-number")), None)
    return [replace(look, shared=_shared(table, look, person)) for look in found]


def _look(table: pa.Table, heading: str) -> Look:
    texts = pc.unique(table[heading])
    absent = pc.is_in(texts, value_set=pa.array(["", *ABSENT]))
    present = texts.filter(pc.invert(absent)).sort().to_pylist()
    distinct = _spread(present, LOOKED_AT)
    return Look(
        heading=heading,
        rows=table.num_rows,
        values=len(present),
        distinct=distinct,
        absent=tuple(sorted(texts.filter(absent).to_pylist())),
        suspects=kind_of(heading, distinct),
    )


def _shared(table: pa.Table, look: Look, person: str | None) -> tuple[str, ...]:
    if look.values > FEW_TEXTS:
        return ()
    whose = table[person] if person else pa.array(range(table.num_rows))
    pairs = pa.table({"text": table[look.heading], "whose": whose})
    grouped = pairs.group_by("text").aggregate([("whose", "count_distinct")])
    enough = grouped.filter(pc.field("whose_count_distinct") >= (SHARED_BY if person else SHARED_BY_ROWS))
    return tuple(sorted(set(enough["text"].to_pylist()) & set(look.distinct)))


def _spread(texts: Sequence[str], most: int) -> tuple[str, ...]:
    return tuple(texts[:: max(1, -(-len(texts) // most))])


def _texts(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    texts = column if pa.types.is_string(column.type) else pc.cast(column, pa.string())
    return pc.utf8_trim_whitespace(pc.fill_null(texts, ""))


__all__ = [
    "ABSENT",
    "LEAST_ROWS",
    "LOOKED_AT",
    "SAMPLE_CELLS",
    "SAMPLE_ROWS",
    "SHARED_BY",
    "SHARED_BY_ROWS",
    "Look",
    "looks",
    "sample",
]
