"""A load is in the store whole or not at all, encrypted, and found out when anybody touches it."""

import fcntl
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from node import files as node_files
from privacy.errors import HedgerowError, Invalid, Refusal, Tampered, Unreachable
from tests.nodes import CONTRACT, NOW, NodeData

RECORDS = pa.table(
    {
        "person": ["k1.b", "k1.a", "k1.b", "k1.a"],
        "held_back": [True, False, True, False],
        "year": [2, 1, 1, 2],
        "age": [51.0, 30.0, 50.0, None],
        "sex": pa.array(["1", "0", "1", "0"]).dictionary_encode(),
        "ward": pa.array(["Z99", None, "A", "A"]).dictionary_encode(),
    }
)
QUARANTINE = pa.table({"line": [7], "reasons": ["value-missing in age"], "person": ["k1.c"], "ward": ["Z98"]})


@pytest.fixture
def node(tmp_path):
    return NodeData(tmp_path)


def save(node, contract=CONTRACT, *, records=RECORDS, quarantine=QUARANTINE, source_sha256="hmac-sha256:00"):
    with node.store.loading(node.contract(contract)) as loading:
        return loading.commit(
            records=[records.sort_by([("person", "ascending"), ("year", "ascending")])],
            quarantine=[quarantine],
            source_sha256=source_sha256,
            optouts_version="sha256:11",
            now=NOW,
        )


def files(node):
    return sorted(p.name for p in (node.directory / "store").iterdir())


def code_of(act):
    with pytest.raises(HedgerowError) as caught:
        act()
    return type(caught.value), caught.value.code


def test_what_was_saved_is_read_with_each_person_together(node):
    version = save(node)
    table = node.store.read(version, ["year", "age", "sex"])
    assert table.column_names == ["person", "held_back", "year", "age", "sex"]
    assert table["person"].to_pylist() == ["k1.a", "k1.a", "k1.b", "k1.b"]
    assert table["year"].to_pylist() == [1, 2, 1, 2]
    assert table["age"].to_pylist() == [30.0, None, 50.0, 51.0]
    assert table["held_back"].to_pylist() == [False, False, True, True]
    assert pa.types.is_dictionary(table["sex"].type)
    assert node.store.read(version, []).column_names == ["person", "held_back"]
    assert node.store.read(version, ["person", "year", "year"]).column_names == ["person", "held_back", "year"]


def test_versions_count_up_and_old_ones_stay_readable(node):
    first, second = save(node), save(node, records=RECORDS.slice(0, 1))
    assert [v.version for v in node.store.versions("visits")] == [1, 2]
    assert node.store.latest("visits") == second
    assert node.store.read(first, []).num_rows == 4
    assert node.store.read(second, []).num_rows == 1


def test_a_version_tells_where_it_came_from(node):
    version = save(node)
    node.open()
    again = node.store.latest("visits")
    assert again == version
    assert again.contract.hash == node.contract().hash
    assert (again.loaded_at, again.source_sha256) == ("2027-03-01T12:00:00+00:00", "hmac-sha256:00")


def test_the_quarantine_is_read_back(node):
    assert node.store.read_quarantine(save(node)).equals(QUARANTINE)


def test_the_leaf_of_a_load_holds_no_count(node):
    save(node)
    (leaf,) = node.audit.events()
    assert leaf["event"] == "data-loaded"
    assert leaf["facts"] == {
        "data_set": "visits",
        "version": 1,
        "contract": node.contract().hash,
        "source": "hmac-sha256:00",
        "optouts": "sha256:11",
    }


def test_unknown_names_have_codes(node):
    version = save(node)
    assert code_of(lambda: node.store.latest("nothing")) == (Refusal, "data-set-unknown")
    assert node.store.versions("nothing") == []
    assert code_of(lambda: node.store.read(version, ["nothing"])) == (Invalid, "variable-unknown")


def test_a_changed_contract_needs_a_new_version(node):
    save(node)
    changed = CONTRACT.replace("high = 120", "high = 121")
    assert code_of(lambda: save(node, changed)) == (Invalid, "contract-changed")
    assert save(node, changed.replace("version = 1", "version = 2")).version == 2


