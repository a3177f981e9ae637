"""Contracts that ship: unfinished until a person fills them in, and sound from then on."""

import re

import pytest

from node.ingest.load import ingest
from node.optouts import current_optouts
from privacy.columns import iso_of
from privacy.contract_file import read_contract
from privacy.contracts.ready_made import find, ready_made
from privacy.errors import Invalid
from tests.nodes import CONTRACT, NOW, NodeData, nhs_numbers

NAMES = [each.name for each in ready_made()]
LINKED = ("fire", "housing", "police", "social-care-linked")
EXAMPLES = {
    "icd-10": ["I10X", "E119"],
    "opcs-4": ["W371", "X998"],
    "snomed-ct": ["22298006", "73211009"],
    "gss": ["E01005001", "E01005002"],
    "ods": ["RR8", "A81001"],
    "local": ["one", "two"],
}
NAMED = {  # by the issue: HES-like, emergency care, GP, mental health, social care, OMOP, FHIR
    "hes-apc", "hes-op", "ecds", "gp-person", "gp-events", "mental-health", "community", "social-care",
    "omop-person", "omop-events", "fhir-person", "fhir-events", "housing", "police", "fire", "social-care-linked",
}  # fmt: skip


def filled_in(tmp_path, name):
    file = tmp_path / f"{name}.toml"
    text = find(name).text.replace("TODO: the name of the linkage agreement", "north")
    file.write_text(text.replace("TODO: ", ""))
    return read_contract(file)


