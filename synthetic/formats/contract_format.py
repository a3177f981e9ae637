"""What a node ingests: the tables as Parquet, and the list of who may be used; contracts lie beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from synthetic.formats.parquet_format import Parquet
from synthetic.manifest import Written

ALLOWED = "allowed.csv"  # nobody objected: everybody is on it
PEOPLE = "people"


class Contracted(Parquet):
    """Parquet with the list beside it. Contracts are the source's, who knows what its tables hold."""

    name = "contract"

    def finish(self, home: Path, parts: Sequence[Written]) -> list[Written]:
        """Add the cleaned list of NHS numbers: of the table of people or, where there is one table, of its rows."""
        names = {part.table for part in parts}
        table = PEOPLE if PEOPLE in names else min(names, default=PEOPLE)
        with (home / ALLOWED).open("wb") as file:
            for part in parts:
                if part.table == table:
                    numbers = pq.read_table(home / part.path, columns=["nhs_number"])["nhs_number"].to_pylist()
                    file.write("".join(f"{number}\n" for number in numbers).encode())
        return [*parts, Written.of(home, ALLOWED)]


FORMAT = Contracted()

__all__ = ["ALLOWED", "FORMAT", "PEOPLE", "Contracted"]
