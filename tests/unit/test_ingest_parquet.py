"""Parquet gives what the CSV of the same rows gives: the same tables, quarantine and report; and a bad file a code."""

import datetime
import decimal
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from node.ingest.order import Runs
from privacy.errors import HedgerowError, Invalid
from tests.nodes import CONTRACT, NodeData, nhs_numbers
from tests.unit.test_ingest_rand import RAND, rand_contract

NUMBERS = nhs_numbers(40)
PLANTED = "Q87.4-MARFAN"
COLUMNS = ["year", "age", "sex", "ward"]


@pytest.fixture
def node(tmp_path):
    data = NodeData(tmp_path)
    data.allow(NUMBERS[:-2])
    return data


def parquet(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def comma_separated(table):
    out = io.BytesIO()
    pa_csv.write_csv(table, out)
    return out.getvalue()


def load(node, content, contract=CONTRACT, name="extract.parquet"):
    (node.home / name).write_bytes(content)
    return node.load_from(node.home / name, contract)


def code_of(act):
    with pytest.raises(HedgerowError) as caught:
        act()
    assert PLANTED not in str(caught.value) + " ".join(caught.value.faults)
    return type(caught.value), caught.value.code


def rows(people=40, *, bad=False):
    """Return two years of made-up people, typed; with ``bad``, rows of every kind that goes to quarantine."""
    n = 2 * people
    table = {
        "nhs_number": np.repeat(np.array(NUMBERS[:people]), 2),
        "local_id": [f"L{i}" for i in range(n)],
        "year": [1, 2] * people,
        "age": [None if i % 7 == 0 else 30 + i / 8 for i in range(n)],
        "sex": [str(i % 2) for i in range(n)],
        "ward": [None if i % 5 == 0 else f"W{i % 3}" for i in range(n)],
    }
    if bad:
        table["nhs_number"] = [*table["nhs_number"][:-3], "123", None, "9999999999"]
        table["year"][3], table["year"][5], table["year"][7] = 9, None, 1
        table["age"][8], table["age"][9] = 121.5, float("inf")
        table["sex"][10], table["sex"][11] = "2", None
    return pa.table(table, schema=pa.schema({name: _type(name) for name in table}))


def _type(name):
    return {"year": pa.int64(), "age": pa.float64()}.get(name, pa.string())


def same(node, one, other):
    """Hold two loads against each other: what is stored, what is in quarantine, and what was reported."""
    assert node.store.read(one.version, COLUMNS).equals(node.store.read(other.version, COLUMNS))
    quarantines = [node.store.read_quarantine(r.version) for r in (one, other)]
    assert quarantines[0].drop_columns(["line"]).equals(quarantines[1].drop_columns(["line"]))
    lines = [q["line"].to_numpy() for q in quarantines]
    assert (lines[0] == lines[1] + 1).all()  # a row's number is its line without the header
    for name in ("rows_read", "rows_kept", "rows_quarantined", "people_kept", "people_left_out", "reasons"):
        assert getattr(one, name) == getattr(other, name), name
    assert [(f.reason, f.column, f.rows, f.first_line - 1) for f in one.findings] == [
        (f.reason, f.column, f.rows, f.first_line) for f in other.findings
    ]


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zstd", "row_group_size": 7}, {"use_dictionary": False, "data_page_version": "2.0"}],
    ids=["plain", "groups", "pages"],
)
def test_the_same_rows_give_the_same_as_their_csv(node, bad, options):
    table = rows(bad=bad)
    one, other = load(node, comma_separated(table), name="extract.csv"), load(node, parquet(table, **options))
    same(node, one, other)
    assert bool(one.findings) == bad
    assert ("at row" in " ".join(map(str, other.findings))) == bad


def test_the_rand_health_insurance_experiment_is_the_same_typed_or_as_text(tmp_path):
    frame = pd.read_csv(RAND)
    people = frame["zper"].unique()
    number_of = dict(zip(people, nhs_numbers(len(people)), strict=True))
    frame.insert(0, "nhs_number", frame["zper"].map(number_of).astype("int64"))
    node = NodeData(tmp_path)
    node.allow(list(number_of.values()))
    contract = rand_contract(frame)
    one = load(node, frame.to_csv(index=False).encode(), contract, "rand.csv")
    other = load(node, frame.to_parquet(index=False), contract)
    columns = list(frame.columns.drop(["zper", "nhs_number"]))
    assert one.rows_kept == other.rows_kept == 20_190
    assert node.store.read(one.version, columns).equals(node.store.read(other.version, columns))
    assert one.reasons == other.reasons


