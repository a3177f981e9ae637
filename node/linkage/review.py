"""Clerical review: pairs side by side in a file that only this account can read, and decisions taken back."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from node.formulas import guarded
from node.handing_out import hand_out, require_new
from node.linkage.decisions import decided_on, pair_id, read_decisions
from node.linkage.tables import LinkageVersion, Links, LinkTables
from node.linkage.zone import Pairing


def write_pairs(pairing: Pairing, links: Links, out: Path, *, home: Path) -> int:
    """Write each pair that waits for a decision, ours beside theirs, as the extracts spell it; return how many.

    The file has mode 0600, is never inside the node's directory and replaces no other. Cells that a spreadsheet
    would take for a formula begin with an apostrophe.
    """
    require_new(out, home=home)
    waiting = links.table.filter(pc.equal(links.table["band"], "review"))
    wanted = set(zip(waiting["local"].to_pylist(), waiting["person"].to_pylist(), strict=True))
    compared = pairing.agreement.compared(pairing.target)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["pair", "decision", "record", *(f"{side}_{c}" for c in compared for side in ("ours", "theirs"))])
    rows = 0
    records: dict[str, int] = {}
    for pair, ours, theirs in _best_rows(pairing):
        if pair in wanted:
            record = records.setdefault(pair[0], 1 + len(records))
            cells = [cell for c in compared for cell in _both(pairing, c, ours, theirs)]
            writer.writerow([pair_id(pair, links.key), "", record, *cells])
            rows += 1
    hand_out(text.getvalue().encode(), out, home=home)
    return rows


def take_back(
    tables: LinkTables,
    version: LinkageVersion,
    file: Path,
    *,
    several_ids: bool,
    enter: Callable[[], None],
    now: datetime.datetime,
) -> LinkageVersion:
    """Carry out the decisions in a review file, and keep the result as a new version.

    ``enter`` writes into the log who decided; it is called once the file holds, and before anything changes.
    """
    links = tables.links(version)
    decided = decided_on(links, read_decisions(file, links), several_ids=several_ids)
    enter()
    return tables.save(version, decided, now=now)


def _best_rows(pairing: Pairing) -> list[tuple[tuple[str, str], int, int]]:
    """Return each pair of id and person with the two rows that agree best, ids together, the likeliest person first."""
    pairs = pairing.pairs.sort_by([("probability", "descending"), ("target", "ascending"), ("reference", "ascending")])
    best: dict[tuple[str, str], tuple[int, int]] = {}
    for ours, theirs in zip(pairs["reference"].to_pylist(), pairs["target"].to_pylist(), strict=True):
        best.setdefault((str(pairing.local[theirs]), str(pairing.people[ours])), (ours, theirs))
    return [(pair, *rows) for pair, rows in sorted(best.items(), key=lambda item: item[0][0])]


def _both(pairing: Pairing, column: str, ours: int, theirs: int) -> tuple[str, str]:
    return (
        _cell(pairing.reference_records.shown[pairing.agreement.reference.headings[column]], ours),
        _cell(pairing.target_records.shown[pairing.target.headings[column]], theirs),
    )


def _cell(column: pa.ChunkedArray, row: int) -> str:
    return guarded(column[row].as_py() or "")


__all__ = ["take_back", "write_pairs"]
