"""A data set or pack that was changed, or that breaks its contract, is found; one as it was made is not."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from privacy.checks import BIRTH, Comparison, Implication, Uniqueness
from privacy.errors import Invalid, Tampered, Unreachable
from synthetic.identifiers import is_made_up, nhs_numbers
from synthetic.pack import packing
from synthetic.pack.checksums import write_sums
from synthetic.pack.validation import validate
from tests.handmade import CONTRACTS, DAY, data_set, dates, tables

CHECKED = {
    **CONTRACTS,
    "events": replace(
        CONTRACTS["events"],
        people="people",
        checks=(
            Comparison("until-not-before-date", "until", "at-least", "date"),
            Comparison("nothing-before-birth", "date", "at-least", BIRTH),
            Implication("gp-has-a-code", "source", ("gp",), "code", "present"),
            Uniqueness("one-a-day", ("date", "value", "record_id")),
        ),
    ),
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    home = tmp_path_factory.mktemp("valid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "execute", lambda _: None)
        packing.pack(
            data_set=data_set(home / "data"),
            out=home / "out",
            contracts=CHECKED,
            meanings={},
            use_cases=["falls"],
            share=0.2,
            format="csv",
            tell=lambda _: None,
        )
    return home / "out"


@pytest.fixture
def copy(packed, tmp_path):
    return shutil.copytree(packed, tmp_path / "copy")


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_data_set_as_it_was_made_is_valid(tmp_path, format):  # noqa: A002 - as in the product
    told = []
    found = validate(data_set(tmp_path / "data", format=format), CHECKED, tell=told.append)
    assert (found.kind, found.held) == ("a data set", True)
    assert [each.rpartition(" ")[2] for each in told] == ["hash.", "people.", "events."]
    assert found.rows["people"] == len(tables()["people"])


def test_a_pack_and_each_half_of_it_are_valid(packed):
    assert validate(packed, {}).kind == "a pack with its answers"
    assert validate(packed / "TEAMS", {}).rows["people"] == 1500


def test_a_team_may_put_its_own_files_beside(copy):
    (copy / "TEAMS/our-model.ipynb").touch()
    assert validate(copy, {}).held


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda home: (home / "data/synthetic-people.csv").unlink(), "data/synthetic-people.csv: is gone"),
        (lambda home: (home / "README.md").write_text("x"), "README.md: is not what was packed"),
        (lambda home: (home / "data/more.csv").touch(), "data/more.csv: was not packed"),
        (lambda home: (home / "SHA256SUMS").write_text("x"), "SHA256SUMS: is not what a pack has"),
        (lambda home: (home / "SHA256SUMS").write_text(f"{'0' * 64}  ../x\n"), "SHA256SUMS: is not what a pack has"),
        (lambda home: forged(home, "pack.json", b"{}"), "pack.json: is not what a pack has"),
    ],
    ids=["gone", "changed", "added", "no-sums", "outside", "forged"],
)
def test_a_pack_that_was_changed_is_found(copy, what, said):
    what(copy / "TEAMS")
    with pytest.raises(Tampered, match="pack-tampered") as caught:
        validate(copy / "TEAMS", {})
    assert said in caught.value.faults


def forged(home, name, content):
    """Change a file of a pack, and its sum too."""
    (home / name).write_bytes(content)
    (home / "SHA256SUMS").unlink()
    write_sums(home)


def test_a_pack_that_names_a_file_outside_itself_is_not_followed(copy, tmp_path):
    (tmp_path / "secret.csv").write_text("nhs_number\n")
    card = json.loads((copy / "TEAMS/pack.json").read_text())
    card["tables"]["people"]["path"] = "../../secret.csv"
    forged(copy / "TEAMS", "pack.json", json.dumps(card).encode())
    with pytest.raises(Tampered, match="pack-tampered") as caught:
        validate(copy / "TEAMS", {})
    assert caught.value.faults == ("pack.json: names a file that SHA256SUMS does not",)


def test_rows_taken_out_of_a_pack_with_new_sums_are_found(copy):
    path = copy / "TEAMS/data/synthetic-events.csv"
    forged(copy / "TEAMS", "data/synthetic-events.csv", b"".join(path.read_bytes().splitlines(keepends=True)[:-5]))
    with pytest.raises(Invalid, match="data-set-faulty"):
        validate(copy / "TEAMS", {})
    with pytest.raises(Invalid, match="data-set-faulty"):
        validate(copy, {})


def test_answers_of_another_pack_are_found(copy):
    forged(copy / "TEAMS", "README.md", b"changed")
    assert validate(copy / "TEAMS", {}).kind == "a pack"
    with pytest.raises(Tampered, match="answers-tampered"):
        validate(copy, {})


def test_what_is_neither_is_said_to_be_neither(tmp_path):
    with pytest.raises(Unreachable, match="checksums-absent"):
        validate(tmp_path, {})


def spoilt(name, column, row, value):
    """Return tables with one cell changed, by the column's place."""
    made = tables()
    table = made[name]
    cells = table.column(column).combine_chunks()
    cells = pc.if_else(pa.array(np.arange(len(table)) == row), pa.scalar(value, cells.type), cells)
    made[name] = table.set_column(table.schema.get_field_index(column), table.schema.field(column), cells)
    return made


