"""How long forty features take over made-up events, and how much memory: the engine alone, on tables as a store gives.

python deploy/bench/features.py load HOME PEOPLE, then measure HOME       (prints seconds and megabytes)
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.bench.made_up import EVENTS_A_PERSON, EVENTS_CONTRACT, PEOPLE_CONTRACT, bench_data
from deploy.bench.processes import peak_megabytes
from deploy.bench.run import Figure
from node.assemble import open_node
from node.features import Features
from node.ingest.load import ingest
from node.optouts import load_optouts
from privacy.code_lists import CodeList
from privacy.contract_file import read_contract
from privacy.features import Condition, Feature, FeatureKind, FeatureSet
from synthetic.lives.codes import codes
from tests.approved import a_node
from tests.builders import small_study
from tests.nodes import NOW

PEOPLE = 1_000_000
SMALLER = 10  # the same with so many times fewer, to see that time grows with rows and memory does not
LISTS, CODES_A_LIST = 25, 62  # the published frailty index has 2,171 codes in 35 lists
INDEX_DATE = datetime.date(2025, 4, 1)
PERSONS, VISITS = "synthetic-people", "synthetic-events"  # what the two contracts are called


def figures() -> Iterator[Figure]:
    """Measure both sizes, each in a process of its own that loads nothing."""
    for people in (PEOPLE // SMALLER, PEOPLE):
        with tempfile.TemporaryDirectory() as home:
            _apart("load", home, str(people))
            seconds, megabytes = (float(part) for part in _apart("measure", home).split())
        millions, n_events = f"{people * EVENTS_A_PERSON // 1_000_000}_million", bench_data(people).count()
        against = f"{len(declared().features)} features, {people:,} people, {n_events:,} events, from sealed files"
        yield Figure(f"features_seconds_{millions}_events", seconds, "s", 60, "at_most", against)
        most = "the process at its most, the people's features included"
        yield Figure(f"features_megabytes_{millions}_events", megabytes, "MB", 4000, "at_most", most)


def _apart(*arguments: str) -> str:
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def load(home: Path, people: int) -> None:
    """Found a node in ``home``, and load the benchmarks' people and events."""
    node, data = a_node(home, Ed25519PrivateKey.generate()), bench_data(people)
    given: dict[str, Any] = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    optouts = load_optouts(file=data.allowed, as_of=NOW.date(), **given)
    for contract, file in ((PEOPLE_CONTRACT, data.people), (EVENTS_CONTRACT, data.events)):
        ingest(contract=read_contract(contract), location=file, optouts=optouts, **given)


def measure(home: Path) -> tuple[float, float]:
    """Return the seconds that the features took, and the most megabytes that this process has held."""
    store = open_node(home / "node", {}, lambda: NOW).store
    study = replace(small_study(), features=declared())
    started = time.perf_counter()
    found = Features().of(study, store, store.latest(PERSONS))
    seconds = time.perf_counter() - started
    if found is None or not len(found.table):
        raise AssertionError("nobody is there")
    return seconds, peak_megabytes(os.getpid())


def declared() -> FeatureSet:
    """Return forty features of all kinds but stays."""
    lists = tuple(_lists())
    on = [(Condition("code", code_list=each.reference),) for each in lists]
    at = [(Condition("setting", codes=(name,)),) for name in ("emergency", "inpatient", "outpatient", "community")]
    chapters = (Condition("code", codes=tuple(f"{letter}{n}" for letter in "IJK" for n in range(10)), prefix=True),)
    prescribed = (Condition("setting", codes=("prescription",)),)
    coded = [Feature(f"any_{i}", "any", data_set=VISITS, where=where) for i, where in enumerate(on)]
    visits = [_of_year(f"visits_{i}", "count", where=where, at_most=50) for i, where in enumerate(at)]
    others = [
        _of_year("chapters", "count", where=chapters, at_most=50),
        _of_year("cost", "sum", column="cost", low=0.0, high=100_000.0),
        _of_year("mean", "mean", column="value", low=0.0, high=500.0, where=on[1]),
        _of_year("least", "minimum", column="value", low=0.0, high=500.0),
        _of_year("most", "maximum", column="value", low=0.0, high=500.0),
        _of_year("medicines", "distinct", column="code", at_most=100, where=prescribed),
        Feature("latest", "latest", data_set=VISITS, column="value", low=0.0, high=500.0, where=on[0]),
        Feature("since", "days-since", data_set=VISITS, at_most=3650, where=at[0]),
        Feature("many_medicines", "band", of=("medicines",), edges=(5.0,)),
        Feature("deficits", "how-many", of=(*(f.name for f in coded), "many_medicines")),
        Feature("age", "age", column="birth_date"),
    ]
    return FeatureSet(INDEX_DATE, (*coded, *visits, *others), lists)


def _of_year(name: str, kind: FeatureKind, **rest: Any) -> Feature:  # noqa: ANN401 - whatever the kind takes
    return Feature(name, kind, data_set=VISITS, from_day=-365, **rest)


def _lists() -> Iterator[CodeList]:
    """Yield lists of codes drawn from those that the simulated events have, the frequent ones too."""
    known, rng = sorted({each.code for each in codes()}), np.random.default_rng(1)
    for i in range(LISTS):
        drawn = tuple((known[n], "") for n in rng.choice(len(known), CODES_A_LIST, replace=False))
        yield CodeList(f"list-{i}", "1", f"List {i}", "local", "made up", "none", drawn)


if __name__ == "__main__":
    what, directory, *numbers = sys.argv[1:]
    if what == "load":
        load(Path(directory), *(int(number) for number in numbers))
    else:
        print(*measure(Path(directory)))


__all__ = [
    "CODES_A_LIST",
    "INDEX_DATE",
    "LISTS",
    "PEOPLE",
    "PERSONS",
    "SMALLER",
    "VISITS",
    "declared",
    "figures",
    "load",
    "measure",
]
