"""What people decided on pairs that a machine may not: kept with the links, and held to when ids are linked again."""

from __future__ import annotations

import csv
import hmac
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from node.linkage.bands import LINKED
from node.linkage.tables import Links
from privacy.errors import Invalid, Unreachable

SAME, DIFFERENT = "same", "different"
PAIR_BYTES = 8
Pair = tuple[str, str]  # keyed local id, person


def pair_id(pair: Pair, key: bytes) -> str:
    """Return a name for a pair that says nothing to who has not the key of the linkage."""
    return hmac.digest(key, "|".join(pair).encode(), "sha256")[:PAIR_BYTES].hex()


def refused(before: Links | None) -> frozenset[Pair]:
    """Return the pairs of which people said that they are two persons."""
    return frozenset(_in_band(before.table, "refused")) if before else frozenset()


def held_to(
    fresh: pa.Table, before: Links | None, *, local: Collection[str], people: Collection[str], several_ids: bool
) -> pa.Table:
    """Return fresh links in which earlier decisions stand: ``local``, ``person``, ``band``.

    A decision lapses only when its id or its person is in the extracts no more.
    """
    if before is None:
        return fresh
    there, known = set(local), set(people)
    kept = [(b, p) for b in ("clerical", "refused") for p in _in_band(before.table, b)]
    decided = [(band, pair) for band, pair in kept if pair[0] in there and pair[1] in known]
    return _with(fresh, decided, several_ids=several_ids)


def read_decisions(file: Path, links: Links) -> Mapping[Pair, str]:
    """Return what a review file says of each pair; ``review-malformed`` lists the lines that say nothing known.

    Lines without a decision are left for another day.
    """
    waiting = {pair_id(pair, links.key): pair for pair in _in_band(links.table, "review")}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [(row.get("pair"), (row.get("decision") or "").strip().lower()) for row in csv.DictReader(lines)]
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error
    except (UnicodeDecodeError, csv.Error):
        raise Invalid("review-malformed", str(file)) from None
    faults = []
    decided: dict[Pair, str] = {}
    for number, (name, decision) in enumerate(rows, start=1):
        if decision and name not in waiting:
            faults.append(f"row {number}: waits for no decision in the linkage in force")
        elif decision not in ("", SAME, DIFFERENT):
            faults.append(f"row {number}: a decision is {SAME}, {DIFFERENT} or nothing")
        elif decision and name:
            decided[waiting[name]] = decision
    if faults or not decided:
        raise Invalid("review-malformed", str(file), faults=faults or ["no row has a decision"])
    return decided


def decided_on(links: Links, decisions: Mapping[Pair, str], *, several_ids: bool) -> Links:
    """Return the links with decisions carried out; an id that would be two people is ``review-malformed``.

    So is a person who would have two ids, unless the target has ``several_ids``.
    """
    same = [pair for pair, decision in decisions.items() if decision == SAME]
    already = [pair for band in LINKED for pair in _in_band(links.table, band)]
    faults = ["one id is said to be two people"] * any(n > 1 for n in Counter(local for local, _ in same).values())
    if not several_ids and any(n > 1 for n in Counter(p for _, p in [*same, *already]).values()):
        faults.append("a person is said to have two ids, or has one already")
    if faults:
        raise Invalid("review-malformed", faults=faults)
    parts = dict(zip(links.table["person"].to_pylist(), links.table["held_back"].to_pylist(), strict=True))
    made = [("clerical" if decision == SAME else "refused", pair) for pair, decision in decisions.items()]
    table = _with(links.table.select(["local", "person", "band"]), made, several_ids=True)
    held = pa.array([parts[person] for person in table["person"].to_pylist()], pa.bool_())
    return Links(table.append_column("held_back", held), links.figures, links.key)


def _with(fresh: pa.Table, decided: Collection[tuple[str, Pair]], *, several_ids: bool) -> pa.Table:
    """Return links in which each decided pair has its band, and no other pair of an id that is settled is left."""
    settled = {pair[0] for band, pair in decided if band == "clerical"}
    taken = set() if several_ids else {pair[1] for band, pair in decided if band == "clerical"}
    pairs = {pair for _, pair in decided}
    rows = []
    for local, person, band in zip(*(fresh[name].to_pylist() for name in ("local", "person", "band")), strict=True):
        if local in settled or (local, person) in pairs:
            continue
        rows.append((local, person, "review" if band == "match" and person in taken else band))
    rows += [(*pair, band) for band, pair in decided]
    columns = list(zip(*sorted(rows), strict=True)) or [(), (), ()]
    return pa.table({n: pa.array(c, pa.string()) for n, c in zip(("local", "person", "band"), columns, strict=True)})


def _in_band(table: pa.Table, band: str) -> list[Pair]:
    found = table.filter(pc.equal(table["band"], band))
    return list(zip(found["local"].to_pylist(), found["person"].to_pylist(), strict=True))


__all__ = [
    "DIFFERENT",
    "PAIR_BYTES",
    "SAME",
    "Pair",
    "decided_on",
    "held_to",
    "pair_id",
    "read_decisions",
    "refused",
]
