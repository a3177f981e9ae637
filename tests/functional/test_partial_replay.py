"""Rows that were shown only in part can be mended and given back without looking up what was not shown."""

import csv
import io
import json

from tests.functional.test_node_command import TODAY, Desk
from tests.functional.test_quality_command import by
from tests.nodes import nhs_numbers

CONTRACT = """\
[contract]
name = "stays"
version = 1
title = "Stays"
owner = "A trust"
legal_basis = "none needed: made up"
source = "made up"
purpose = "Testing"
recipient = "A node"
table = "event"
key = ["nhs_number", "admitted"]
bad_rows_at_most = 0.5

[columns.nhs_number]
kind = "direct-identifier"
type = "nhs-number"
treatment = "pseudonym"

[columns.born]
kind = "quasi-identifier"
type = "date"
formats = ["%d/%m/%Y"]
treatment = "month"
low = 1900-01-01
high = 2100-01-01

[columns.postcode]
kind = "quasi-identifier"
type = "postcode"
treatment = "outward"

[columns.age]
kind = "quasi-identifier"
type = "integer"
treatment = "band"
band_width = 5
low = 18
high = 120

[columns.admitted]
kind = "quasi-identifier"
type = "date"
formats = ["%d/%m/%Y"]
low = 2000-01-01
high = 2100-01-01

[columns.days]
kind = "measure"
type = "integer"
low = 0
high = 100
"""


def test_what_was_shown_in_part_is_good_enough_to_be_given_back(tmp_path):
    desk, numbers = Desk(tmp_path), nhs_numbers(4)
    desk.init("--policy", "floors.toml", people=("ada=ig-lead", "ben=caldicott-guardian", "dee=data-engineer"))
    rows = [f"{n},17/03/1952,SW1A 2AA,{18 + i},04/05/2025,{i}" for i, n in enumerate(numbers[:3])]
    rows.append(f"{numbers[3]},17/03/1952,sw1a2aa,19,04/05/2025,-1")
    (tmp_path / "stays.csv").write_text("\n".join(["nhs_number,born,postcode,age,admitted,days", *rows]))
    (tmp_path / "stays.toml").write_text(CONTRACT)
    (tmp_path / "allowed.txt").write_text("\n".join(numbers))
    desk.run("optout", "load", "allowed.txt", "--as-of", TODAY)
    desk.run("ingest", "stays.toml", "stays.csv")
    desk.run("quarantine", "show", "stays", *by("dee"), "--out", "rows.csv")
    (row,) = csv.DictReader((tmp_path / "rows.csv").read_text().splitlines())
    assert (row["born"], row["postcode"], row["age"], row["admitted"]) == ("01/03/1952", "SW1A", "15", "04/05/2025")

    text = io.StringIO()
    writer = csv.DictWriter(text, list(row))
    writer.writeheader()
    writer.writerow({**row, "nhs_number": numbers[3], "days": "1"})
    (tmp_path / "fixed.csv").write_text(text.getvalue())
    done = json.loads(desk.run("quarantine", "replay", "stays", "fixed.csv", "--json").out)
    assert done == {"data_set": "stays@2", "rows_repaired": 1, "rows_waiting": 0}
    store = desk.node().store
    kept = store.read_whole(store.latest("stays"), "records").to_pandas()
    assert kept["born"].astype(str).unique().tolist() == ["1952-03-01"]
    assert kept["postcode"].unique().tolist() == ["SW1A"]
    assert kept["age"].tolist().count(15) == 3
