"""A data contract that holds is read whole; one that does not says all that is wrong, line by line."""

import math
import tomllib

import pytest

from privacy.columns import Column
from privacy.contract import Contract
from privacy.contract_file import contract_of, read_contract
from privacy.errors import Invalid, Unreachable
from tests.nodes import CONTRACT

KINDS = "direct-identifier, measure, quasi-identifier, sensitive"


@pytest.fixture
def read(tmp_path):
    def from_text(text):
        path = tmp_path / "contract.toml"
        path.write_text(text)
        return read_contract(path)

    return from_text


def faults_of(read, text):
    with pytest.raises(Invalid) as caught:
        read(text)
    assert caught.value.code == "contract-malformed"
    assert caught.value.exit_status == 3
    return list(caught.value.faults)


def line_of(text, start):
    return next(n for n, line in enumerate(text.splitlines(), start=1) if line.startswith(start))


def test_a_contract_is_read_whole(read):
    contract = read(CONTRACT)
    assert (contract.name, contract.version, contract.table, contract.period) == ("visits", 1, "event", "year")
    assert contract.key == ("nhs_number", "year")
    assert contract.person == "nhs_number"
    assert contract.missing == ("", "NA")
    assert contract.bounds("age") == (0.0, 120.0)
    assert [c.name for c in contract.stored] == ["year", "age", "sex", "ward"]
    assert contract.column("sex").codes == ("0", "1")


def test_defaults_are_filled_in_before_hashing(read):
    text = CONTRACT.replace('missing = ["", "NA"]\nbad_rows_at_most = 0.5\n', "")
    contract = read(text)
    assert contract.missing == ("",)
    assert contract.bad_rows_at_most == 0.05
    spelt_out = text.replace("[columns.nhs", 'missing = [""]\nbad_rows_at_most = 0.05\n[columns.nhs', 1)
    assert read(spelt_out).hash == contract.hash


def test_hash_ignores_layout_and_order_of_columns_and_sees_every_change(read):
    contract = read(CONTRACT)
    head, *tables = CONTRACT.split("\n\n")
    assert read("# a comment\n" + "\n\n".join([head, *reversed(tables)])).hash == contract.hash
    assert read(CONTRACT.replace("high = 120", "high = 121")).hash != contract.hash
    assert contract.hash.startswith("sha256:")


def test_document_reads_back(read):
    contract = read(CONTRACT)
    assert contract_of(contract.document()) == contract
    assert contract_of(contract.document()).hash == contract.hash


def test_all_faults_at_once_each_with_its_line(read):
    text = (
        CONTRACT.replace('table = "event"', 'table = "episode"')
        .replace("high = 120", "high = -1")
        .replace('codes = ["0", "1"]', 'codes = ["0", "0"]')
        .replace('kind = "sensitive"', 'kind = "secret"')
        .replace('unit = "study year"', 'units = "study year"')
    )
    assert faults_of(read, text) == [
        f"line {line_of(text, 'table =')}: contract.table: is one of event, person",
        f"line {line_of(text, 'units =')}: columns.year.units: is not known",
        f"line {line_of(text, 'high = -1')}: columns.age.high: must be above low",
        f"line {line_of(text, 'codes =')}: columns.sex.codes: at least one is needed, none twice",
        f"line {line_of(text, '[columns.ward]') + 1}: columns.ward.kind: is one of {KINDS}",
    ]


