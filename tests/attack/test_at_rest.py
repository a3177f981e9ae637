"""Whoever steals the node's directory finds nobody in it: no byte of any file tells a number, an id or a rare code."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from node import files as node_files
from privacy.errors import Invalid
from tests.nodes import HEADER, NodeData, nhs_numbers

NUMBERS = nhs_numbers(40, first=123_456)
OPTED_OUT = nhs_numbers(3, first=654_321)
LOCAL_IDS = [f"MRN-{7_000_000 + i * 7919}" for i in range(40)]
RARE_CODE = "Q87.4-MARFAN"
RARE_AND_BAD = "E75.2-FABRY"


def extract(rows_of_nonsense=()):
    rows = [f"{n},{i},1,50.25,1,common" for n, i in zip(NUMBERS, LOCAL_IDS, strict=True)]
    rows[3] = f"{NUMBERS[3]},{LOCAL_IDS[3]},1,50.25,1,{RARE_CODE}"
    rows[4] = f"{NUMBERS[4]},{LOCAL_IDS[4]},1,50.25,9,{RARE_AND_BAD}"  # to quarantine
    wrong = NUMBERS[5][:-1] + str((int(NUMBERS[5][-1]) + 1) % 10)
    rows[5] = f"{wrong},{LOCAL_IDS[5]},1,50.25,1,common"  # to quarantine
    return "\n".join([HEADER, *rows, *(f"{n},left,1,50,1,out" for n in OPTED_OUT), *rows_of_nonsense]) + "\n"


def planted():
    wrong = NUMBERS[5][:-1]
    return [*NUMBERS[:5], *NUMBERS[6:], *OPTED_OUT, wrong, *LOCAL_IDS, RARE_CODE, RARE_AND_BAD]


def written_as(text: str) -> set[bytes]:
    """Return how a text may lie in a file: as it is, wide, reversed, spaced, or as a binary number."""
    forms = {text.encode(), text.encode("utf-16-le"), text[::-1].encode()}
    if text.isdigit():
        forms |= {f"{text[:3]} {text[3:6]} {text[6:]}".encode(), f"{text[:3]}-{text[3:6]}-{text[6:]}".encode()}
        forms |= {int(text).to_bytes(8, "little"), int(text).to_bytes(8, "big")}
    return forms


def found_in(directory: Path) -> set[str]:
    """Return every planted text that lies in any file below a directory, in any form."""
    files = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    assert files
    return {text for text in planted() if any(form in file for form in written_as(text) for file in files)}


@pytest.fixture
def node(tmp_path):
    data = NodeData(tmp_path)
    data.allow(NUMBERS)
    return data


def test_a_loaded_node_shows_nobody(node):
    report = node.load(extract())
    assert (report.rows_kept, report.rows_quarantined, report.people_left_out) == (38, 2, 3)
    assert found_in(node.directory) == set()


def test_nor_does_its_pseudonyms_file_show_pseudonyms(node):
    report = node.load(extract())
    people = node.store.read(report.version, [])["person"].to_pylist()
    files = [path.read_bytes() for path in node.directory.rglob("*") if path.is_file()]
    for person in people:
        bits = person.split(".")[1]
        assert not any(form in file for form in (bits.encode(), bytes.fromhex(bits)) for file in files)


def test_nor_what_a_refused_load_leaves(node):
    with pytest.raises(Invalid):
        node.load(extract(["1,2,3,4,5,6"] * 200))
    assert found_in(node.directory) == set()


def test_nor_what_a_crash_leaves_before_anything_is_cleaned_up(node, monkeypatch):
    """Copies the directory at every step of the load, unfinished files and write-ahead log included."""
    snapshots: list[Path] = []
    real = node_files.seal

    def seal(*arguments, **named):
        real(*arguments, **named)
        snapshots.append(node.home / f"snapshot{len(snapshots)}")
        shutil.copytree(node.directory, snapshots[-1])

    def crash(self, unfinished):
        snapshots.append(node.home / f"snapshot{len(snapshots)}")
        shutil.copytree(node.directory, snapshots[-1])
        return name(self, unfinished)

    name = Path.hardlink_to
    monkeypatch.setattr(Path, "hardlink_to", crash)
    monkeypatch.setattr(node_files, "seal", seal)
    node.load(extract())
    assert len(snapshots) == 4
    assert any(path.suffix == ".unfinished" for path in snapshots[0].rglob("*"))
    for snapshot in snapshots:
        assert found_in(snapshot) == set()


def test_the_opt_out_list_shows_nobody(node):
    assert found_in(node.directory / "store") == set()


def test_the_same_search_finds_all_of_it_when_nothing_is_encrypted(tmp_path):
    """The positive control: without it the tests above would prove nothing."""
    csv = tmp_path / "csv" / "plain.csv"
    csv.parent.mkdir()
    csv.write_text(extract())
    assert found_in(csv.parent) == set(planted())
    table = pa_csv.read_csv(csv, convert_options=pa_csv.ConvertOptions(column_types={"nhs_number": pa.string()}))
    parquet = tmp_path / "parquet" / "plain.parquet"
    parquet.parent.mkdir()
    pq.write_table(table, parquet, compression="none")
    assert found_in(parquet.parent) == set(planted())
    number = table.set_column(0, "nhs_number", table["nhs_number"].cast(pa.int64()))
    pq.write_table(number, parquet, compression="none")
    assert found_in(parquet.parent) >= {*NUMBERS[:5], *NUMBERS[6:]}


def test_the_same_search_finds_a_weak_store(node, monkeypatch):
    """A planted weakness: the store's own write path, with the encryption taken out."""

    def in_clear(tables, path, *_, **_named):
        pq.write_table(pa.concat_tables(tables), path, compression="none")

    monkeypatch.setattr(node_files, "seal", in_clear)
    node.load(extract())
    assert {RARE_CODE, RARE_AND_BAD} <= found_in(node.directory)