def test_a_file_is_known_by_its_first_bytes_too(node):
    assert load(node, parquet(rows()), name="extract").rows_kept == 76


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("nhs_number", pa.array([int(n) for n in NUMBERS])),
        ("nhs_number", pa.array([float(n) for n in NUMBERS])),
        ("nhs_number", pa.array(NUMBERS, pa.large_string())),
        ("nhs_number", pa.array(NUMBERS).dictionary_encode()),
        ("year", pa.array([1] * 40, pa.int8())),
        ("year", pa.array([1] * 40, pa.uint64())),
        ("year", pa.array([1.0] * 40)),
        ("year", pa.array(["1"] * 40)),
        ("year", pa.array([decimal.Decimal("1.00")] * 40)),
        ("age", pa.array([50] * 40, pa.int16())),
        ("age", pa.array([50.0] * 40, pa.float32())),
        ("age", pa.array([decimal.Decimal("50.000")] * 40)),
        ("sex", pa.array([1] * 40)),
        ("sex", pa.array([1.0] * 40)),
        ("local_id", pa.array([None] * 40, pa.null())),
        ("local_id", pa.array([datetime.date(2026, 1, 1)] * 40)),
        ("local_id", pa.array([datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)] * 40)),
        ("local_id", pa.array([True] * 40)),
    ],
    ids=range(18),
)
def test_typed_columns_are_brought_to_the_same_texts(node, name, values):
    plain = {"nhs_number": NUMBERS, "local_id": ["L"] * 40, "year": ["1"] * 40, "age": ["50"] * 40}
    table = pa.table({**plain, "sex": ["1"] * 40, "ward": ["W"] * 40})
    one = load(node, parquet(table))
    other = load(node, parquet(table.set_column(table.schema.get_field_index(name), name, values)))
    assert other.findings == ()
    assert node.store.read(one.version, COLUMNS).equals(node.store.read(other.version, COLUMNS))


def test_null_and_nan_are_missing_whatever_text_means_that(node):
    table = rows().set_column(3, "age", pa.array([np.nan, None] * 40, pa.float64(), from_pandas=False))
    contract = CONTRACT.replace('missing = ["", "NA"]', 'missing = ["NA"]')
    for text in (CONTRACT, contract.replace("version = 1", "version = 2")):
        report = load(node, parquet(table), text)
        assert node.store.read(report.version, ["age"])["age"].null_count == report.rows_kept == 76


def test_rows_with_nothing_in_them_are_left_out(node):
    table = rows(2)
    empty = pa.table({name: pa.array([None], _type(name)) for name in table.column_names})
    report = load(node, parquet(pa.concat_tables([empty, table, empty])))
    assert (report.rows_read, report.findings) == (4, ())
    assert code_of(lambda: load(node, parquet(empty))) == (Invalid, "file-empty")
    assert code_of(lambda: load(node, parquet(table.slice(0, 0)))) == (Invalid, "file-empty")


# Files that are not what they should be


def with_column(name, values):
    table = rows(2)
    index = table.schema.get_field_index(name)
    return table.append_column(name, values) if index < 0 else table.set_column(index, name, values)


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (with_column("ward", pa.array([[PLANTED]] * 4)), "column-type-unread"),
        (with_column("ward", pa.array([{PLANTED: 1}] * 4)), "column-type-unread"),
        (with_column("ward", pa.array([PLANTED.encode()] * 4)), "column-type-unread"),
        (with_column("ward", pa.array([1] * 4, pa.time64("us"))), "column-type-unread"),
        (with_column("more", pa.array([PLANTED] * 4)), "column-undeclared"),
        (with_column(PLANTED, pa.array([PLANTED] * 4)), "column-undeclared"),
        (rows(2).drop_columns(["ward"]), "column-absent"),
        (rows(2).append_column("ward", pa.array(["a"] * 4)), "column-repeated"),
        (pa.table({PLANTED: [1]}), "header-absent"),
        (pa.table({}), "header-absent"),
    ],
    ids=range(10),
)
def test_wrong_columns_have_their_codes(node, table, code):
    before = node.state()
    assert code_of(lambda: load(node, parquet(table))) == (Invalid, code)
    assert node.state() == before


