"""The benchmarks' people and events are the same for the same seed, valid, and nobody's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from deploy.bench.events import EVENTS_CONTRACT, PEOPLE_CONTRACT, allowed, events, numbers_for_tests, people
from privacy.identifiers import check_nhs_numbers
from tests.nodes import NodeData


def test_same_seed_gives_same_rows_and_parts_hold_all_events(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        people(tmp_path / f"{name}.parquet", 500)
        events(tmp_path / name, 500, 3000, 2)
    assert pq.read_table(tmp_path / "one.parquet").equals(pq.read_table(tmp_path / "two.parquet"))
    parts = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert parts == ["part-000.parquet", "part-001.parquet"]
    for part in parts:
        assert pq.read_table(tmp_path / "one" / part).equals(pq.read_table(tmp_path / "two" / part))
    table = ds.dataset(tmp_path / "one").to_table()
    assert table.num_rows == 3000
    known = pq.read_table(tmp_path / "one.parquet")["nhs_number"]
    assert pc.all(pc.is_in(table["nhs_number"], known)).as_py()
    assert not np.all(np.diff(table["nhs_number"].to_numpy().astype(np.int64)) >= 0)


def test_every_number_is_a_valid_test_number_and_most_are_allowed(tmp_path: Path) -> None:
    numbers = numbers_for_tests(3000, seed=1).to_pylist()
    assert len(set(numbers)) == 3000
    assert {number[:3] for number in numbers} == {"999"}
    assert check_nhs_numbers(numbers, allow_test_numbers=True).ok.all()
    allowed(tmp_path / "allowed.csv", 3000)
    kept = (tmp_path / "allowed.csv").read_text().replace('"', "").split()
    assert kept[0] == "nhs_number"
    assert 2800 < len(kept) - 1 < 3000
    assert set(kept[1:]) < set(numbers)


def test_the_contracts_are_sound_and_the_data_load_by_them(tmp_path: Path) -> None:
    numbers = numbers_for_tests(300, seed=1).to_pylist()
    node = NodeData(tmp_path)
    node.allow(numbers)
    people(tmp_path / "people.parquet", 300)
    (tmp_path / "events").mkdir()
    events(tmp_path / "events", 300, 2000, 2)
    for contract, source, rows in ((PEOPLE_CONTRACT, "people.parquet", 300), (EVENTS_CONTRACT, "events", 2000)):
        report = node.load_from(tmp_path / source, contract.read_text())
        assert report.rows_kept + report.rows_quarantined == rows
        assert report.rows_quarantined < rows // 100
