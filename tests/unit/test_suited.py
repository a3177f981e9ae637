"""Tables that were fitted have some of their contract's columns, and people apart: each gets a contract that fits."""

from dataclasses import replace
from pathlib import Path

import pytest

from privacy.errors import Invalid
from synthetic.pack import packing
from synthetic.pack.suited import suited
from synthetic.pack.validation import validate
from synthetic.written.reading import DataSet, open_data_set
from tests.handmade import CONTRACTS, data_set, tables


@pytest.fixture
def fitted(tmp_path):
    """As a model fitted to events is drawn: a person's own attributes apart, events with few of their columns."""
    made = tables()
    return data_set(
        tmp_path / "data",
        made={
            "people": made["people"].select(["nhs_number", "sex"]),
            "visits": made["events"].select(["nhs_number", "date", "source", "value"]),
            "else": made["events"].select(["nhs_number", "until", "record_id", "code"]),
        },
    )


VISITS = {
    "visits": replace(
        CONTRACTS["events"], name="visits", columns=(*CONTRACTS["events"].columns, *CONTRACTS["people"].columns[2:3])
    )
}


def test_a_table_that_has_all_of_its_contracts_columns_keeps_it(tmp_path):
    data = open_data_set(data_set(tmp_path / "data"))
    assert suited(data, CONTRACTS) == {name: CONTRACTS[name] for name in ("people", "events")}


def test_a_fitted_table_has_what_its_contract_says_of_the_columns_there_are(fitted):
    found = suited(open_data_set(fitted), VISITS)
    assert [column.name for column in found["visits"].columns] == ["nhs_number", "date", "source", "value"]
    assert found["visits"].column("value") == CONTRACTS["events"].column("value")
    assert (found["visits"].key, found["visits"].may_repeat) == (("nhs_number",), True)
    assert found["people"].column("sex").codes == ("1", "2")
    assert found["people"].table == "person"
    assert [column.type for column in found["else"].columns] == ["nhs-number", "date", "integer", "text"]


def test_a_fitted_data_set_is_validated_and_packed_and_its_notebook_runs(fitted, tmp_path):
    data = DataSet(fitted, open_data_set(fitted).manifest)
    assert validate(fitted, suited(data, VISITS)).rows["visits"] == len(tables()["events"])
    options = {"meanings": {}, "use_cases": [], "share": 0.0, "format": "csv", "tell": lambda _: None}
    packing.pack(data_set=fitted, out=tmp_path / "out", contracts=suited(data, VISITS), **options)
    assert validate(tmp_path / "out", {}).rows["people"] == 1500
    assert (tmp_path / "out/TEAMS/data/synthetic-visits.csv").is_file()


def test_a_cell_outside_the_given_contract_is_found(fitted):
    narrow = replace(VISITS["visits"], columns=tuple(_narrow(c) for c in VISITS["visits"].columns))
    data = DataSet(fitted, open_data_set(fitted).manifest)
    with pytest.raises(Invalid, match="data-set-faulty") as caught:
        validate(Path(fitted), suited(data, {"visits": narrow}))
    assert {fault.split(":")[0] for fault in caught.value.faults} == {"visits.value"}


def _narrow(column):
    return replace(column, low=120.0, high=140.0) if column.name == "value" else column