def test_a_missing_bound_is_missed_at_its_column(read):
    text = CONTRACT.replace("low = 1\n", "")
    (fault,) = faults_of(read, text)
    assert fault == (
        f"line {line_of(text, '[columns.year]')}: columns.year.low: a public bound is required, a finite number"
    )


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('name = "visits"', 'name = "Visits!"', "contract.name"),
        ("version = 1", "version = 0", "contract.version"),
        ("version = 1", 'version = "1"', "contract.version"),
        ("version = 1", "version = true", "contract.version"),
        ('owner = "A trust"', 'owner = ""', "contract.owner"),
        ('title = "Visits"\n', "", "contract.title"),
        ("bad_rows_at_most = 0.5", "bad_rows_at_most = 1.5", "contract.bad_rows_at_most"),
        ("bad_rows_at_most = 0.5", "bad_rows_at_most = nan", "contract.bad_rows_at_most"),
        ('missing = ["", "NA"]', 'missing = "NA"', "contract.missing"),
        ('key = ["nhs_number", "year"]', 'key = ["nhs_number", "month"]', "contract.key"),
        ('key = ["nhs_number", "year"]', 'key = ["year"]', "contract.key"),
        ('key = ["nhs_number", "year"]', 'key = ["nhs_number", "age"]', "contract.key"),
        ('key = ["nhs_number", "year"]', "key = []", "contract.key"),
        ('period = "year"', 'period = "age"', "contract.period"),
        ('period = "year"', 'period = "nothing"', "contract.period"),
        ("low = 1\n", "low = 1.5\n", "columns.year.low"),
        ("low = 1\n", "low = -inf\n", "columns.year.low"),
        ("low = 1\n", 'low = "1"\n', "columns.year.low"),
        ('treatment = "pseudonym"', 'treatment = "drop"', "columns"),
        (
            'type = "text"\ntreatment = "drop"',
            'type = "postcode"\ntreatment = "pseudonym"',
            "columns.local_id.treatment",
        ),
        ('type = "text"\nmay', 'type = "text"\ntreatment = "month"\nmay', "columns.ward.treatment"),
        ('type = "text"\nmay', 'type = "text"\nrole = "king"\nmay', "columns.ward.role"),
        ('type = "text"\nmay', 'type = "date"\nmay', "columns.ward.low"),
        ('type = "text"\nmay', 'type = "date"\nlow = 2020-01-01\nhigh = 2019-01-01\nmay', "columns.ward.high"),
        ('type = "text"\nmay', 'type = "date"\nlow = 2\nhigh = 2019-01-01\nmay', "columns.ward.low"),
        (
            'type = "text"\nmay',
            'type = "date"\nlow = 2000-01-01\nhigh = 2019-01-01\nformats = ["%Y-%m-%d %H:%M"]\nmay',
            "columns.ward.formats",
        ),
        (
            'type = "text"\nmay',
            'type = "date"\nlow = 2000-01-01\nhigh = 2019-01-01\nformats = ["%d/%m"]\nmay',
            "columns.ward.formats",
        ),
        ('period = "year"', 'period = "year"\npeople = "NOBODY"', "contract.people"),
        ('type = "text"\ntreatment = "drop"', 'type = "text"', "columns.local_id.treatment"),
        ('codes = ["0", "1"]', 'codes = ["0", "NA"]', "columns.sex.codes"),
        ('codes = ["0", "1"]', "codes = [0, 1]", "columns.sex.codes"),
        ("may_be_missing = true", 'may_be_missing = "yes"', "columns.age.may_be_missing"),
        ("[columns.ward]", "[columns.person]", "columns.person.name"),
        ("[columns.ward]", "[columns.Ward]", "columns.Ward.name"),
        ("[columns.ward]", "[column.ward]", "column"),
        ('kind = "sensitive"\ntype = "text"', 'kind = "sensitive"\ntype = "nhs-number"', "columns.ward.kind"),
        ('type = "text"\nmay', 'type = "text"\nlow = 1\nmay', "columns.ward.low"),
    ],
)
def test_each_fault_is_named_where_it_is(read, old, new, place):
    assert old in CONTRACT
    faults = faults_of(read, CONTRACT.replace(old, new, 1))
    assert any(f" {place}: " in fault for fault in faults), faults


@pytest.mark.parametrize("text", ["", "x = 1\n", "columns = 3\ncontract = []\n", "[columns]\na = 1\n"])
def test_what_is_no_contract_at_all_is_still_a_list_of_faults(read, text):
    assert faults_of(read, text)


