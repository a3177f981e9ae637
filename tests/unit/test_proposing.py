"""A draft says what columns seem to be and why: no bound from the data, and no value that could point to somebody."""

import random
import re
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from node.contracts.proposing import Draft, propose
from node.contracts.sample import SHARED_BY
from node.contracts.shapes import formats_of
from node.sources import open_source
from privacy.contract_file import read_contract
from privacy.errors import Invalid
from tests.nodes import NodeData, nhs_numbers

SHARED = Path("/work/shared/data")
FIVE_FORMATS = ["2024-03-01", "01/03/2024", "01-Mar-2024", "20240301", "01.03.2024"]
PEOPLE = 300
FIRST = ["Ada", "Ben", "Cleo", "Dev", "Ela", "Finn", "Gwen", "Hari", "Isla", "Jack", "Kofi", "Lena", "Mia", "Noor"]
LAST = ["Smith", "Jones", "Patel", "Brown", "Khan", "Taylor", "Evans", "Walker", "Wright", "Hughes", "Green", "Hall"]
DIAGNOSES = ["I10X", "E119", "J440", "S720", "N390", "F03X", "I48X", "C509", "K359", "R074"]


def drafted(tmp_path, columns) -> Draft:
    file = tmp_path / "extract.csv"
    rows = zip(*columns.values(), strict=True)
    file.write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in (columns, *rows)) + "\n")
    with open_source(file, contract=None, key=b"k") as source:
        return propose(source)


def read_back(draft):
    return tomllib.loads(draft.text)


def an_extract():
    """Return admissions of 300 people with all that goes wrong: local numbers, names, free text, rare codes."""
    chance = random.Random(7)
    numbers = nhs_numbers(PEOPLE, leading="999")
    rows = [i % PEOPLE for i in range(3 * PEOPLE)]
    day = lambda: f"{chance.randint(1, 28):02d}/{chance.randint(1, 12):02d}"  # noqa: E731
    births = [f"{day()}/{chance.randint(1925, 2010)}" for _ in range(PEOPLE)]
    return {
        "NHS Number": [numbers[i] for i in rows],
        "Forename": [FIRST[i % len(FIRST)] for i in rows],
        "Surname": [LAST[i % len(LAST)] for i in rows],
        "DOB": [births[i] for i in rows],
        "Postcode": [f"LS{1 + i % 20} {i % 9}{'ABDEFGHJ'[i % 8]}{'LNPQRSTU'[i // 8 % 8]}" for i in rows],
        "episode_id": [f"E{100000 + n}" for n in range(len(rows))],
        "admission date": [f"{day()}/{chance.randint(2021, 2023)}" for _ in rows],
        "admimeth": [["11", "21", "22", "2A"][n % 4] for n in range(len(rows))],
        "Sex": [str(1 + i % 2) for i in rows],
        "Ethnic group": ["ABCHJKMN"[i % 8] for i in rows],
        "diag_01": [DIAGNOSES[i % len(DIAGNOSES)] for i in rows],
        "ward_type": ["unique-ward" if i == 5 else ["medical", "surgical"][i % 2] for i in rows],
        "LSOA": [f"E0100{5000 + i % 90}" for i in rows],
        "los": [str(n % 37) for n in range(len(rows))],
        "Total cost": [f"{n * 1.7 + 312.55:.2f}" for n in range(len(rows))],
    }  # fmt: skip


def finished(text):
    """Return a draft with its gaps filled in, as a person would who knows what the columns mean."""
    text = re.sub(r'name = "TODO[^"]*"', 'name = "mine"', text)
    text = re.sub(r', "TODO: codes[^"]*"', "", text)
    text = text.replace('"TODO: the columns that tell rows of one person apart"', '"episode_id"')
    text = re.sub(r'low = "TODO: a day[^"]*"', "low = 1900-01-01", text)
    text = re.sub(r'high = "TODO: a day[^"]*"', "high = 2100-01-01", text)
    text = re.sub(r'low = "TODO[^"]*"', "low = 0", text)
    return re.sub(r'high = "TODO[^"]*"', "high = 100000", text).replace("TODO: ", "")


@pytest.fixture(scope="module")
def draft(tmp_path_factory):
    return drafted(tmp_path_factory.mktemp("draft"), an_extract())


