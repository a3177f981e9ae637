"""The benchmarks' people and events are made once, lie in the order of days, and load by their contracts."""

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from deploy.bench import made_up
from deploy.bench.made_up import EVENTS_A_PERSON, EVENTS_CONTRACT, PEOPLE_CONTRACT, bench_data
from tests.nodes import NodeData


def test_the_data_are_made_once_and_load_by_their_contracts(tmp_path, monkeypatch):
    monkeypatch.setattr(made_up, "HOME", tmp_path / "made")
    data = bench_data(400)
    before = [(path, path.stat().st_mtime_ns) for path in sorted(data.home.rglob("*"))]
    assert bench_data(400) == data
    assert [(path, path.stat().st_mtime_ns) for path in sorted(data.home.rglob("*"))] == before
    days = pq.read_table(next(data.events.glob("*.parquet")), columns=["date"])["date"].cast("int32")
    assert pc.all(pc.less_equal(days[:-1], days[1:])).as_py()
    assert 0.7 * EVENTS_A_PERSON < data.count() / 400 < 1.4 * EVENTS_A_PERSON
    node = NodeData(tmp_path)
    numbers = ds.dataset(data.people).to_table()["nhs_number"].to_pylist()
    node.allow(numbers)
    for contract, source, rows in ((PEOPLE_CONTRACT, data.people, 400), (EVENTS_CONTRACT, data.events, data.count())):
        report = node.load_from(source, contract.read_text())
        assert report.rows_kept == rows
        assert report.rows_quarantined == 0
