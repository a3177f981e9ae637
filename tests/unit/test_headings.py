"""A source's headings are read as the contract's names, and a record is never taken for a header."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from node.sources import open_source
from privacy.columns import name_of
from privacy.contract_file import read_contract
from privacy.errors import Invalid
from tests.nodes import CONTRACT

HEADINGS = ["NHS Number", "Local ID", "YEAR", "age", "Sex ", "Ward"]
NAMES = ("nhs_number", "local_id", "year", "age", "sex", "ward")
ROW = ["9990000018", "L1", "1", "30", "0", "W"]


@pytest.fixture
def contract(tmp_path):
    (tmp_path / "contract.toml").write_text(CONTRACT)
    return read_contract(tmp_path / "contract.toml")


def csv(tmp_path, header, *rows, sign=","):
    file = tmp_path / "extract.csv"
    file.write_text("\n".join(sign.join(row) for row in (header, *rows)) + "\n")
    return file


def cells(source):
    with source:
        (rows,) = source.read()
        return source.names, rows.cells.to_pylist()


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Health Service ID", "health_service_id"),
        ("EPISTART", "epistart"),
        ("Time in A&E (mins)", "time_in_a_e_mins"),
        ("65OV%", "c_65ov"),
        ("person", "c_person"),
        ("  NHS-Number ", "nhs_number"),
        ("x" * 200, "x" * 63),
    ],
)
def test_a_heading_has_one_name(heading, name):
    assert name_of(heading) == name
    assert name_of(name) == name


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_headings_that_only_say_a_name_otherwise_are_read_as_it(tmp_path, contract, sign):
    file = csv(tmp_path, HEADINGS, ROW, sign=sign)
    names, rows = cells(open_source(file, contract=contract, key=b"k"))
    assert names == NAMES
    assert rows == [dict(zip(NAMES, ROW, strict=True))]


def test_so_are_those_of_parquet(tmp_path, contract):
    file = tmp_path / "extract.parquet"
    pq.write_table(pa.table({heading: [cell] for heading, cell in zip(HEADINGS, ROW, strict=True)}), file)
    names, rows = cells(open_source(file, contract=contract, key=b"k"))
    assert names == NAMES
    assert rows == [dict(zip(NAMES, ROW, strict=True))]


def test_two_headings_for_one_column_are_refused(tmp_path, contract):
    file = csv(tmp_path, [*HEADINGS, "Year"], [*ROW, "2"])
    with pytest.raises(Invalid, match="column-repeated") as caught:
        open_source(file, contract=contract, key=b"k")
    assert caught.value.faults == ("year",)


def test_without_a_contract_headings_stay_as_they_are(tmp_path):
    file = csv(tmp_path, ["Health Service ID", "Time in A&E (mins)", "65OV%"], ["a", "b", "c"])
    names, _ = cells(open_source(file, contract=None, key=b"k"))
    assert names == ("Health Service ID", "Time in A&E (mins)", "65OV%")


@pytest.mark.parametrize(
    "cell", ["999 000 0018", "9990000018", "2019-04-07", "1", "", "me@example.org", "NHS9990000018"]
)
def test_without_a_contract_a_record_is_no_header(tmp_path, cell):
    with pytest.raises(Invalid, match="header-absent") as caught:
        open_source(csv(tmp_path, ["Smith", cell], ["Jones", "x"]), contract=None, key=b"k")
    assert "Smith" not in caught.value.explain()