def day(days):
    return dates([days])[0].as_py()


@pytest.mark.parametrize(
    ("table", "column", "value", "said"),
    [
        ("people", "birth_date", day(-30000), "people.birth_date: is below its bounds"),
        ("people", "birth_date", None, "people.birth_date: is missing"),
        ("people", "sex", "7", "people.sex: is not one of its codes"),
        ("people", "imd_decile", 11, "people.imd_decile: is above its bounds"),
        ("people", "nhs_number", "4000000004", "people.nhs_number: is no made-up NHS number"),
        ("events", "nhs_number", "9990000018", "events.nhs_number: is nobody of the table people"),
        ("events", "value", 300.5, "events.value: is above its bounds"),
        ("events", "until", day(DAY - 5000), "events.until-not-before-date"),
        ("events", "date", day(-25560), "events.nothing-before-birth"),
        ("events", "code", None, "events.gp-has-a-code"),
    ],
)
def test_a_cell_that_breaks_the_contract_is_named_by_column_and_row_never_by_value(
    tmp_path, table, column, value, said
):
    made = tables()
    row = 3 if table == "people" else made["events"]["source"].to_pylist().index("gp")
    with pytest.raises(Invalid, match="data-set-faulty") as caught:
        validate(data_set(tmp_path / "data", made=spoilt(table, column, row, value)), CHECKED)
    found = [fault for fault in caught.value.faults if fault.startswith(said)]
    assert found, caught.value.faults
    assert f"in 1 of {len(made[table]):,} rows, first in row {row + 1:,}" in found[0]


def test_a_row_that_is_there_twice_is_found(tmp_path):
    made = tables()
    made["people"] = pa.concat_tables([made["people"], made["people"].slice(7, 1)])
    made["events"] = pa.concat_tables([made["events"], made["events"].slice(7, 2)])
    with pytest.raises(Invalid, match="data-set-faulty") as caught:
        validate(data_set(tmp_path / "data", made=made), CHECKED)
    assert "people: nhs_number is there twice, in 1 of 1,501 rows" in caught.value.faults
    events = len(made["events"])
    assert f"events: nhs_number and record_id is there twice, in 2 of {events:,} rows" in caught.value.faults
    assert f"events: one-a-day, in 2 of {events:,} rows" in caught.value.faults


def test_made_up_numbers_are_told_from_others():
    made_up = nhs_numbers(1, 0, 50).astype(str)
    assert is_made_up(made_up).all()
    wrong = np.char.add(np.char.ljust(made_up, 9).astype("U9"), np.char.mod("%d", (made_up.astype(np.int64) + 1) % 10))
    assert not is_made_up(wrong).any()
    assert not is_made_up(np.array(["9434765919", "999999999", "9999999999", "", "99900000x8"]))[1:].any()
    assert not is_made_up(np.array(["4010232137", "4857773456"])).any()  # of the range that is issued
