"""Parquet comes typed, part after part and group after group; what is no table of records gets a code."""

import datetime
import decimal
import io
import os
import resource

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from node.sources import columnar, open_source
from privacy.errors import HedgerowError
from tests.sources import KEY, PLANTED, code_of, contract_with, rows_of

CONTRACT = contract_with("nhs_number", "when", "note")
DAY = datetime.date(2026, 1, 1)


def table(n=20, first=0):
    return pa.table(
        {
            "nhs_number": [f"{9990000000 + i}" for i in range(first, first + n)],
            "when": pa.array([DAY + datetime.timedelta(i) for i in range(n)]),
            "note": [None if i % 3 else "seen" for i in range(n)],
        }
    )


def opened(path, rows, **options):
    pq.write_table(rows, path, **options)
    return open_source(str(path), contract=CONTRACT, key=KEY)


def read(source):
    with source:
        return rows_of(source)


@pytest.mark.parametrize(
    "options", [{}, {"row_group_size": 3}, {"use_dictionary": False}, {"data_page_version": "2.0"}]
)
def test_cells_keep_their_types(tmp_path, options):
    rows, numbers = read(opened(tmp_path / "a.parquet", table(), **options))
    assert rows == [tuple(row.values()) for row in table().to_pylist()]
    assert numbers == list(range(1, 21))


def test_a_directory_or_a_pattern_is_its_parts_in_order_of_their_names(tmp_path):
    for name, first in (("part-2.parquet", 20), ("part-1.parquet", 0)):
        pq.write_table(table(first=first), tmp_path / name)
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".hidden.parquet").touch()
    for location in (tmp_path, tmp_path / "part-*.parquet"):
        rows, numbers = read(open_source(str(location), contract=CONTRACT, key=KEY))
        assert [row[0] for row in rows] == [f"{9990000000 + i}" for i in range(40)]
        assert numbers == list(range(1, 41))
    pq.write_table(table().set_column(1, "when", pa.array([PLANTED] * 20)), tmp_path / "part-3.parquet")
    assert code_of(lambda: open_source(str(tmp_path), contract=CONTRACT, key=KEY)) == ("parts-differ", "part-3.parquet")
    (tmp_path / "empty").mkdir()
    assert code_of(lambda: open_source(str(tmp_path / "empty"), contract=CONTRACT, key=KEY))[0] == "file-unreadable"


def test_a_table_may_have_more_parts_than_a_process_may_open_files(tmp_path):
    for part in range(200):
        pq.write_table(table(2), tmp_path / f"part-{part:03d}.parquet")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    try:
        rows, _ = read(open_source(str(tmp_path), contract=CONTRACT, key=KEY))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(rows) == 400


def test_columns_of_a_part_may_stand_in_another_order(tmp_path):
    pq.write_table(table(), tmp_path / "part-1.parquet")
    pq.write_table(table().select(["note", "when", "nhs_number"]), tmp_path / "part-2.parquet")
    rows, _ = read(open_source(str(tmp_path), contract=CONTRACT, key=KEY))
    assert rows == [tuple(row.values()) for row in table().to_pylist()] * 2


def test_texts_that_repeat_stay_dictionaries_and_others_do_not(tmp_path):
    rows = table(5_000)
    with opened(tmp_path / "a.parquet", rows) as source:
        (batch,) = source.read()
    kinds = {field.name: field.type for field in batch.cells.schema}
    assert kinds == {
        "nhs_number": pa.string(),
        "when": pa.date32(),
        "note": pa.dictionary(pa.int32(), pa.string()),
    }


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array(["x"] * 20, pa.large_string()), pa.string()),
        (pa.array(["x"] * 20).dictionary_encode(), pa.string()),
        (pa.array([None] * 20, pa.null()), pa.string()),
        (pa.array(np.ones(20, np.float16)), pa.float32()),
        (pa.array([decimal.Decimal("1.50")] * 20), pa.decimal128(3, 2)),
        (pa.array([True] * 20), pa.bool_()),
        (pa.array([datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)] * 20), pa.timestamp("us", "UTC")),
    ],
    ids=range(7),
)
def test_the_types_that_others_meet_are_few(tmp_path, values, kind):
    with opened(tmp_path / "a.parquet", table().set_column(2, "note", values)) as source:
        (batch,) = source.read()
    found = batch.cells.schema.field("note").type
    assert (found.value_type if pa.types.is_dictionary(found) else found) == kind


