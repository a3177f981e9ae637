"""What a node ingests: the tables as Parquet, their data contracts, and the list of who may be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from privacy.atomic import SHARED, put
from synthetic.contracts.canonical import TABLES, path_of
from synthetic.formats.parquet_format import Parquet
from synthetic.manifest import Written

ALLOWED = "allowed.csv"  # nobody objected: everybody is on it


class Contracted(Parquet):
    """Parquet with contracts beside it."""

    name = "contract"

    def finish(self, home: Path, parts: Sequence[Written]) -> list[Written]:
        """Add the contracts of those tables that have one, and the cleaned list of NHS numbers."""
        there = {file.table for file in parts}
        for table in TABLES:
            if table in there:
                put(home / path_of(table).name, path_of(table).read_bytes(), mode=SHARED, replace=True)
        with (home / ALLOWED).open("wb") as file:
            for part in parts:
                if part.table == "people":
                    numbers = pq.read_table(home / part.path, columns=["nhs_number"])["nhs_number"].to_pylist()
                    file.write("".join(f"{number}\n" for number in numbers).encode())
        added = [*(path_of(table).name for table in TABLES if table in there), ALLOWED]
        return [*parts, *(Written.of(home, name) for name in added)]


FORMAT = Contracted()

__all__ = ["ALLOWED", "FORMAT", "Contracted"]