def test_each_column_is_what_it_seems_to_be(draft):
    found = {n: (c["kind"], c["type"], c.get("treatment", "keep")) for n, c in read_back(draft)["columns"].items()}
    direct, quasi = "direct-identifier", "quasi-identifier"
    assert found == {
        "nhs_number": (direct, "nhs-number", "pseudonym"),
        "forename": (direct, "text", "drop"),
        "surname": (direct, "text", "drop"),
        "dob": (quasi, "date", "month"),
        "postcode": (quasi, "postcode", "outward"),
        "episode_id": (direct, "text", "pseudonym"),
        "admission_date": (quasi, "date", "keep"),
        "admimeth": ("sensitive", "code", "keep"),
        "sex": (quasi, "code", "keep"),
        "ethnic_group": ("sensitive", "code", "keep"),
        "diag_01": ("sensitive", "code", "keep"),
        "ward_type": (quasi, "code", "keep"),
        "lsoa": (quasi, "code", "keep"),
        "los": ("measure", "integer", "keep"),
        "total_cost": ("measure", "number", "keep"),
    }


def test_lists_systems_formats_and_roles_are_recognised(draft):
    columns = read_back(draft)["columns"]
    assert columns["admimeth"]["code_list"] == "admission-method@1"
    assert columns["ethnic_group"]["code_list"] == "ethnic-category@2001"
    assert columns["diag_01"]["system"] == "icd-10"
    assert columns["lsoa"]["system"] == "gss"
    assert columns["dob"]["formats"] == columns["admission_date"]["formats"] == ["%d/%m/%Y"]
    roles = {name: column["role"] for name, column in columns.items() if "role" in column}
    assert roles["dob"] == "birth"
    assert roles["admission_date"] == "date"
    assert roles["diag_01"] == "code"
    assert roles["total_cost"] == "cost"


def test_it_says_why_of_each_column(draft):
    before = re.split(r"\n\[columns\.", draft.text)
    assert all(part.rstrip().splitlines()[-1].startswith("# ") for part in before[:-1])


def test_no_value_but_shared_codes_is_in_it(draft):
    """Whatever fewer than ten people have is not there: names, days, postcodes, costs, and the one rare ward."""
    extract, shared = an_extract(), set()
    for cells in extract.values():
        people = {}
        for cell, number in zip(cells, extract["NHS Number"], strict=True):
            people.setdefault(cell, set()).add(number)
        rare = {cell for cell in people if len(people[cell]) < SHARED_BY and len(cell) > 3}
        shared |= set(people) - rare
        assert [cell for cell in rare if re.search(rf"(?<![\w-]){re.escape(cell)}(?![\w-])", draft.text)] == []
    assert "unique-ward" not in draft.text
    assert '"medical", "surgical"' in draft.text  # the control: codes that many share are there
    assert not any(name in draft.text for name in (*FIRST, *LAST))  # shared by more than ten, and suspects all the same


def test_bounds_are_never_from_the_data(draft):
    columns = read_back(draft)["columns"]
    bounded = [column for column in columns.values() if column["type"] in ("integer", "number", "date")]
    assert len(bounded) == 4
    assert all(column[end].startswith("TODO: ") for column in bounded for end in ("low", "high"))


def test_it_is_refused_until_it_is_finished_and_then_it_holds(tmp_path, draft):
    file = tmp_path / "draft.toml"
    file.write_text(draft.text)
    with pytest.raises(Invalid, match="contract-malformed") as caught:
        read_contract(file)
    told = {re.sub(r"^line \d+: |\[\d+\]: .*|: .*", "", fault) for fault in caught.value.faults}
    assert {place.split("[")[0] for place in draft.unfinished} <= told
    file.write_text(finished(draft.text))
    contract = read_contract(file)
    assert contract.person == "nhs_number"
    assert contract.table == "event"


def test_a_finished_draft_loads_the_extract_that_it_was_drafted_from(tmp_path, draft):
    """Headings, five kinds of columns, lists and systems: what was guessed is what the load then reads."""
    data, extract = NodeData(tmp_path), an_extract()
    data.allow(sorted(set(extract["NHS Number"])))
    rows = "\n".join(",".join(row) for row in (extract, *zip(*extract.values(), strict=True)))
    text = finished(draft.text).replace("bad_rows_at_most = 0.01", "bad_rows_at_most = 0.02")
    report = data.load(rows, text)
    assert {(finding.reason, finding.column) for finding in report.findings} == {("code-unknown", "ward_type")}  # rare
    assert report.rows_kept == len(extract["los"]) - 3
    stored = data.store.read(data.store.latest("mine"), ["dob", "postcode", "admimeth", "lsoa", "total_cost"])
    assert {day.day for day in stored["dob"].to_pylist()} == {1}
    assert all(" " not in postcode for postcode in stored["postcode"].to_pylist())
    assert not set(extract["NHS Number"]) & set(stored["person"].to_pylist())