def test_files_are_for_the_owner_only(node):
    save(node)
    directory = node.directory / "store"
    assert oct(directory.stat().st_mode & 0o777) == "0o700"
    assert {oct(p.stat().st_mode & 0o777) for p in directory.glob("*.parquet")} == {"0o600"}


def test_no_file_opens_without_the_keystore(node, tmp_path):
    version = save(node)
    for name in (version.file, version.quarantine):
        with pytest.raises(OSError, match="encrypted"):
            pq.read_table(node.directory / "store" / name)
    other = NodeData(tmp_path / "other")
    theirs = save(other)
    shutil.copy(node.directory / "store" / version.file, other.directory / "store" / theirs.file)
    assert code_of(lambda: other.store.read(theirs, [])) == (Tampered, "store-tampered")


def test_one_file_cannot_pass_for_another(node):
    first, second = save(node), save(node, records=RECORDS.slice(0, 1))
    directory = node.directory / "store"
    shutil.copy(directory / first.file, directory / second.file)
    assert code_of(lambda: node.store.read(second, [])) == (Tampered, "store-tampered")


def test_a_changed_or_missing_file_is_found(node):
    version = save(node)
    path = node.directory / "store" / version.file
    content = bytearray(path.read_bytes())
    for place in np.linspace(4, len(content) - 1, 60).astype(int):
        changed = content.copy()
        changed[place] ^= 0x10
        path.write_bytes(changed)
        assert code_of(lambda: node.store.read(version, node_columns())) == (Tampered, "store-tampered"), place
    path.write_bytes(content[:-20])
    assert code_of(lambda: node.store.read(version, [])) == (Tampered, "store-tampered")
    path.unlink()
    assert code_of(lambda: node.store.read(version, [])) == (Tampered, "store-tampered")


def node_columns():
    return ["year", "age", "sex", "ward"]


class PowerCutError(Exception):
    pass


@pytest.mark.parametrize("place", ["first file", "second file", "manifest", "audit"])
def test_a_fault_anywhere_leaves_nothing(node, monkeypatch, place):
    save(node)
    before = node.state()
    fail_at(monkeypatch, node, place)
    with pytest.raises(PowerCutError):
        save(node)
    monkeypatch.undo()
    assert node.state() == before
    assert save(node).version == 2


def fail_at(monkeypatch, node, place):
    real, calls = node_files.seal, []

    def seal(*arguments, **named):
        calls.append(arguments)
        if len(calls) == (1 if place == "first file" else 2):
            raise PowerCutError
        real(*arguments, **named)

    def fail(*_arguments, **_named):
        raise PowerCutError

    if place.endswith("file"):
        monkeypatch.setattr(node_files, "seal", seal)
    elif place == "manifest":
        monkeypatch.setattr(node.database, "transaction", fail)
    else:
        monkeypatch.setattr(node.audit, "append", fail)


def test_what_a_crash_left_is_removed_at_the_next_start(node, monkeypatch):
    save(node)
    before = node.state()
    monkeypatch.setattr(node.database, "transaction", fail_now)
    monkeypatch.setattr(node.store.files, "unlink_unrecorded", lambda: None)  # a crash cleans nothing up
    with pytest.raises(PowerCutError):
        save(node)
    (node.directory / "store" / "visits.2.x.records.parquet.unfinished").write_bytes(b"PARE")
    monkeypatch.undo()
    assert len(files(node)) == len(before[0]) + 3
    node.open()
    assert node.state() == before


def fail_now():
    raise PowerCutError


def test_a_full_disk_has_its_code_and_leaves_nothing(node, monkeypatch):
    before = node.state()

    def full(*_arguments, **_named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    assert code_of(lambda: save(node)) == (Unreachable, "store-unwritable")
    assert node.state() == before


def test_two_loads_at_once_do_not_disturb_each_other(node):
    save(node)
    half_done = node.directory / "store" / "visits.2.x.records.parquet"
    with (node.directory / "store" / node_files.LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        half_done.write_bytes(b"the other process is at work")
        assert code_of(lambda: save(node)) == (Unreachable, "store-busy")
        node.open()
        assert half_done.exists()
    node.open()
    assert not half_done.exists()
