"""What a record says is neither carried out by a spreadsheet nor changed on its way back from one."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.formulas import guarded, unguarded

SIGNS = ("=", "+", "-", "@", "\t", "\r")


@pytest.mark.parametrize("text", ['=HYPERLINK("https://x.example")', "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "'=1"])
def test_a_formula_becomes_a_text(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-5", "+0.5", "ward 3", "O'Neill", "'tis"])
def test_a_plain_text_or_number_stays(text):
    assert guarded(text) == text


@given(st.text(alphabet="'=+-@\t\rA1. ", max_size=6))
def test_every_text_comes_back(text):
    written = guarded(text)
    assert unguarded(pa.array([written], pa.string())).to_pylist() == [text]
    assert written == text or not written.startswith(SIGNS)
