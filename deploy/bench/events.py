"""Makes up people and events for the benchmarks; it goes when the simulator of ``synthetic/`` replaces it.

    python deploy/bench/events.py PEOPLE EVENTS [PARTS]        (writes below var/bench-data/ and prints where)

Seeded and streamed. The files look like a warehouse's export: typed Parquet, events in order of date and not of
person, some 30 events a person with a long tail, few codes making most of the rows. Nobody's numbers: 999 first, then
the rest of 9xx, which only a policy with ``allow_test_numbers`` takes. Of 30 million events 4,075 share their key with
another one: the few bad rows of every export.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from synthetic.identifiers import WEIGHTS

STEMS = 10**6  # of 999, and of each other range
VERSION = 1  # of the data: raise it when the same seed gives other bytes
HOME = Path("var/bench-data")
PEOPLE_CONTRACT, EVENTS_CONTRACT = (Path(__file__).with_name(name) for name in ("people.toml", "events.toml"))
ROWS_AT_A_TIME = 1 << 20
FIRST_DAY, DAYS = 16436, 3956  # 2015-01-01 to 2025-10-31, as days since 1970-01-01
SPREAD_DAYS = 45  # an event is exported within so many days of others
OPTED_OUT = 0.03
TAIL = 1.1  # of the log of a person's share of events: a median of about 16 where the mean is 30
ETHNICITIES = (*"ABCDEFGHJKLMNPRSZ",)  # NHS Data Dictionary, ETHNIC CATEGORY
UNITS = ("mmHg", "mmol/mol", "kg/m2", "mmol/L", "mL/min", "g/L", "score", "%")
# source, setting, code system, share of events, mean cost in pounds (0: none is known)
KINDS = (
    ("gp", "primary-care", "snomed-ct", 0.44, 0.0),
    ("gp", "primary-care", "dm+d", 0.28, 9.0),
    ("op", "outpatient", "opcs-4", 0.05, 160.0),
    ("op", "outpatient", "icd-10", 0.04, 150.0),
    ("apc", "inpatient", "icd-10", 0.08, 2400.0),
    ("apc", "inpatient", "opcs-4", 0.03, 3100.0),
    ("ecds", "emergency", "snomed-ct", 0.05, 220.0),
    ("community", "community", "snomed-ct", 0.03, 60.0),
)


@dataclass(frozen=True)
class BenchData:
    """Where the files of one size and seed lie, for ``PEOPLE_CONTRACT`` and ``EVENTS_CONTRACT``."""

    home: Path

    @property
    def people(self) -> Path:
        """Return the people: one Parquet file."""
        return self.home / "people.parquet"

    @property
    def events(self) -> Path:
        """Return the events: a folder of Parquet files, ``part-000.parquet`` first."""
        return self.home / "events"

    @property
    def allowed(self) -> Path:
        """Return the cleaned opt-out list: all people but three in a hundred."""
        return self.home / "allowed.csv"


def bench_data(n_people: int, n_events: int, *, parts: int = 1, seed: int = 1) -> BenchData:
    """Return the files of this size and seed, made once and kept below ``HOME``."""
    home = HOME / f"{n_people}-{n_events}-{parts}-seed{seed}-v{VERSION}"
    if not home.exists():
        unfinished = home.with_name(f"{home.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        data = BenchData(unfinished)
        data.events.mkdir(parents=True)
        people(data.people, n_people, seed=seed)
        allowed(data.allowed, n_people, seed=seed)
        events(data.events, n_people, n_events, parts, seed=seed)
        unfinished.rename(home)
    return BenchData(home)


def people(path: Path, n: int, *, seed: int = 1) -> None:
    """Write ``n`` people: number, date of birth, sex, ethnicity, deprivation, practice."""
    numbers, rng = numbers_for_tests(n, seed=seed), np.random.default_rng([seed, 1])
    practices = [f"A8{code:04d}" for code in range(1000, 1000 + max(3, n // 9000))]  # ODS shape; 9,000 people each
    with pq.ParquetWriter(path, _PEOPLE, compression="zstd", store_schema=False) as out:
        for start in range(0, n, ROWS_AT_A_TIME):
            rows = min(ROWS_AT_A_TIME, n - start)
            born = FIRST_DAY - (36_500 * rng.beta(1.1, 1.5, rows)).astype(np.int32)
            columns = [
                numbers[start : start + rows],
                pa.array(born, pa.int32()).cast(pa.date32()),
                _texts(("1", "2", "9"), rng.choice(3, rows, p=(0.49, 0.5, 0.01))),
                _texts(ETHNICITIES, _skewed(rng, len(ETHNICITIES), rows)),
                pa.array(rng.integers(1, 11, rows, dtype=np.int8), mask=rng.random(rows) < 0.01),
                _texts(practices, rng.integers(0, len(practices), rows)),
            ]
            out.write_batch(pa.record_batch(columns, schema=_PEOPLE))


def allowed(path: Path, n: int, *, seed: int = 1) -> None:
    """Write the cleaned list: the numbers of those who did not opt out."""
    kept = np.random.default_rng([seed, 2]).random(n) >= OPTED_OUT
    table = pa.table({"nhs_number": numbers_for_tests(n, seed=seed).filter(pa.array(kept))})
    pa_csv.write_csv(table, path, pa_csv.WriteOptions(quoting_style="none"))


def events(path: Path, n_people: int, n_events: int, parts: int, *, seed: int = 1) -> None:
    """Write ``n_events`` events of the ``n_people`` into ``parts`` files of the folder ``path``."""
    maker = _Events(n_people, n_events, seed)
    edges = np.linspace(0, n_events, parts + 1).astype(int)
    for part, (start, end) in enumerate(pairwise(edges)):
        file = path / f"part-{part:03d}.parquet"
        with pq.ParquetWriter(file, _EVENTS, compression="snappy", store_schema=False) as out:
            for first in range(start, end, ROWS_AT_A_TIME):
                out.write_batch(maker.batch(first, min(ROWS_AT_A_TIME, end - first)))


def numbers_for_tests(n: int, *, seed: int) -> pa.StringArray:
    """Return ``n`` different valid numbers of the test range, from 999 downwards, in an order the seed gives."""
    stems = 10**9 - 2 - np.arange(n + n // 8 + 100)  # 10 of 110 stems have no check digit; ten nines is nobody's
    digits = stems[:, None] // 10 ** np.arange(8, -1, -1) % 10
    check = -(digits @ WEIGHTS) % 11
    numbers = (stems * 10 + check)[check < 10][:n]  # ten is no digit
    if len(numbers) < n or stems[-1] < 900 * STEMS:
        raise ValueError("the test range holds no so many numbers")
    return pa.array(np.random.default_rng([seed, 0]).permutation(numbers)).cast(pa.string())


def codes(system: str) -> tuple[str, ...]:
    """Return the made-up codes of a system, in its shape, the most frequent first."""
    rng, count = np.random.default_rng([len(system), ord(system[0])]), {"opcs-4": 300, "icd-10": 600}.get(system, 1500)
    if system in ("opcs-4", "icd-10"):
        letters = rng.permutation([*"ABCEFGHJKLMNST"])[rng.integers(0, 14, 3 * count)]
        ends = rng.integers((1, 1), (99, 10), (3 * count, 2))
        made = [f"{letter}{number:02d}.{place}" for letter, (number, place) in zip(letters, ends, strict=True)]
    else:
        low, high = (10**7, 10**8) if system == "snomed-ct" else (10**14, 10**15)
        made = [str(number) for number in rng.integers(low, high, 3 * count)]
    return tuple(dict.fromkeys(made))[:count]


class _Events:
    """Draws batches of events, each from its own place in the seed's stream."""

    def __init__(self, n_people: int, n_events: int, seed: int) -> None:
        self.n_events, self.seed = n_events, seed
        self.numbers = numbers_for_tests(n_people, seed=seed)
        share = np.random.default_rng([seed, 3]).lognormal(sigma=TAIL, size=n_people)
        self.until = np.cumsum(share) / share.sum()
        self.systems = sorted({kind[2] for kind in KINDS})
        by_system = [codes(system) for system in self.systems]
        self.codes = [code for listed in by_system for code in listed]
        self.sizes = np.array([len(listed) for listed in by_system])
        self.offsets = np.cumsum(self.sizes) - self.sizes
        self.system_of = np.array([self.systems.index(kind[2]) for kind in KINDS])

    def batch(self, first: int, rows: int) -> pa.RecordBatch:
        """Return ``rows`` events from the ``first`` on."""
        rng = np.random.default_rng([self.seed, 4, first])
        person = np.searchsorted(self.until[:-1], rng.random(rows))
        kind = rng.choice(len(KINDS), rows, p=[k[3] for k in KINDS]).astype(np.int8)
        system = self.system_of[kind]
        code = self.offsets[system] + _skewed(rng, self.sizes[system], rows)
        day = FIRST_DAY + (np.arange(first, first + rows) * DAYS) // self.n_events
        measured = (system == self.systems.index("snomed-ct")) & (code % 5 == 0)
        cost = rng.gamma(2, np.array([k[4] for k in KINDS])[kind] / 2)
        columns = [
            self.numbers.take(pa.array(person)),
            pa.array((day + rng.integers(0, SPREAD_DAYS, rows)).astype(np.int32)).cast(pa.date32()),
            _texts([k[0] for k in KINDS], kind),
            _texts([k[1] for k in KINDS], kind),
            _texts(self.systems, system),
            _texts(self.codes, code),
            pa.array(np.round(rng.gamma(9, 8, rows), 1), mask=~measured),
            _texts(UNITS, code % len(UNITS), mask=~measured),
            _texts([f"R{chr(65 + n % 26)}{n % 10}{n:02d}" for n in range(80)], (person * 7 + kind) % 80),
            pa.array(np.round(cost, 2), mask=cost == 0),
        ]
        return pa.record_batch(columns, schema=_EVENTS)


