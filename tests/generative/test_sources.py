"""Whatever is written as CSV is read as the standard library reads it: the same cells, on the same lines."""

import csv
import io
import tempfile
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from node.sources import delimited, open_source
from tests.sources import KEY, contract_with

NAMES = ("nhs_number", "when", "note")
CELL = st.text(alphabet='ab1 ,;\t|"\n\u00e9\u20ac\U0001f600', max_size=6)
ROWS = st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=12)
SIGNS = st.sampled_from(sorted(delimited.DELIMITERS.values()))
ENDS = st.sampled_from(["\n", "\r\n"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


def oracle(text, sign):
    """Return the rows that have anything in them, each with its first line."""
    reader, found, line = csv.reader(io.StringIO(text, newline=""), delimiter=sign), [], 1
    for row in reader:
        if any(row):
            found.append((line, tuple(row)))
        line = reader.line_num + 1
    return found[1:]


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, sign=SIGNS, end=ENDS, encoding=ENCODINGS, quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_csv_is_read_as_the_standard_library_reads_it(rows, sign, end, encoding, quoting):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=sign, lineterminator=end, quoting=quoting).writerows([NAMES, *rows])
    expected = oracle(out.getvalue(), sign)
    if not expected:
        return
    with tempfile.TemporaryDirectory() as folder, patch.object(delimited, "BLOCK_BYTES", 128):
        file = Path(folder) / "rows.csv"
        file.write_bytes(out.getvalue().encode(encoding))
        with open_source(str(file), contract=contract_with(*NAMES), key=KEY) as source:
            found = [
                (line, tuple(row.values()))
                for batch in source.read()
                for line, row in zip(batch.numbers.tolist(), batch.cells.to_pylist(), strict=True)
            ]
    assert found == expected
