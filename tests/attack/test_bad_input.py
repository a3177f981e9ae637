"""What a source can do wrong: each has a code and a next step, and the store is just as before, or just as after."""

from __future__ import annotations

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from privacy.errors import CATALOGUE, HedgerowError
from tests.laden import (
    EVENTS_CONTRACT,
    EVENTS_HEADER,
    NUMBERS,
    PEOPLE,
    PEOPLE_HEADER,
    Laden,
    event_row,
    events_file,
    people_file,
    person_row,
)
from tests.nodes import nhs_numbers

SHOWN = "Hobbinoll"  # a surname in each of these files: no message may hold it, nor any number


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Laden.made(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def node(whole, tmp_path):
    return whole.copy(tmp_path)


def as_before(node, before, done, code):
    """Hold that a load was refused by this code, told nobody's value, and changed nothing."""
    assert done.code == code, done.err
    assert done.status in {3, 4, 5, 6}
    assert done.refused["next"] == CATALOGUE[code].next_step
    assert node.seen() == before
    shows_nobody(done)


def shows_nobody(done):
    assert SHOWN not in done.out + done.err
    assert not any(number in done.out + done.err for number in NUMBERS)
    assert "Traceback" not in done.err


def as_after(node, before, done):
    """Hold that a load was taken whole, and that what was there before is there still, to the byte."""
    assert done.status == 0, done.err
    after = node.seen()
    assert after.holds(before)
    ((rows, _),) = (after.records[name] for name in set(after.records) - set(before.records))
    assert rows == done.report["rows_kept"]
    shows_nobody(done)


def parquet(rows=200, **columns):
    names = EVENTS_HEADER.split(",")
    cells = zip(*(event_row(i).split(",") for i in range(rows)), strict=True)
    table = pa.table({name: list(column) for name, column in zip(names, cells, strict=True)} | columns)
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=50)
    return out.getvalue()


def people(*rows):
    return people_file([person_row(i) for i in range(PEOPLE - len(rows))] + list(rows))


def replaced(at, old, new):
    """Return the people with one change of bytes in one line."""
    lines = people_file().encode().split(b"\n")
    lines[at] = lines[at].replace(old, new)
    return b"\n".join(lines)