def _skewed(rng: np.random.Generator, sizes: NDArray[np.int64] | int, rows: int) -> NDArray[np.int64]:
    """Return a place below each size, the early ones far more often."""
    places: NDArray[np.int64] = (sizes ** rng.random(rows) - 1).astype(np.int64)
    return places


def _texts(
    texts: tuple[str, ...] | list[str], places: NDArray[np.integer], mask: NDArray[np.bool_] | None = None
) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32), mask=mask), pa.array(texts))


_TEXT = pa.dictionary(pa.int32(), pa.string())
_PEOPLE = pa.schema(
    {
        "nhs_number": pa.string(),
        "birth_date": pa.date32(),
        "sex": _TEXT,
        "ethnicity": _TEXT,
        "imd_decile": pa.int8(),
        "practice": _TEXT,
    }
)
_EVENTS = pa.schema(
    {
        "nhs_number": pa.string(),
        "date": pa.date32(),
        "source": _TEXT,
        "setting": _TEXT,
        "system": _TEXT,
        "code": _TEXT,
        "value": pa.float64(),
        "unit": _TEXT,
        "organisation": _TEXT,
        "cost": pa.float64(),
    }
)


if __name__ == "__main__":
    n_people, n_events, *more = (int(argument) for argument in sys.argv[1:])
    print(bench_data(n_people, n_events, parts=more[0] if more else 1).home)


__all__ = [
    "DAYS",
    "ETHNICITIES",
    "EVENTS_CONTRACT",
    "FIRST_DAY",
    "HOME",
    "KINDS",
    "OPTED_OUT",
    "PEOPLE_CONTRACT",
    "ROWS_AT_A_TIME",
    "SPREAD_DAYS",
    "TAIL",
    "UNITS",
    "VERSION",
    "BenchData",
    "allowed",
    "bench_data",
    "codes",
    "events",
    "numbers_for_tests",
    "people",
]