def test_a_toml_fault_has_its_line(read):
    text = CONTRACT.replace("version = 1", "version = = 1")
    (fault,) = faults_of(read, text)
    assert fault.startswith("line 3: ")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("low = 0", f"low = 1{'0' * 400}", "columns.age.low: is too large"),
        ("low = 0", f"low = 1{'0' * 5000}", "A number is too long, or too much lies inside each other"),
        ("low = 0", f"low = 0\nx = {'[' * 10_000}{']' * 10_000}", "A number is too long, or too much lies inside each"),
    ],
)
def test_what_python_cannot_hold_is_a_fault_too(read, old, new, fault):
    assert any(fault in said for said in faults_of(read, CONTRACT.replace(old, new, 1)))


def test_a_key_given_twice_is_a_fault(read):
    assert faults_of(read, CONTRACT.replace("version = 1\n", "version = 1\nversion = 2\n"))[0].startswith("line 4:")


def test_a_file_that_is_not_text_or_not_there(tmp_path):
    path = tmp_path / "contract.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid) as caught:
        read_contract(path)
    assert caught.value.faults == ("line 1: is not UTF-8 text",)
    with pytest.raises(Unreachable) as absent:
        read_contract(tmp_path / "nothing.toml")
    assert absent.value.code == "file-unreadable"


def test_a_contract_made_in_code_is_checked_too(read):
    good = read(CONTRACT)
    with pytest.raises(Invalid) as caught:
        Contract(**{**{f: getattr(good, f) for f in good.__dataclass_fields__}, "version": 0})
    assert caught.value.faults == ("contract.version: is a whole number of at least 1",)
    assert list(Column("a", "measure", "integer", low=0, high=math.nan).faults(())) != []


def test_an_unknown_variable_has_its_code(read):
    contract = read(CONTRACT)
    for ask in (lambda: contract.column("nothing"), lambda: contract.bounds("sex")):
        with pytest.raises(Invalid) as caught:
            ask()
        assert caught.value.code == "variable-unknown"


def test_a_person_table_has_the_person_as_its_key(read):
    text = CONTRACT.replace('table = "event"', 'table = "person"').replace('period = "year"\n', "")
    assert any("contract.key" in fault for fault in faults_of(read, text))
    assert read(text.replace('key = ["nhs_number", "year"]', 'key = ["nhs_number"]')).table == "person"


def test_the_example_is_plain_toml():
    assert set(tomllib.loads(CONTRACT)) == {"contract", "columns"}


DAY = """type = "date"
low = 1990-01-01
high = 2035-12-31
formats = ["%d/%m/%Y"]
treatment = "month"
role = "date"
may"""
EVENTS = CONTRACT.replace('type = "text"\nmay', DAY)


def test_a_date_has_public_bounds_in_days_and_reads_back(read):
    contract = read(EVENTS)
    assert contract.bounds("ward") == (7305.0, 24105.0)
    assert contract.with_role("date") == (contract.column("ward"),)
    assert contract_of(contract.document()) == contract
    assert contract.document()["columns"]["ward"]["low"] == "1990-01-01"


def test_a_local_number_may_be_kept_as_keyed_text(read):
    contract = read(CONTRACT.replace('type = "text"\ntreatment = "drop"', 'type = "text"\ntreatment = "pseudonym"'))
    assert contract.person == "nhs_number"
    assert "local_id" in [column.name for column in contract.stored]


def test_a_contract_without_the_newer_fields_has_the_hash_that_it_had(read):
    before = CONTRACT.replace('purpose = "Tests"\nrecipient = "A node"\n', "")
    assert before != CONTRACT
    assert read(before).hash == "sha256:7ebd1a14eb5f7d63b16d7be45fbdb05a3eaf79fcd1f084321cc80a8a2e89af4a"


def test_what_is_left_to_fill_in_of_a_list_has_the_line_of_its_key(read):
    text = CONTRACT.replace('key = ["nhs_number", "year"]', 'key = ["nhs_number", "TODO: the others"]')
    place = line_of(text, "key =")
    assert f"line {place}: contract.key[2]: is still to be filled in" in faults_of(read, text)
