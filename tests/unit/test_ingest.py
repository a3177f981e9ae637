"""An extract is loaded whole or not at all: opt-outs first, every bad row told by its reason, never by its value."""

import dataclasses

import pyarrow as pa
import pytest

from node.persons import recognise
from privacy.errors import CATALOGUE, HedgerowError
from tests.nodes import CONTRACT, HEADER, NodeData, nhs_numbers

NUMBERS = nhs_numbers(60)
A, B, C = NUMBERS[:3]
WRONG_DIGIT = A[:-1] + str((int(A[-1]) + 1) % 10)
FAR_MORE_THAN_CHANCE = "nearly all of its ten-digit numbers have a right NHS check digit, far more than chance gives"
(REAL_RANGE,) = nhs_numbers(1, leading="4")
(NOT_ISSUED,) = nhs_numbers(1, leading="5")


@pytest.fixture
def node(tmp_path):
    data = NodeData(tmp_path)
    data.allow([*NUMBERS, REAL_RANGE])
    return data


def csv(*rows):
    return "\n".join([HEADER, *rows]) + "\n"


GOOD = csv(f"{A},x1,1,50.5,1,W1", f"{A},x1,2,51.5,1,", f"{B},x2,1,NA,0,W2")


def pseudonym(node, number):
    return recognise([number], node.keystore, allow_test_numbers=True).pseudonyms[0]


def test_good_rows_are_typed_and_have_a_person_in_place_of_identifiers(node):
    report = node.load(GOOD)
    table = node.store.read(report.version, ["year", "age", "sex", "ward"])
    assert table.schema.field("year").type == pa.int64()
    assert table.schema.field("age").type == pa.float64()
    expected = [
        (pseudonym(node, A), 1, 50.5, "1", "W1"),
        (pseudonym(node, A), 2, 51.5, "1", None),
        (pseudonym(node, B), 1, None, "0", "W2"),
    ]
    rows = [tuple(row.values()) for row in table.drop_columns(["held_back"]).to_pylist()]
    assert rows == sorted(expected, key=lambda row: row[:2])
    assert (report.rows_read, report.rows_kept, report.rows_quarantined) == (3, 3, 0)
    assert (report.people_kept, report.people_left_out, report.findings) == (2, 0, ())
    for name in ("nhs_number", "local_id"):
        with pytest.raises(HedgerowError, match="variable-unknown"):
            node.store.read(report.version, [name])


def test_held_back_is_of_the_person(node):
    report = node.load(csv(*(f"{n},x,{year},50,1,A" for n in NUMBERS for year in (1, 2, 3))))
    table = node.store.read(report.version, []).to_pandas()
    assert table.drop_duplicates()["person"].is_unique
    assert 0 < table["held_back"].mean() < 1


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n\n",
        GOOD.replace(f"\n{B}", f"\n\n{B}"),
        GOOD.replace("x2", '"x, ""2"""'),
        GOOD.replace(A, f"{A[:3]} {A[3:6]} {A[6:]}"),
        GOOD.replace(",50.5,", ", +50.50 ,"),
        GOOD.replace(",2,51", ",2.0,51"),
    ],
)
def test_one_file_written_in_many_ways_is_the_same_data(node, text):
    columns = ["year", "age", "sex", "ward"]
    one, other = node.load(GOOD), node.load(text)
    assert other.rows_kept == 3
    assert node.store.read(one.version, columns).equals(node.store.read(other.version, columns))


def test_columns_may_come_in_any_order(node):
    rows = [line.split(",")[::-1] for line in GOOD.splitlines()]
    report = node.load("\n".join(",".join(row) for row in rows))
    assert report.rows_kept == 3