def test_the_data_sets_that_organisations_name_are_there():
    assert set(NAMES) >= NAMED
    with pytest.raises(Invalid, match="contract-unknown") as caught:
        find("nothing")
    assert caught.value.faults == tuple(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_refused_until_it_is_filled_in(tmp_path, name):
    file = tmp_path / "contract.toml"
    file.write_text(find(name).text)
    with pytest.raises(Invalid, match="contract-malformed") as caught:
        read_contract(file)
    told = [re.sub(r"^line \d+: ", "", fault) for fault in caught.value.faults]
    assert told == [f"{place}: is still to be filled in" for place in find(name).unfinished()]
    assert {"contract.owner", "contract.legal_basis", "contract.purpose"} <= set(find(name).unfinished())


@pytest.mark.parametrize("name", NAMES)
def test_each_holds_once_it_is_filled_in(tmp_path, name):
    contract = filled_in(tmp_path, name)
    assert contract.purpose
    assert contract.recipient
    assert contract.freshness_days
    assert all(column.description for column in contract.columns if not column.is_person)
    if contract.table == "event":
        assert len(contract.with_role("date")) == 1
        assert contract.with_role("code")
        assert contract.with_role("organisation")
    else:
        assert [column.treatment for column in contract.with_role("birth")] == ["month"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_says_who_it_is_is_kept_as_it_is(tmp_path, name):
    """Names, addresses and local numbers are dropped or keyed, birth dates cut to months, postcodes to districts."""
    contract = filled_in(tmp_path, name)
    for column in contract.columns:
        if re.search(r"name|address|local_|lopatid|person_id", column.name):
            assert column.kind == "direct-identifier", column.name
        if "birth" in column.name and column.is_stored:
            assert (column.type, column.treatment) == ("date", "month")
        if column.type == "postcode":
            assert column.treatment == "outward"
        if column.type == "date":
            assert iso_of(column.high) == "2100-01-01"  # round, and not the day of anybody


@pytest.mark.parametrize("name", LINKED)
def test_people_without_an_nhs_number_come_by_linkage_and_leave_their_names_behind(tmp_path, name):
    contract = filled_in(tmp_path, name)
    assert contract.linkage == "north"
    assert contract.column(contract.person).type == "linked-id"
    dropped = {column.name for column in contract.columns if column.treatment == "drop"}
    assert {"surname", "address"} <= dropped or {"last_name", "address"} <= dropped


def test_standards_share_their_names(tmp_path):
    """A feature written for OMOP's people and events runs on FHIR's."""
    for kind in ("person", "events"):
        omop, fhir = (filled_in(tmp_path, f"{standard}-{kind}") for standard in ("omop", "fhir"))
        assert [(c.name, c.type, c.role) for c in omop.columns] == [(c.name, c.type, c.role) for c in fhir.columns]
    events = {column.name for column in filled_in(tmp_path, "gp-events").columns}
    assert events == {column.name for column in filled_in(tmp_path, "omop-events").columns}


def test_codes_of_a_list_and_its_hash_are_in_the_contract(tmp_path):
    sex = filled_in(tmp_path, "gp-person").column("sex")
    assert sex.codes == ("0", "1", "2", "9")
    assert sex.code_list_sha256.startswith("sha256:")
    assert sex.document()["code_list_sha256"] == sex.code_list_sha256


def test_a_list_beside_the_contract_is_found_and_its_change_is_another_contract(tmp_path):
    text = CONTRACT.replace('codes = ["0", "1"]', 'code_list = "sexes@1"')
    file, listed = tmp_path / "contract.toml", tmp_path / "sexes@1.csv"
    file.write_text(text)
    listed.write_text("# title: S\n# system: local\n# source: here\n# licence: none\ncode,label\n0,man\n1,woman\n")
    before = read_contract(file)
    assert before.column("sex").codes == ("0", "1")
    listed.write_text(listed.read_text().replace("0,man\n1,woman", "0,woman\n1,man"))
    assert read_contract(file).hash != before.hash


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('code_list = "nothing@1"', "columns.sex.code_list: code-list-unknown, nothing@1"),
        ('code_list = "imd-decile@1"\ncodes = ["1"]', "columns.sex.codes: comes from the code list"),
        ('system = "klingon"', "columns.sex.system: is one of"),
    ],
)
def test_a_list_or_system_that_is_not_there_is_a_fault(tmp_path, line, fault):
    file = tmp_path / "contract.toml"
    file.write_text(CONTRACT.replace('codes = ["0", "1"]', line))
    with pytest.raises(Invalid, match="contract-malformed") as caught:
        read_contract(file)
    (found,) = caught.value.faults
    assert fault in found


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LINKED])
def test_rows_that_fit_a_contract_are_loaded(tmp_path, name):
    """Every column of every contract is read, judged and stored as declared: all rows of made-up people are kept."""
    contract = filled_in(tmp_path, name)
    data = NodeData(tmp_path)
    numbers = nhs_numbers(40)
    data.allow(numbers)
    if contract.people:
        load(data, filled_in(tmp_path, contract.people.replace("people", "person")), numbers)
    report = load(data, contract, numbers)
    assert report.findings == ()
    assert report.rows_kept == len(numbers)
    stored = data.store.read_whole(data.store.latest(contract.name), "records")
    assert {column.name for column in contract.stored} <= set(stored.column_names)
    assert all(stored[column.name].null_count == 0 for column in contract.stored)


def load(data, contract, numbers):
    file = data.home / "extract.csv"
    rows = [",".join(cell(column, i, numbers) for column in contract.columns) for i in range(len(numbers))]
    file.write_text("\n".join([",".join(column.name.upper() for column in contract.columns), *rows]))
    return ingest(
        contract=contract,
        location=file,
        store=data.store,
        keystore=data.keystore,
        optouts=current_optouts(data.store, now=NOW, at_most_days=30),
        now=NOW,
        allow_test_numbers=True,
    )


def cell(column, i, numbers):
    """Return a value that the column's declaration allows."""
    if column.type == "nhs-number":
        return numbers[i]
    if column.type in ("integer", "number"):
        return str(int(column.low) + i % 3)
    if column.type == "code":
        return column.codes[i % len(column.codes)] if column.codes else EXAMPLES[column.system][i % 2]
    return {"date": f"2024-0{1 + i % 9}-11", "postcode": f"LS{1 + i % 20} 4AP", "text": f"T{i}"}[column.type]