def test_rows_with_nothing_in_them_are_left_out(tmp_path):
    empty = pa.table(
        {n: pa.array([None] * 2, t) for n, t in zip(table().column_names, table().schema.types, strict=True)}
    )
    rows, numbers = read(opened(tmp_path / "a.parquet", pa.concat_tables([empty, table(2), empty])))
    assert (len(rows), numbers) == (2, [3, 4])
    assert code_of(lambda: read(opened(tmp_path / "b.parquet", empty)))[0] == "file-empty"
    assert code_of(lambda: read(opened(tmp_path / "c.parquet", table(0))))[0] == "file-empty"


def test_batches_are_bounded_in_rows_and_bytes(tmp_path, monkeypatch):
    n = columnar.BATCH_ROWS + 10
    long = pa.table({"nhs_number": np.arange(n), "when": np.arange(n), "note": np.arange(n)})
    with opened(tmp_path / "a.parquet", long) as source:
        assert [len(rows.numbers) for rows in source.read()] == [columnar.BATCH_ROWS, 10]
    monkeypatch.setattr(columnar, "BATCH_BYTES", 1 << 20)
    wide = table(400).set_column(2, "note", pa.array([os.urandom(1 << 13).hex() for _ in range(400)]))
    with opened(tmp_path / "b.parquet", wide, use_dictionary=False) as source:
        sizes = [rows.cells.nbytes for rows in source.read()]
    assert len(sizes) > 3
    assert max(sizes) < 2 * columnar.BATCH_BYTES


def test_a_small_file_that_stands_for_a_large_table_is_refused_before_it_is_unpacked(tmp_path):
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, np.int32)), pa.array([PLANTED * 2**16]))
    numbers = pa.array(np.arange(50_000))
    bomb = pa.table({"nhs_number": numbers, "when": numbers, "note": long})
    assert code_of(lambda: read(opened(tmp_path / "a.parquet", bomb, compression="zstd")))[0] == "parquet-too-large"
    assert (tmp_path / "a.parquet").stat().st_size < 2**20


def test_what_a_file_says_of_itself_is_enough_to_refuse_it(tmp_path, monkeypatch):
    monkeypatch.setattr(columnar, "LARGEST_BYTES", -2_000_000)
    assert code_of(lambda: opened(tmp_path / "a.parquet", table()))[0] == "parquet-too-large"


def test_a_damaged_file_has_a_code_and_never_crashes_nor_shows_a_value(tmp_path):
    """Every damage either is found or does not matter; what the reader says of it is never passed on."""
    out = io.BytesIO()
    rows = table().set_column(2, "note", pa.array([PLANTED] * 20))
    pq.write_table(rows, out, compression="none", write_page_checksum=True)
    content = out.getvalue()
    assert PLANTED.encode() in content  # the control
    rng, errors = np.random.default_rng(1), []
    file = tmp_path / "a.parquet"
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(1, len(damaged))] + content[-8:]
        file.write_bytes(bytes(damaged))
        try:
            read(open_source(str(file), contract=CONTRACT, key=KEY))
        except HedgerowError as error:
            errors.append(error)
    assert "parquet-malformed" in {error.code for error in errors}
    assert PLANTED not in " ".join(error.explain() + str(error) for error in errors)


@pytest.mark.parametrize(
    "content", [b"PAR1", b"PAR1" * 4, b"PAR1" + bytes(100) + b"PAR1", b"", b"nhs_number,when\n1,2\n"]
)
def test_a_file_that_is_no_parquet_has_its_code(tmp_path, content):
    file = tmp_path / "a.parquet"
    file.write_bytes(content)
    assert code_of(lambda: open_source(str(file), contract=CONTRACT, key=KEY))[0] in ("parquet-malformed", "file-empty")


@pytest.mark.parametrize(
    "values",
    [[[PLANTED]] * 20, [{PLANTED: 1}] * 20, [PLANTED.encode()] * 20, pa.array([1] * 20, pa.time64("us"))],
    ids=range(4),
)
def test_columns_without_a_text_are_named(tmp_path, values):
    rows = table().set_column(2, "note", pa.array(values))
    code, where = code_of(lambda: opened(tmp_path / "a.parquet", rows))
    assert (code, where[:4]) == ("column-type-unread", "note")
