"""Real columns of open data: the planted identifiers of one A&E extract are found, and nothing else in 35 files."""

import csv
import gzip
from pathlib import Path

import pytest

from node.discovering import discover
from node.sources import open_source
from privacy.discovery import kind_of

SHARED = Path("/work/shared/data")
AE = "odi-synthetic-ae/hospital_ae_data.csv"
PLANTED = {(AE, "Health Service ID", "nhs-number"), (AE, "Postcode", "postcode")}
FILES = sorted(p for end in ("*.csv", "*.csv.gz", "*.data") for p in SHARED.rglob(end))

pytestmark = pytest.mark.skipif(not FILES, reason=f"needs the open data in {SHARED}")


def columns(path):
    """Return each column's name and its distinct cells; a file of numbers without a header has none that say more."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", errors="replace") as file:
        rows = list(csv.reader(file))
    header = [f"c{n}" for n in range(len(rows[0]))] if path.suffix == ".data" else rows.pop(0)
    return {name: {row[n] for row in rows if len(row) > n} for n, name in enumerate(header)}


def test_what_was_planted_is_found_and_nothing_else():
    assert len(FILES) >= 30
    found = {
        (path.relative_to(SHARED).as_posix(), suspect.column, suspect.kind)
        for path in FILES
        for name, cells in columns(path).items()
        for suspect in kind_of(name, cells)
    }
    assert found == PLANTED


def test_what_was_planted_is_found_when_no_name_tells():
    for name, cells in columns(SHARED / AE).items():
        found = {(AE, name, suspect.kind) for suspect in kind_of("value", cells)}
        assert found == {planted for planted in PLANTED if planted[1] == name}
    (suspect,) = kind_of("value", columns(SHARED / AE)["Health Service ID"])
    assert "groups of 3, 3 and 4" in suspect.reason
    assert "about 10% of its ten-digit numbers" in suspect.reason


def test_a_source_gives_what_its_columns_give():
    with open_source(SHARED / AE, contract=None, key=b"k") as source:
        assert {(AE, suspect.column, suspect.kind) for suspect in discover(source)} == PLANTED
