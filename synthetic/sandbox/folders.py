"""How a sandbox lies on the disk: a folder for each site with its sources as CSV, their contracts and its linkage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from privacy.atomic import SHARED, put
from synthetic.formats.csv_format import Csv
from synthetic.manifest import Written
from synthetic.sandbox.agreement import NAME, Target, agreement
from synthetic.sandbox.drawn import ALLOWED
from synthetic.sandbox.finishing import finished
from synthetic.sandbox.sandbox import Sandbox
from synthetic.sandbox.shapes import SHAPES

CONTRACTS, LINKAGE = "contracts", "linkage.toml"
SPOILT_A_KIND = 5  # rows, at the most, that a load may set aside for each row that one kind of fault hits


class Folders(Csv):
    """One CSV file for each source, as ``hedgerow-node ingest`` takes it, and beside them what else a node asks for."""

    name = "sandbox"
    room = 2.0  # the parts, and the files that they are put together in

    def __init__(self, sandbox: Sandbox) -> None:
        """Know the sandbox whose contracts are to be written."""
        self._sandbox = sandbox

    def finish(self, home: Path, parts: Sequence[Written]) -> list[Written]:
        """Put each table's parts together into one file, and write contracts and agreements."""
        tables = {part.table: [each for each in parts if each.table == part.table] for part in parts}
        files = [_together(home, table, of_table) for table, of_table in sorted(tables.items())]
        return [*files, *(file for site in range(len(self._sandbox.places)) for file in self._papers(home, site))]

    def _papers(self, home: Path, site: int) -> Iterator[Written]:
        name, title = self._sandbox.places.names[site], self._sandbox.places.titles[site]
        said = {
            "owner": f"Organisations of {title} that never were",
            "legal_basis": "none is needed: nobody is in it",
            "source": "hedgerow-synthetic; manifest.json says how",
            "purpose": "Trying out how organisations learn together",
            "recipient": f"The node of {title}",
            "linkage": NAME,
        }
        for shape in SHAPES:
            text = finished(shape, said=said, bad_rows=SPOILT_A_KIND * self._sandbox.mess)
            yield _put(home, f"{name}/{CONTRACTS}/{shape.data_set}.toml", text)
        targets = [Target(shape.data_set, shape.id) for shape in SHAPES if shape.id]
        index_date = self._sandbox.recipe.index_date
        yield _put(home, f"{name}/{LINKAGE}", agreement(site=title, targets=targets, index_date=index_date))


def _together(home: Path, table: str, parts: Sequence[Written]) -> Written:
    """Write the parts of a table one behind the other, with one header."""
    folder, _, name = table.rpartition("/")
    path = f"{folder}/{name}.csv" if name == ALLOWED else f"{folder}/synthetic-{name}.csv"
    with (home / path).open("wb") as whole:
        for place, part in enumerate(sorted(parts)):
            with (home / part.path).open("rb") as file:
                if place:
                    file.readline()
                shutil.copyfileobj(file, whole)
    return Written.of(home, path, table, sum(part.rows for part in parts))


def _put(home: Path, path: str, text: str) -> Written:
    (home / path).parent.mkdir(parents=True, exist_ok=True)
    put(home / path, text.encode(), mode=SHARED, replace=True)
    return Written.of(home, path)


__all__ = ["CONTRACTS", "LINKAGE", "SPOILT_A_KIND", "Folders"]