def test_few_rows_give_no_codes(tmp_path):
    numbers = nhs_numbers(12)
    draft = drafted(tmp_path, {"nhs_number": numbers, "team": ["north"] * 3 + ["south"] * 9})
    (todo,) = read_back(draft)["columns"]["team"]["codes"]
    assert todo.startswith("TODO: ")
    assert "north" not in draft.text


def test_rows_of_one_person_are_not_many_people(tmp_path):
    """Three hundred rows share the code, and all are of one person: it stays out."""
    numbers = nhs_numbers(60)
    draft = drafted(
        tmp_path, {"nhs_number": numbers * 5 + numbers[:1] * 300, "team": ["north"] * 300 + ["secret"] * 300}
    )
    assert '"north"' in draft.text
    assert "secret" not in draft.text


def test_people_are_one_row_each(tmp_path):
    numbers = nhs_numbers(80)
    people = read_back(drafted(tmp_path, {"nhs_number": numbers, "age": [str(n) for n in range(80)]}))["contract"]
    assert (people["table"], people["key"]) == ("person", ["nhs_number"])


def test_only_one_number_is_the_person(tmp_path):
    mothers, babies = nhs_numbers(80), nhs_numbers(80, first=5000)
    columns = read_back(drafted(tmp_path, {"nhs_number": babies, "mothers_nhs_number": mothers}))["columns"]
    assert [columns[name]["treatment"] for name in columns] == ["pseudonym", "drop"]


def test_usual_texts_for_nothing_are_missing_ones(tmp_path):
    draft = drafted(tmp_path, {"nhs_number": nhs_numbers(60), "score": ["NULL", "NA", *map(str, range(58))]})
    assert read_back(draft)["contract"]["missing"] == ["", "NA", "NULL"]
    assert read_back(draft)["columns"]["score"]["may_be_missing"] is True


@pytest.mark.parametrize("day", FIVE_FORMATS)
def test_each_usual_way_to_write_a_day_is_known(day):
    ((pattern, share),) = formats_of([day, day.replace("2024", "2021")])
    assert share == 1
    assert formats_of([f"{day} 14:05:00", f"{day}T14:05:00Z"]) == [(pattern, 1.0)]


def test_days_in_five_formats_are_five_formats():
    assert {round(share, 2) for _, share in formats_of(FIVE_FORMATS)} == {0.2}
    assert len(formats_of(FIVE_FORMATS)) == 5
    assert formats_of(["03/04/2024", "04/05/2024"]) == [("%d/%m/%Y", 1.0)]
    assert formats_of(["03/24/2024", "04/05/2024"]) == [("%m/%d/%Y", 1.0)]
    assert formats_of(["yesterday", "2024-02-30"]) == []
    assert formats_of([]) == []


def test_parquet_has_types_and_gives_the_same_guesses(tmp_path):
    file = tmp_path / "extract.parquet"
    numbers = nhs_numbers(100)
    pq.write_table(
        pa.table({"nhs_number": numbers, "los": list(range(100)), "cost": [n / 3 for n in range(100)]}), file
    )
    with open_source(file, contract=None, key=b"k") as source:
        columns = read_back(propose(source))["columns"]
    assert [columns[name]["type"] for name in columns] == ["nhs-number", "integer", "number"]


def test_many_columns_are_sampled_in_fewer_rows(tmp_path):
    draft = drafted(tmp_path, {f"column_{i}": [str(n % 7) for n in range(60)] for i in range(600)})
    assert len(read_back(draft)["columns"]) == 600


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("odi-synthetic-ae/hospital_ae_data.csv", "health_service_id=nhs-number postcode=postcode arrival_time=date"),
        ("nhsr-datasets/stranded_data.csv", "age=integer admit_date=date stranded_label=code"),
        ("nhsr-datasets/LOS_model.csv", "id=text age=integer los=integer death=code"),
        ("nhsr-datasets/ons_mortality.csv", "date=date counts=number"),
        ("england-geography/lookup_nhs_trusts22_icb22.csv", "icb22_code=code nhs_trust22_code=code"),
    ],
)
def test_real_files_are_drafted(file, columns):
    if not (SHARED / file).is_file():
        pytest.skip(f"{file} is not on this machine")
    with open_source(SHARED / file, contract=None, key=b"k") as source:
        found = read_back(propose(source))["columns"]
    told = dict(pair.split("=") for pair in columns.split())
    assert {name: found[name]["type"] for name in told} == told
