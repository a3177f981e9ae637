"""How long forty features take over made-up events, and how much memory: the engine alone, on tables as a store gives.

python deploy/bench/features.py PEOPLE EVENTS       (prints seconds and megabytes; the events are not kept)
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deploy.bench.events import FIRST_DAY, codes, events
from deploy.bench.processes import peak_megabytes
from deploy.bench.run import Figure
from models.features.compiler import Layout
from models.features.engine import Shard, compute
from privacy.code_lists import CodeList
from privacy.features import Condition, Feature, FeatureKind, FeatureSet

PEOPLE, EVENTS = 1_000_000, 30_000_000
SMALLER = 10  # the same with so many times fewer, to see that time grows with rows and memory does not
SHARD_EVENTS = 1_000_000
LISTS, CODES_A_LIST = 25, 62  # the published frailty index has 2,171 codes in 35 lists
INDEX_DATE = datetime.date(2025, 4, 1)
LAYOUT = Layout("people", {"events": "date"})


def figures() -> Iterator[Figure]:
    """Measure both sizes, each in a process of its own."""
    for people, n_events in ((PEOPLE // SMALLER, EVENTS // SMALLER), (PEOPLE, EVENTS)):
        ran = subprocess.run(
            [sys.executable, __file__, str(people), str(n_events)], capture_output=True, text=True, check=True
        )
        seconds, megabytes = (float(part) for part in ran.stdout.split())
        millions = f"{n_events // 1_000_000}_million"
        against = f"{len(declared().features)} features, {people:,} people, {n_events:,} events; engine alone"
        yield Figure(f"features_seconds_{millions}_events", seconds, "s", 60, "at_most", against)
        most = "the process at its most, making the events included"
        yield Figure(f"features_megabytes_{millions}_events", megabytes, "MB", 4000, "at_most", most)


def declared() -> FeatureSet:
    """Return forty features of all kinds but stays: made-up events have no end."""
    lists = tuple(_lists())
    on = [(Condition("code", code_list=each.reference),) for each in lists]
    at = [(Condition("setting", codes=(name,)),) for name in ("emergency", "inpatient", "outpatient", "community")]
    chapters = (Condition("code", codes=tuple(f"{letter}{n}" for letter in "ABC" for n in range(10)), prefix=True),)
    prescribed = (Condition("system", codes=("dm+d",)),)
    coded = [Feature(f"any_{i}", "any", data_set="events", where=where) for i, where in enumerate(on)]
    visits = [_of_year(f"visits_{i}", "count", where=where, at_most=50) for i, where in enumerate(at)]
    others = [
        _of_year("chapters", "count", where=chapters, at_most=50),
        _of_year("cost", "sum", column="cost", low=0.0, high=100_000.0),
        _of_year("mean", "mean", column="value", low=0.0, high=500.0, where=on[1]),
        _of_year("least", "minimum", column="value", low=0.0, high=500.0),
        _of_year("most", "maximum", column="value", low=0.0, high=500.0),
        _of_year("medicines", "distinct", column="code", at_most=100, where=prescribed),
        Feature("latest", "latest", data_set="events", column="value", low=0.0, high=500.0, where=on[0]),
        Feature("since", "days-since", data_set="events", at_most=3650, where=at[0]),
        Feature("many_medicines", "band", of=("medicines",), edges=(5.0,)),
        Feature("deficits", "how-many", of=(*(f.name for f in coded), "many_medicines")),
        Feature("age", "age", column="birth"),
    ]
    return FeatureSet(INDEX_DATE, (*coded, *visits, *others), lists)


def _of_year(name: str, kind: FeatureKind, **rest: Any) -> Feature:  # noqa: ANN401 - whatever the kind takes
    return Feature(name, kind, data_set="events", from_day=-365, **rest)


def _lists() -> Iterator[CodeList]:
    """Yield lists of codes drawn from those that the made-up events have, the frequent ones too."""
    known, rng = (*codes("snomed-ct"), *codes("icd-10")), np.random.default_rng(1)
    for i in range(LISTS):
        drawn = tuple((known[n], "") for n in rng.choice(len(known), CODES_A_LIST, replace=False))
        yield CodeList(f"list-{i}", "1", f"List {i}", "local", "made up", "none", drawn)


def measure(people: int, n_events: int) -> tuple[float, float]:
    """Return the seconds in the engine, and the most megabytes that this process has held."""
    seconds, asked = 0.0, declared()
    shards = max(1, n_events // SHARD_EVENTS)
    for number in range(shards):
        shard = _shard(people // shards, n_events // shards, number)
        started = time.perf_counter()
        found = compute(asked, LAYOUT, [shard])
        seconds += time.perf_counter() - started
        if len(found) != people // shards:
            raise AssertionError("somebody is missing")
    return seconds, peak_megabytes(os.getpid())


def _shard(people: int, n_events: int, seed: int) -> Shard:
    """Return people and their events as a store gives them: pseudonyms, sorted, texts as dictionaries."""
    with tempfile.TemporaryDirectory() as folder:
        events(Path(folder), people, n_events, 1, seed=seed)
        rows = pq.read_table(Path(folder) / "part-000.parquet", read_dictionary=["nhs_number"])
    numbers = pc.unique(rows["nhs_number"])
    names = pa.array([f"k1.{n:032x}" for n in range(people)])  # of the length of a pseudonym
    place = pc.index_in(rows["nhs_number"].cast(pa.string()), value_set=numbers.cast(pa.string()))
    pseudonyms = pa.DictionaryArray.from_arrays(place.combine_chunks().cast(pa.int32()), names)
    rows = rows.drop_columns("nhs_number").append_column("person", pseudonyms)
    rows = rows.take(pc.sort_indices(place))
    born = FIRST_DAY - np.random.default_rng(seed).integers(0, 36_500, people, dtype=np.int32)
    birth = pa.array(born, pa.int32()).cast(pa.date32())
    return {"people": pa.table({"person": names, "birth": birth}), "events": rows}


if __name__ == "__main__":
    print(*measure(*(int(argument) for argument in sys.argv[1:])))


__all__ = [
    "CODES_A_LIST",
    "EVENTS",
    "INDEX_DATE",
    "LAYOUT",
    "LISTS",
    "PEOPLE",
    "SHARD_EVENTS",
    "SMALLER",
    "declared",
    "figures",
    "measure",
]
