"""The benchmarks' people and events: simulated ones, with the events in the order of a warehouse's export.

    python deploy/bench/made_up.py PEOPLE        (writes below var/bench-data/ and prints where)

The simulator writes a person's events side by side. A warehouse exports by day, so each part is put in order of days:
typed Parquet, some 30 events a person with a long tail, few codes making most of the rows.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from synthetic.contracts.canonical import path_of
from synthetic.generating import generate, priors_sha256
from synthetic.recipe import Recipe

VERSION = 2  # raise it when the same recipe gives other rows, other than by another figure
HOME = Path("var/bench-data")
SEED = 1
EVENTS_A_PERSON = 30  # about so many
PEOPLE_CONTRACT, EVENTS_CONTRACT = path_of("people"), path_of("events")


@dataclass(frozen=True)
class BenchData:
    """Where the files of one size lie, for ``PEOPLE_CONTRACT`` and ``EVENTS_CONTRACT``."""

    home: Path

    @property
    def people(self) -> Path:
        """Return the people: a folder of Parquet files."""
        return self.home / "people"

    @property
    def events(self) -> Path:
        """Return the events: a folder of Parquet files."""
        return self.home / "events"

    @property
    def allowed(self) -> Path:
        """Return the cleaned opt-out list: everybody."""
        return self.home / "allowed.csv"

    def count(self) -> int:
        """Return how many events there are."""
        return sum(pq.read_metadata(file).num_rows for file in self.events.glob("*.parquet"))


def bench_data(people: int) -> BenchData:
    """Return the files of so many people, made once and kept below ``HOME``."""
    home = HOME / f"{people}-seed{SEED}-v{VERSION}-{priors_sha256()[:8]}"
    if not home.exists():
        made = home.with_name(f"{home.name}.simulated")
        shutil.rmtree(made, ignore_errors=True)
        made.parent.mkdir(parents=True, exist_ok=True)
        generate(
            Recipe(people=people, seed=SEED), made, format="contract", processes=None, tell=lambda _done, _of: None
        )
        for part in sorted(BenchData(made).events.glob("*.parquet")):
            _in_order_of_days(part)
        made.rename(home)
    return BenchData(home)


def _in_order_of_days(part: Path) -> None:
    rows = pq.read_table(part)
    pq.write_table(rows.sort_by("date"), part, compression="snappy", store_schema=False)


if __name__ == "__main__":
    print(bench_data(int(sys.argv[1])).home)


__all__ = [
    "EVENTS_A_PERSON",
    "EVENTS_CONTRACT",
    "HOME",
    "PEOPLE_CONTRACT",
    "SEED",
    "VERSION",
    "BenchData",
    "bench_data",
]