BAD_ROWS = {
    f"{B},x,1,50,1,W": (),
    f"{B},x,1,121,1,W": ("value-out-of-bounds in age",),
    f"{B},x,1,-0.001,1,W": ("value-out-of-bounds in age",),
    f"{B},x,1,1e999,1,W": ("value-out-of-bounds in age",),
    f"{B},x,1,nan,1,W": ("value-wrong-type in age",),
    f"{B},x,1,inf,1,W": ("value-wrong-type in age",),
    f"{B},x,1,fifty,1,W": ("value-wrong-type in age",),
    f'{B},x,1,"1,000",1,W': ("value-wrong-type in age",),
    f"{B},x,1,0x10,1,W": ("value-wrong-type in age",),
    f"{B},x,1.5,50,1,W": ("value-wrong-type in year",),
    f"{B},x,1e0,50,1,W": ("value-wrong-type in year",),
    f"{B},x,6,50,1,W": ("value-out-of-bounds in year",),
    f"{B},x,99999999999999999999,50,1,W": ("value-wrong-type in year",),
    f"{B},x,,50,1,W": ("value-missing in year",),
    f"{B},x,1,50,2,W": ("code-unknown in sex",),
    f"{B},x,1,50,NA,W": ("value-missing in sex",),
    f"{B},x,7,500,2,W": ("value-out-of-bounds in year", "value-out-of-bounds in age", "code-unknown in sex"),
    f"{WRONG_DIGIT},x,1,50,1,W": ("nhs-number-checksum in nhs_number",),
    "123,x,1,50,1,W": ("nhs-number-malformed in nhs_number",),
    f"{NOT_ISSUED},x,1,50,1,W": ("nhs-number-not-issued in nhs_number",),
    "9999999999,x,1,50,1,W": ("nhs-number-not-issued in nhs_number",),
    ",x,1,50,1,W": ("value-missing in nhs_number",),
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_bad_row_goes_to_quarantine_with_all_its_reasons(node, row):
    report = node.load(csv(f"{A},x,1,50,1,W", row))
    expected = BAD_ROWS[row]
    assert report.rows_kept == 2 - bool(expected)
    quarantine = node.store.read_quarantine(report.version).to_pylist()
    assert [(q["line"], q["reasons"].split("; ")) for q in quarantine] == ([(3, list(expected))] if expected else [])
    assert [f"{f.reason} in {f.column}" for f in report.findings] == list(expected)
    assert all(f.rows == 1 and f.first_line == 3 for f in report.findings)
    assert set(report.reasons) <= set(CATALOGUE)


def test_all_rows_that_share_a_key_go_to_quarantine(node):
    spaced = f"{A[:3]} {A[3:6]} {A[6:]}"
    report = node.load(csv(f"{A},x,1,50,1,W", f"{B},x,1,50,1,W", f"{spaced},y,1.0,51,0,V", f"{A},x,2,50,1,W"))
    assert report.reasons == {"key-repeated": 2}
    assert node.store.read_quarantine(report.version)["line"].to_pylist() == [2, 4]
    assert str(report.findings[0]) == "key-repeated in nhs_number+year: 2 rows, the first at line 2"


def test_rows_without_a_person_share_no_key(node):
    report = node.load(csv(f"{A},x,1,50,1,W", f"{B},x,1,50,1,W", "1,x,1,50,1,W", "1,x,1,50,1,W"))
    assert report.reasons == {"nhs-number-malformed": 2}


def test_a_key_may_have_a_dropped_identifier(node):
    contract = CONTRACT.replace('"year"]', '"local_id"]').replace('name = "visits"', 'name = "stays"')
    report = node.load(csv(f"{A},x,1,50,1,W", f"{A},y,1,50,1,W", f"{B},x,1,50,1,W", f"{B},,1,50,1,W"), contract)
    assert report.reasons == {"value-missing": 1}
    assert node.load(csv(f"{A},x,1,5,1,W", f"{A},x,2,5,1,W", f"{B},x,1,5,1,W", f"{C},,1,5,1,W"), CONTRACT).reasons == {}


def test_opted_out_people_are_gone_before_anything_else(node):
    node.allow([A, B])
    report = node.load(csv(f"{A},x,1,50,1,W1", f"{B},x,1,50,9,W2", f"{C},x,1,50,9,W3", f"{C},x,1,999,1,W3"))
    assert (report.rows_read, report.rows_kept, report.rows_quarantined, report.people_left_out) == (4, 1, 1, 1)
    quarantine = node.store.read_quarantine(report.version)
    assert quarantine["ward"].to_pylist() == ["W2"]
    assert quarantine["person"].to_pylist() == [pseudonym(node, B)]
    assert pseudonym(node, C) not in str(quarantine.to_pydict())


def test_dictionaries_hold_no_text_of_people_who_are_not_there(node):
    node.allow([A, B])
    report = node.load(csv(f"{A},x,1,50,1,W1", f"{B},x,1,50,9,W2", f"{C},x,1,50,1,W3"))
    ward = node.store.read(report.version, ["ward"])["ward"].combine_chunks()
    assert ward.dictionary.to_pylist() == ["W1"]


def test_what_is_stored_in_part_is_in_quarantine_in_part(node):
    """A row with a fault must not keep the whole day of birth that a good one does not."""
    dates = 'type = "date"\nlow = 1900-01-01\nhigh = 2027-12-31\ntreatment = "month"\nmay'
    contract = CONTRACT.replace('type = "text"\nmay', dates).replace('"visits"', '"births"')
    rows = [f"{A},x,1,50,1,1950-03-17", f"{A},x,2,50,1,1950-03-17", f"{B},x,1,50,9,1950-03-17"]
    rows += [f"{C},x,1,50,1,1850-03-17"]
    version = node.load(csv(*rows), contract).version
    assert [str(day) for day in node.store.read(version, ["ward"])["ward"].to_pylist()] == ["1950-03-01"] * 2
    assert node.store.read_quarantine(version)["ward"].to_pylist() == ["1950-03-01", ""]


def test_a_number_that_is_kept_as_a_keyed_text_joins_and_shows_nothing(node):
    keyed = CONTRACT.replace('type = "text"\ntreatment = "drop"', 'type = "text"\ntreatment = "pseudonym"')
    report = node.load(csv(f"{A},x1,1,50,1,W", f"{A},x1,2,50,1,W", f"{B},x2,1,50,1,W", f"{C},x1,1,50,9,W"), keyed)
    texts = node.store.read(report.version, ["local_id"])["local_id"].to_pylist()
    kept = node.store.read_quarantine(report.version)["local_id"].to_pylist()
    assert len(set(texts)) == 2
    assert set(kept) < set(texts)
    assert all(text.startswith("k1.") for text in texts)


def test_keyed_texts_are_the_same_whether_they_repeat_or_not(node):
    """Where hardly any repeats, each row's is keyed; elsewhere each distinct one. A missing one stays missing."""
    keyed = CONTRACT.replace('treatment = "drop"', 'treatment = "pseudonym"\nmay_be_missing = true')
    keyed += '\n[[checks]]\nname = "once"\nunique = ["local_id"]\n'
    seldom = [f"{number},x{i},1,50,1,W" for i, number in enumerate(NUMBERS[:40])]
    often = [f"{number},x1,{year},50,1,W" for number in NUMBERS[40:] for year in (1, 2)]
    once = node.load(csv(*seldom, f"{A}, ,2,50,1,W"), keyed)
    texts = node.store.read(once.version, ["local_id"])["local_id"].to_pylist()
    twice = node.load(csv(*seldom, *often), keyed)
    assert once.reasons == {}
    assert twice.reasons == {"check-failed": len(often)}
    assert texts.count(None) == 1
    assert set(node.store.read(twice.version, ["local_id"])["local_id"].to_pylist()) == {*texts} - {None}
    assert set(node.store.read_quarantine(twice.version)["local_id"].to_pylist()) < {*texts}


def test_a_row_that_names_nobody_keeps_no_texts(node):
    """Nobody can say whether that person opted out; the line leads back to the source."""
    report = node.load(csv(f"{A},x,1,50,1,W1", f"{WRONG_DIGIT},x,1,50,1,W2"))
    (row,) = node.store.read_quarantine(report.version).to_pylist()
    assert row == {
        "line": 3,
        "reasons": "nhs-number-checksum in nhs_number",
        "person": None,
        **dict.fromkeys(["year", "age", "sex", "ward"]),
    }


def test_test_numbers_are_not_people_unless_asked_for(node):
    report = node.load(csv(f"{REAL_RANGE},x,1,50,1,W", f"{A},x,1,50,1,W"), test_numbers=False)
    assert report.reasons == {"nhs-number-not-issued": 1}


def test_line_numbers_survive_line_breaks_in_cells_and_empty_lines(node):
    report = node.load(csv(f'{A},"two\nlines",1,50,1,W', "", f"{B},x,1,50,7,W"))
    assert report.findings[0].first_line == 5


MORE_COLUMNS = HEADER + ",phone,postcode"
WITHOUT_A_HEADER = f"{A},Mary,1,50,1,W1\n"
BAD_FILES = {
    "empty": ("", "file-empty", ()),
    "blank": ("\n \n", "file-empty", ()),
    "header only": (HEADER + "\n", "file-empty", ()),
    "header and empty lines": (HEADER + "\n\n\n", "file-empty", ()),
    "undeclared": (
        f"{MORE_COLUMNS}\n{A},x,1,50,1,W,1,2\n",
        "column-undeclared",
        ("phone: in the file, not declared", "postcode: in the file, not declared"),
    ),
    "undeclared, not a name": (f"{HEADER},{A}\n", "column-undeclared", ("column 7: not declared",)),
    "absent": (
        "nhs_number,year,sex\n",
        "column-absent",
        tuple(f"{name}: declared, not in the file" for name in ("local_id", "age", "ward")),
    ),
    "repeated": (f"{HEADER},age\n", "column-repeated", ("age",)),
    "no header": (WITHOUT_A_HEADER, "header-absent", ()),
    "ragged": (
        csv(f"{A},x,1,50,1,W", f"{A},x,2,50,1", f"{A},x,3,50,1,W,surplus"),
        "file-ragged",
        ("line 3: 5 cells, not 6", "line 4: 7 cells, not 6"),
    ),
    "not UTF-8": (csv(f"{A},x,1,50,1,W").encode() + b"\xff,1,1,1,1,1\n", "file-malformed", ()),
    "header not UTF-8": (GOOD.encode("utf-16-le"), "file-malformed", ()),
    "open quote": (csv(f'{A},"x,1,50,1,W', f"{B},x,1,50,1,W"), "file-malformed", ()),
    "too many bad rows": (
        csv(f"{A},x,1,50,1,W", f"{A},x,2,500,1,W", f"{A},x,9,50,1,W"),
        "too-many-bad-rows",
        (
            "value-out-of-bounds in year: 1 rows, the first at line 4",
            "value-out-of-bounds in age: 1 rows, the first at line 3",
        ),
    ),
    "repeated NHS number and year": (
        csv(f"{A},x,1,50,1,W", f"{A},x,1,50,1,W"),
        "too-many-bad-rows",
        ("key-repeated in nhs_number+year: 2 rows, the first at line 2",),
    ),
    "an invalid NHS number": (
        csv(f"{WRONG_DIGIT},x,1,50,1,W"),
        "too-many-bad-rows",
        ("nhs-number-checksum in nhs_number: 1 rows, the first at line 2",),
    ),
    "nobody allowed": (csv(f"{nhs_numbers(1, first=5_000)[0]},x,1,50,1,W"), "no-rows-left", ()),
    "NHS numbers in another column": (
        csv(*(f"{n},x,1,50,1,{n}" for n in NUMBERS)),
        "identifier-undeclared",
        (f"ward: nhs-number: {FAR_MORE_THAN_CHANCE}",),
    ),
    "the contract changed": (GOOD, "contract-changed", ()),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_changes_nothing_and_shows_no_value(node, name):
    content, code, faults = BAD_FILES[name]
    node.load(GOOD)
    before = node.state()
    changed = CONTRACT.replace("high = 120", "high = 130")
    with pytest.raises(HedgerowError) as caught:
        node.load(content, changed if name == "the contract changed" else CONTRACT)
    error = caught.value
    assert (error.code, error.faults) == (code, faults)
    assert error.exit_status == 3
    assert node.state() == before
    for value in (A, WRONG_DIGIT, "Mary", "surplus", "500"):
        assert value not in error.explain() + str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_a_file_that_is_not_there(node, tmp_path):
    node.load(GOOD)
    before = node.state()
    with pytest.raises(HedgerowError, match="file-unreadable"):
        node.load_from(tmp_path / "absent.csv")
    assert node.state() == before


def test_a_person_table(node):
    contract = CONTRACT.replace('table = "event"', 'table = "person"').replace('period = "year"\n', "")
    contract = contract.replace('key = ["nhs_number", "year"]', 'key = ["nhs_number"]')
    report = node.load(csv(f"{A},x,1,50,1,W", f"{B},x,1,50,1,W", f"{B},x,2,50,1,W", f"{C},x,1,50,1,W"), contract)
    assert report.reasons == {"key-repeated": 2}


def test_the_report_can_be_shown_but_not_its_secrets(node):
    report = node.load(GOOD)
    assert A not in repr(report)
    assert dataclasses.asdict(report)["rows_read"] == 3


def test_the_source_is_recognised_by_this_node_only(node, tmp_path):
    other = NodeData(tmp_path / "other")
    other.allow(NUMBERS)
    first, again, elsewhere = node.load(GOOD), node.load(GOOD), other.load(GOOD)
    assert first.version.source_sha256 == again.version.source_sha256
    assert first.version.source_sha256 != elsewhere.version.source_sha256


PEOPLE = CONTRACT.replace('table = "event"', 'table = "person"').replace('period = "year"\n', "")
PEOPLE = PEOPLE.replace('key = ["nhs_number", "year"]', 'key = ["nhs_number"]').replace('"visits"', '"patients"')


def test_an_event_of_somebody_who_is_not_among_the_people_goes_to_quarantine(node):
    node.load(csv(f"{A},x,1,50,1,W"), PEOPLE)
    contract = CONTRACT.replace('period = "year"', 'period = "year"\npeople = "patients"')
    report = node.load(csv(f"{A},x,1,50,1,W", f"{B},x,1,50,1,W"), contract)
    assert report.reasons == {"person-not-listed": 1}
    assert node.store.read_quarantine(report.version)["person"].to_pylist() == [pseudonym(node, B)]


def test_the_people_that_a_contract_names_are_loaded_first(node):
    contract = CONTRACT.replace('period = "year"', 'period = "year"\npeople = "patients"')
    with pytest.raises(HedgerowError, match="data-set-unknown"):
        node.load(GOOD, contract)


def test_rows_may_repeat_where_the_contract_says_so(node):
    contract = CONTRACT.replace('period = "year"', 'period = "year"\nmay_repeat = true')
    report = node.load(csv(f"{A},x,1,50,1,W", f"{A},x,1,50,1,W"), contract)
    assert (report.rows_kept, report.findings) == (2, ())
