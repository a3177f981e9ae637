"""What is in a data set, in figures that a person can take in: tables, ages, kinds of events, and the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from privacy.canonical import Document
from synthetic.judged.scoring import expected_auc
from synthetic.manifest import Manifest, check_files, read_manifest
from synthetic.provenance import to_document
from synthetic.tables import TRUTH
from synthetic.written.reading import PLAIN, DataSet

BANDS = (0, 5, 18, 35, 50, 65, 75, 85)  # where age bands begin
_YEAR = 365.25  # days


def describe(home: Path) -> Document:
    """Return what a data set says of itself, and the figures of those tables that have the canonical columns.

    Of a format that is not read again only what the manifest says. Every file is held against its hash first.
    """
    manifest = read_manifest(home)
    check_files(home, manifest.files)
    plan = manifest.plan
    tables = {name: {"rows": manifest.rows[name], "columns": dict(each)} for name, each in plan.tables.items()}
    said = {
        "provenance": to_document(plan.provenance),
        "command": plan.command,
        "recipe": dict(plan.recipe),
        "format": plan.format,
        "notes": list(plan.notes),
        "tables": tables,
    }
    return {**said, **(_figures(DataSet(home, manifest), manifest) if plan.format in PLAIN else {})}


def _figures(data: DataSet, manifest: Manifest) -> Document:
    found: dict[str, Any] = {}
    columns: Mapping[str, Mapping[str, str]] = manifest.plan.tables
    index = manifest.plan.recipe.get("index_date")
    if {"birth_date", "sex"} <= set(columns.get("people", ())) and index:
        found["people"] = _ages(data, date.fromisoformat(str(index)))
    if {"source", "setting"} <= set(columns.get("events", ())):
        found["events"] = _events(data, manifest.rows["people"])
    found["truth"] = [_outcome(data, name) for name in data.use_cases()]
    return found


def _ages(data: DataSet, index: date) -> list[Document]:
    """Return how many of each sex are of each age on the index date."""
    counts: Counter[tuple[int, str]] = Counter()
    for batch in data.batches("people"):
        days = (np.datetime64(index) - batch["birth_date"].to_numpy(zero_copy_only=False)).astype(int)
        bands = np.searchsorted(BANDS, days / _YEAR, side="right") - 1
        counts.update(zip(bands.tolist(), batch["sex"].to_pylist(), strict=True))
    sexes = sorted({sex for _, sex in counts})
    return [{"ages": _band(place), **{sex: counts[place, sex] for sex in sexes}} for place in range(len(BANDS))]


def _band(place: int) -> str:
    return f"{BANDS[place]}-{BANDS[place + 1] - 1}" if place + 1 < len(BANDS) else f"{BANDS[place]} and over"


def _events(data: DataSet, people: int) -> list[Document]:
    """Return how many events there are of each source and setting, in all and a head."""
    counts: Counter[tuple[str, str]] = Counter()
    for batch in data.batches("events"):
        rows = pa.table({"source": batch["source"], "setting": batch["setting"]})
        for each in rows.group_by(["source", "setting"]).aggregate([([], "count_all")]).to_pylist():
            counts[each["source"], each["setting"]] += each["count_all"]
    return [
        {"source": source, "setting": setting, "events": count, "a_head": round(count / max(1, people), 2)}
        for (source, setting), count in sorted(counts.items())
    ]


def _outcome(data: DataSet, name: str) -> Document:
    """Return how common an outcome is, how common it was to be expected, and the best AUC that there can be."""
    chances, happened = [], 0
    for batch in data.batches(TRUTH + name):
        chances.append(batch["probability"].to_numpy(zero_copy_only=False).astype(float))
        happened += pc.sum(batch["happened"]).as_py() or 0
    probability = np.concatenate(chances) if chances else np.zeros(0)
    auc = expected_auc(probability, probability) if len(probability) else None
    return {
        "use_case": name,
        "people": len(probability),
        "expected": round(float(probability.sum()), 1),
        "happened": happened,
        "attainable_auc": None if auc is None else round(auc, 4),
    }


__all__ = ["BANDS", "describe"]
