"""One table leads to another by ids, close together or far apart, and never to what two rows say differently."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.sources.canonical import Lookup, as_ids, as_text

IDS = st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=40)
TEXTS = st.sampled_from([None, "a", "b"])


@pytest.mark.parametrize("apart", [1, 10**9])
@given(data=st.data(), ids=IDS, wanted=IDS)
def test_it_finds_what_a_loop_finds(apart, data, ids, wanted):
    texts = [data.draw(TEXTS) for _ in ids]
    said = {}
    for id_, text in zip(ids, texts, strict=True):
        said.setdefault(id_, []).append(text)
    plain = {id_: found[0] for id_, found in said.items() if id_ is not None and len(set(found)) == 1}
    scaled = lambda many: pa.array([None if i is None else i * apart for i in many], pa.int64())  # noqa: E731
    lookup = Lookup(scaled(ids), text=pa.array(texts, pa.string()))
    assert lookup.find(scaled(wanted), "text").to_pylist() == [plain.get(i) for i in wanted]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["1", " 2 ", "", None, "x", "1.5", "-3", "9" * 19]),
        pa.array(["1", " 2 ", "", None, "x", "1.5", "-3", "9" * 19]).dictionary_encode(),
        pa.array([1, 2, None, None, None, None, -3, None], pa.int16()),
        pa.array([1.0, 2.0, np.nan, None, np.inf, None, -3.0, None], from_pandas=False),
    ],
    ids=range(4),
)
def test_an_id_is_a_whole_number_or_nothing(column):
    assert as_ids(column, 8).to_pylist() == [1, 2] + [None] * 6
    assert as_ids(None, 8).null_count == 8


def test_numbers_are_texts_as_people_write_them():
    assert as_text(pa.array([1.5, 2.0, None]), 3).to_pylist() == ["1.5", "2", None]
    assert as_text(pa.array([1e300, float("inf")]), 2).to_pylist() == ["1e+300", None]
