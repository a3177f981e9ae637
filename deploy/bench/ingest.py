"""How long a load takes beside DuckDB copying the same files, how it grows with rows, and its memory.

python deploy/bench/ingest.py copy|load|load-unkeyed|hash PEOPLE       (prints seconds, those of processors, megabytes)
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import duckdb
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.bench.made_up import EVENTS_A_PERSON, EVENTS_CONTRACT, PEOPLE_CONTRACT, bench_data
from deploy.bench.processes import peak_megabytes
from deploy.bench.run import Figure
from node.ingest.load import ingest
from node.optouts import load_optouts
from privacy.contract import Contract
from privacy.contract_file import read_contract
from privacy.keyed_hash import keyed_hashes
from tests.approved import a_node
from tests.nodes import NOW

SIZES = (3_333, 33_333, 333_333, 1_000_000)  # people: 0.1, 1, 10 and 30 million events
WITHOUT_KEYS = 33_333  # people of the size that is loaded without keyed record numbers, too
THREADS = 2
NUMBERED = "record_id"  # the column that has another text in each row


def figures() -> Iterator[Figure]:
    """Measure each size, the load and the copy in processes of their own, one after the other."""
    for people in SIZES:
        copying, copied, _ = _apart("copy", people)
        loading, loaded, megabytes = _apart("load", people)
        named = f"{round(people * EVENTS_A_PERSON / 1e6, 1):g}_million_events"
        counts = f"{people:,} people, {bench_data(people).count():,} events"
        of = f"{counts} from typed Parquet to sealed, judged and sorted by person"
        yield Figure(f"ingest_seconds_{named}", loading, "s", 2.5 * copying, "at_most", of)
        beside = f"DuckDB copies the same files to Parquet (zstd, {THREADS} threads) in {copying:.1f} s"
        yield Figure(f"ingest_ratio_{named}", loading / copying, "times", 2.5, "at_most", beside)
        beside = f"the same of processor time, which other programs change less: {loaded:.1f} s over {copied:.1f} s"
        yield Figure(f"ingest_processor_ratio_{named}", loaded / copied, "times", 2.5, "at_most", beside)
        if people == WITHOUT_KEYS:
            unkeyed, spent, _ = _apart("load-unkeyed", people)
            _, hashing, _ = _apart("hash", people)
            hashes = f"record numbers left out; an HMAC-SHA256 for each takes {hashing:.1f} s of processor"
            yield Figure(f"ingest_ratio_unkeyed_{named}", unkeyed / copying, "times", 2.5, "at_most", hashes)
            yield Figure(f"ingest_processor_ratio_unkeyed_{named}", spent / copied, "times", 2.5, "at_most", hashes)
        yield Figure(f"ingest_megabytes_{named}", megabytes, "MB", 4000, "at_most", "the process at its most")


def _apart(what: str, people: int) -> tuple[float, float, float]:
    command = [sys.executable, __file__, what, str(people)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    seconds, processor, megabytes = map(float, said.split())
    return seconds, processor, megabytes


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Give a list that has, at the end, the seconds by the clock and those of processors, helpers' included."""
    took: list[float] = []
    began, before = time.perf_counter(), sum(os.times()[:4])
    yield took
    took += [time.perf_counter() - began, sum(os.times()[:4]) - before]


def _load(people: int, *, keyed: bool = True) -> list[float]:
    """Load people and events into a node of their own, and time the events."""
    data = bench_data(people)
    with tempfile.TemporaryDirectory() as home:
        node = a_node(Path(home), Ed25519PrivateKey.generate(), people=10)
        common = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
        optouts = load_optouts(file=data.allowed, as_of=NOW.date(), **common)
        ingest(contract=read_contract(PEOPLE_CONTRACT), location=data.people, optouts=optouts, **common)
        contract = _contract(keyed=keyed)
        with _timed() as took:
            ingest(contract=contract, location=data.events, optouts=optouts, **common)
        return took


def _contract(*, keyed: bool) -> Contract:
    """Return the contract of events, or the same where a record's number is only what tells rows apart."""
    contract = read_contract(EVENTS_CONTRACT)
    if keyed:
        return contract
    columns = [dataclasses.replace(c, treatment="drop") if c.name == NUMBERED else c for c in contract.columns]
    return dataclasses.replace(contract, columns=tuple(columns))


def _hash(people: int) -> list[float]:
    """Key so many record numbers, on one core: what no load that keys them can do without."""
    numbers = [str(number).encode() for number in range(bench_data(people).count())]
    with _timed() as took:
        keyed_hashes(os.urandom(32), numbers, size=16)
    return took


def _copy(people: int) -> list[float]:
    data = bench_data(people)
    with tempfile.TemporaryDirectory() as home, duckdb.connect(config={"threads": str(THREADS)}) as engine:
        with _timed() as took:
            engine.execute(
                f"COPY (SELECT * FROM read_parquet('{data.events}/*.parquet'))"  # noqa: S608 - our own path
                f" TO '{home}/copy.parquet' (FORMAT parquet, COMPRESSION zstd)"
            )
        return took


TASKS = {"copy": _copy, "load": _load, "load-unkeyed": partial(_load, keyed=False), "hash": _hash}

if __name__ == "__main__":
    took = TASKS[sys.argv[1]](int(sys.argv[2]))
    print(*took, peak_megabytes(os.getpid()))
