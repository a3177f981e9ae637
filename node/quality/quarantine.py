"""The rows that a load set aside: counted for anybody here, shown only to those with the right, on the record."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from node.data_version import DataVersion
from node.formulas import guarded
from node.handing_out import hand_out
from node.store import Store
from privacy.optouts import OptOuts

LINE, REASONS, PERSON = "line", "reasons", "person"
BETWEEN = "; "  # two reasons of one row


@dataclass(frozen=True)
class Waiting:
    """One reason for which rows wait in quarantine: how many do, and the line of the first."""

    reason: str
    column: str
    rows: int
    first_line: int


def waiting(store: Store, version: DataVersion) -> list[Waiting]:
    """Return why rows of a version were set aside, the most frequent reason first; no value of any row."""
    table = store.read_quarantine(version).select([LINE, REASONS])
    lists = pc.split_pattern(table[REASONS], BETWEEN).combine_chunks()
    lines = table[LINE].combine_chunks().take(pc.list_parent_indices(lists))
    each = pa.table({LINE: lines, REASONS: pc.list_flatten(lists)}).group_by(REASONS, use_threads=False)
    found = []
    for row in each.aggregate([(LINE, "count"), (LINE, "min")]).to_pylist():
        reason, _, column = row[REASONS].partition(" in ")
        found.append(Waiting(reason, column, row[f"{LINE}_count"], row[f"{LINE}_min"]))
    return sorted(found, key=lambda w: (-w.rows, w.reason, w.column))


def write_rows(store: Store, version: DataVersion, optouts: OptOuts, out: Path, *, home: Path) -> int:
    """Write the rows of a version that wait to be repaired, as CSV that ``replay`` reads back; return how many.

    Only this account can read the file, and it is not in the node's directory. Identifiers are not kept, so their
    columns are empty: the line leads to them at the source. Rows of people who have opted out since are left out, and
    where nobody can tell whose row it is there is only its line and why. What a spreadsheet would take for a formula
    begins with an apostrophe, which ``replay`` takes off.
    """
    rows = store.read_quarantine(version)
    rows = rows.filter(pa.array(_may_be_shown(rows, optouts))).sort_by(LINE)
    names = [column.name for column in version.contract.columns]
    # a keyed text that came back as it is would be keyed again, and be nobody's
    keyed = [column.name for column in version.contract.stored if column.kind == "direct-identifier"]
    rows = rows.drop_columns(keyed)
    text = io.StringIO()
    writer = csv.DictWriter(text, [LINE, REASONS, *names], restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({n: guarded(v) if isinstance(v, str) else v for n, v in row.items()} for row in rows.to_pylist())
    hand_out(text.getvalue().encode(), out, home=home)
    return int(rows.num_rows)


def _may_be_shown(rows: pa.Table, optouts: OptOuts) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    person = rows[PERSON].to_numpy(zero_copy_only=False)
    unknown = np.array([name is None for name in person], dtype=bool)
    return unknown | optouts.keep(np.where(unknown, "", person).astype(str))


__all__ = ["BETWEEN", "LINE", "PERSON", "REASONS", "Waiting", "waiting", "write_rows"]