HALF = len(people_file()) // 2
PACKED = gzip.compress(people_file().encode())
REFUSED = {
    "empty": ("people", "", "file-empty"),
    "only a header": ("people", PEOPLE_HEADER + "\n", "file-empty"),
    "no header": ("people", people_file().split("\n", 1)[1], "header-absent"),
    "cut off in a row": ("people", people_file()[:HALF].rsplit(",", 1)[0], "file-ragged"),
    "cut off in a quote": ("people", people_file() + person_row(0, surname=f'"{SHOWN}'), "file-malformed"),
    "cut off in a gzip": ("people", PACKED[: len(PACKED) // 2], "file-malformed"),
    "flipped in a gzip": ("people", PACKED[:200] + bytes(20) + PACKED[220:], "file-malformed"),
    "cut off Parquet": ("events", parquet()[:-100], "parquet-malformed"),
    "half of a Parquet": ("events", parquet()[:1000], "parquet-malformed"),
    "zeros in a Parquet": ("events", parquet()[:100] + bytes(300) + parquet()[400:], "parquet-malformed"),
    "a row too wide": ("people", people(person_row(39) + f",{SHOWN}"), "file-ragged"),
    "a row too narrow": ("people", people(person_row(39).rsplit(",", 2)[0]), "file-ragged"),
    "Latin letters in UTF-8": ("people", replaced(7, b"Hobbinoll", b"Hobbin\xf6ll"), "file-malformed"),
    "UTF-16 without a mark": ("people", people_file().encode("utf-16-le"), "file-malformed"),
    "a NUL": ("people", replaced(7, b"Hobbinoll", b"Hobbin\0ll"), "file-malformed"),
    "nothing but NULs": ("people", bytes(5000), "file-malformed"),
    "a picture": ("people", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "file-malformed"),
    "a column twice": ("people", people_file().replace("sex", "surname", 1), "column-repeated"),
    "a column too many": ("people", people_file().replace("\n", ",x\n"), "column-undeclared"),
    "a column too few": ("people", people_file().replace(",practice", "", 1), "column-absent"),
    "no numbers at all": (
        "people",
        people_file([person_row(i, f"12345{i:05d}") for i in range(PEOPLE)]),
        "too-many-bad-rows",
    ),
    "an export of ids": (
        "people",
        people_file([person_row(i, str(4_000_000_001 + i)) for i in range(PEOPLE)]),
        "too-many-bad-rows",
    ),
    "5,000 columns that nobody declared": (
        "people",
        people_file().replace("practice", "practice," + ",".join(f"c{i}" for i in range(5000)), 1),
        "column-undeclared",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_source_that_is_not_whole_is_refused_and_changes_nothing(node, case):
    name, content, code = REFUSED[case]
    before = node.seen()
    done = node.load(name, node.write("bad", content))
    as_before(node, before, done, code)
    assert len(done.err) < 20_000  # a screen, not a copy of the source


WRONG = NUMBERS[0][:-1] + str((int(NUMBERS[0][-1]) + 1) % 10)
STRANGER = nhs_numbers(1, first=777_000)[0]


def events(column, *values):
    """Return some good events and, after them, one for each of these values of a column."""
    good = [event_row(i) for i in range(20)]
    return events_file(good + [event_row(20 + i, **{column: value}) for i, value in enumerate(values)])


KEPT = {
    "numbers that fail the check": (
        "people",
        people(person_row(1, WRONG), person_row(2, "1111111111"), person_row(3, "12345"), person_row(4, " ")),
        {"nhs-number-checksum": 1, "nhs-number-not-issued": 1, "nhs-number-malformed": 1, "value-missing": 1},
    ),
    "a person twice, born on two days": (
        "people",
        people(*(person_row(0, NUMBERS[0], birth_date=day) for day in ("1931-01-01", "1932-01-01"))),
        {"key-repeated": 3},
    ),
    "dates in five formats": (
        "events",
        events("date", "02/03/2024", "2024.03.02", "2-Mar-24", "20240302", "45353"),
        {"value-wrong-type": 5},
    ),
    "dates in 1899 and 1753": ("events", events("date", "1899-12-31", "1753-01-01"), {"value-out-of-bounds": 2}),
    "no day of any calendar": ("events", events("date", "2023-02-29", "0000-00-00"), {"value-wrong-type": 2}),
    "events in the future": ("events", events("date", "2098-01-01"), {"date-in-future": 1}),
    "negative costs": ("events", events("cost", "-0.01", "-1e300"), {"value-out-of-bounds": 2}),
    "numbers that are none": ("events", events("value", "nan", "inf", "1x", "0x10"), {"value-wrong-type": 4}),
    "codes of no shape": ("events", events("code", "E1", "44054006"), {"code-unknown": 2}),
    "an event for nobody": ("events", events("nhs_number", STRANGER), {"person-not-listed": 1}),
}


@pytest.mark.parametrize("case", KEPT)
def test_rows_that_are_wrong_go_to_quarantine_by_reason_and_the_others_are_kept(node, case):
    name, content, reasons = KEPT[case]
    node.allow([*NUMBERS, STRANGER])
    before = node.seen()
    done = node.load(name, node.write("odd.csv", content))
    as_after(node, before, done)
    found = {}
    for finding in done.report["findings"]:
        found[finding["reason"]] = found.get(finding["reason"], 0) + finding["rows"]
    assert found == reasons
    assert all(reason in CATALOGUE for reason in reasons)
    assert done.report["rows_quarantined"] == sum(reasons.values())


def test_too_much_of_it_refuses_the_whole_load(node):
    before = node.seen()
    rows = [event_row(i, cost="-1") for i in range(30)] + [event_row(i) for i in range(30, 40)]
    done = node.load("events", node.write("odd.csv", events_file(rows)))
    as_before(node, before, done, "too-many-bad-rows")
    assert done.refused["faults"] == ["value-out-of-bounds in cost: 30 rows, the first at line 2"]


def test_declared_formats_of_dates_are_all_read(node):
    contract = EVENTS_CONTRACT.replace("version = 1", "version = 2").replace(
        'role = "date"\n', 'role = "date"\nformats = ["%Y-%m-%d", "%d/%m/%Y", "%Y.%m.%d", "%d-%b-%y", "%Y%m%d"]\n'
    )
    node.write("events.toml", contract)
    same = ["2024-03-02", "02/03/2024", "2024.03.02", "2-Mar-24", "20240302", "2024-03-02T23:59:59Z"]
    done = node.load("events", node.write("odd.csv", events_file([event_row(i, date=d) for i, d in enumerate(same)])))
    assert done.report["rows_kept"] == len(same), (done.err, done.report)
    opened = node.node()
    days = opened.store.read(opened.store.latest("events"), ["date"])["date"].to_pylist()
    opened.database.close()
    assert {str(day) for day in days} == {"2024-03-02"}


def test_5000_columns_that_are_declared_load(node):
    """Wide is slow, not wrong."""
    more = [f"c{i}" for i in range(5000)]
    declared = (f'[columns.{name}]\nkind = "measure"\ntype = "integer"\nlow = 0\nhigh = 9\n' for name in more)
    node.write("events.toml", "\n".join([EVENTS_CONTRACT.replace("version = 1", "version = 2"), *declared]))
    rows = [event_row(i) + ",1" * len(more) for i in range(30)]
    before = node.seen()
    wide = node.write("wide.csv", "\n".join([",".join([EVENTS_HEADER, *more]), *rows]))
    as_after(node, before, node.load("events", wide))


def test_the_comparison_sees_a_byte_a_file_and_a_row(node):
    """The control of all that is said here to have changed nothing."""
    before = node.seen()
    assert node.seen() == before
    (node.home / "store/left-over").write_bytes(b"x")
    assert node.seen() == before  # what the state does not name goes when the store is opened
    opened = node.node()
    opened.governance.register.pause(at="2027-03-01T12:00:00+00:00")
    opened.database.close()
    assert node.seen() != before
    last = max((node.home / "store").glob("events*records*"))
    last.write_bytes(last.read_bytes()[:-1] + b"\0")
    with pytest.raises(HedgerowError, match="store-tampered"):
        node.seen()


def test_every_code_says_what_to_do_next():
    codes = {code for _, _, code in REFUSED.values()} | {reason for *_, reasons in KEPT.values() for reason in reasons}
    assert all(CATALOGUE[code].next_step and CATALOGUE[code].what for code in codes)
