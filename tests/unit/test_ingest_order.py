"""However a load is cut into batches and sealed runs, the store holds the same rows in the same order."""

import pyarrow as pa
import pytest

from node.ingest.order import Runs, combined
from node.sources import delimited
from tests.nodes import HEADER, NodeData, nhs_numbers

NUMBERS = nhs_numbers(300)
ROWS = [f"{NUMBERS[i * 7 % 300]},L{i},{1 + i // 300},{20 + i % 60},{i % 2},W{i % 9}" for i in range(1200)]
EXTRACT = "\n".join([HEADER, *ROWS]) + "\n"


@pytest.fixture
def node(tmp_path):
    made = NodeData(tmp_path)
    made.allow(NUMBERS)
    return made


def loaded(node):
    report = node.load(EXTRACT)
    assert report.rows_kept == len(ROWS)
    assert not any("scratch" in path.name for path in (node.directory / "store").iterdir())
    return node.store.read_whole(report.version, "records").to_pylist()


@pytest.mark.parametrize("run_bytes", [1, 5_000, 40_000])
@pytest.mark.parametrize("block_bytes", [1 << 12, 1 << 24])
def test_a_load_that_spills_is_the_load_that_does_not(node, monkeypatch, run_bytes, block_bytes):
    whole = loaded(node)
    assert [row["person"] for row in whole] == sorted(row["person"] for row in whole)
    monkeypatch.setitem(Runs.__init__.__kwdefaults__, "run_bytes", run_bytes)
    monkeypatch.setattr(delimited, "BLOCK_BYTES", block_bytes)
    spilt = loaded(node)
    assert all(one == other for one, other in zip(whole, spilt, strict=True))


def test_a_text_of_each_row_is_not_carried_along_with_every_shard():
    """Slices of one run share its list of texts; together they hold their own rows' texts and no others, once."""
    texts = pa.array([f"record-{i}" for i in range(1000)]).dictionary_encode()
    run = pa.table({"record": texts, "sex": pa.array(["1", "2"] * 500).dictionary_encode()})
    whole = combined([run.slice(first, 10) for first in range(0, 500, 10)])
    assert whole.to_pylist() == run.slice(0, 500).to_pylist()
    assert len(whole["record"].chunk(0).dictionary) == 500
    assert len(whole["sex"].chunk(0).dictionary) == 2
    assert whole.schema == run.schema