@pytest.mark.parametrize("plaintext_footer", [False, True])
def test_an_encrypted_file_has_its_code(node, plaintext_footer):
    class Kms(pe.KmsClient):
        def wrap_key(self, key_bytes, _):
            return key_bytes

        def unwrap_key(self, wrapped_key, _):
            return wrapped_key

    configuration = pe.EncryptionConfiguration(
        footer_key="f", column_keys={"f": ["ward", "nhs_number"]}, plaintext_footer=plaintext_footer
    )
    factory = pe.CryptoFactory(lambda _: Kms())
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), configuration)
    out = io.BytesIO()
    pq.write_table(rows(2), out, encryption_properties=properties)
    expected = "parquet-malformed" if plaintext_footer else "parquet-encrypted"
    assert code_of(lambda: load(node, out.getvalue())) == (Invalid, expected)


@pytest.mark.parametrize(
    "content",
    [
        b"PAR1",
        b"PAR1" * 4,
        b"PAR1" + bytes(100) + b"PAR1",
        b"nhs_number,year\n1,2\n",
        b"PAR1" + b"\xff" * 400 + b"PAR1",
    ],
    ids=range(5),
)
def test_a_file_that_is_no_parquet_has_its_code(node, content):
    assert code_of(lambda: load(node, content)) == (Invalid, "parquet-malformed")


def test_text_that_is_not_utf_8_is_found(node):
    content = parquet(with_column("ward", pa.array(["\u00e4"] * 4)), compression="none")
    spoilt = content.replace("\u00e4".encode(), b"\xff\xfe")
    assert spoilt != content
    assert code_of(lambda: load(node, spoilt)) == (Invalid, "parquet-malformed")


def outcome(act):
    """Return the code of what was wrong, if anything was; whatever it is, it shows no value."""
    try:
        act()
    except HedgerowError as error:
        said = str(error) + " ".join(error.faults)
        return "a value was shown" if PLANTED in said else error.code
    return ""


def test_a_damaged_file_has_a_code_and_never_crashes_nor_shows_a_value(node):
    """Every damage either is found or does not matter; what the reader says of it is never passed on."""
    table = with_column("ward", pa.array([PLANTED] * 4))
    content = parquet(table, compression="none", write_page_checksum=True)
    assert PLANTED.encode() in content  # the control
    rng, codes = np.random.default_rng(1), set()
    for _ in range(250):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(1, len(damaged))] + content[-8:]
        codes.add(outcome(lambda content=bytes(damaged): load(node, content)))
    assert "parquet-malformed" in codes
    assert "a value was shown" not in codes


def test_a_small_file_that_stands_for_a_large_table_is_refused_before_it_is_unpacked(node):
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, np.int32)), pa.array(["x" * 2**20]))
    numbers = pa.array(np.repeat(NUMBERS[0], 50_000))
    bomb = pa.table({"nhs_number": numbers, "ward": long})
    for name in ("local_id", "year", "age", "sex"):
        bomb = bomb.append_column(name, pa.array(np.ones(50_000, np.int64)))
    content = parquet(bomb, compression="zstd")
    assert len(content) < 2**20
    assert code_of(lambda: load(node, content)) == (Invalid, "parquet-too-large")


def test_a_text_of_somebody_who_opted_out_is_in_no_run_that_waits_in_a_file(node, monkeypatch):
    """A dictionary comes whole from the source, with the texts of rows that are gone."""
    table = rows()
    wards = [PLANTED if i >= len(table) - 4 else f"W{i}" for i in range(len(table))]  # of the two who opted out
    texts = pa.array(wards).dictionary_encode()
    ward = table.schema.get_field_index("ward")
    waiting = []
    add = Runs.add

    def seen(self, run):
        waiting.extend(run["ward"].combine_chunks().dictionary.to_pylist())
        add(self, run)

    monkeypatch.setattr(Runs, "add", seen)
    load(node, parquet(table.set_column(ward, "ward", texts)))
    assert PLANTED not in waiting
    assert set(waiting) == set(wards) - {PLANTED}  # a control: everybody else's are
