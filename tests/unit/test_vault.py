"""Each file has a key of its own; when the key goes, no copy of the file opens, and the key is nowhere to be found."""

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from node.vault import FIRST, Vault
from privacy.errors import HedgerowError, Tampered
from tests.nodes import NOW, NodeData
from tests.unit.test_store import save


@pytest.fixture
def node(tmp_path):
    return NodeData(tmp_path)


def code_of(act):
    with pytest.raises(HedgerowError) as caught:
        act()
    return type(caught.value), caught.value.code


def wrapped_keys(node):
    return {row["file"]: row["wrapped"] for row in node.database.rows("SELECT file, wrapped FROM file_key")}


def state_files(node):
    return b"".join(path.read_bytes() for path in node.directory.glob("state.db*"))


def test_each_file_has_its_own_key_and_the_keystore_alone_does_not_make_it(node):
    version = save(node)
    keys = wrapped_keys(node)
    assert set(keys) == {version.file, version.quarantine}
    assert len(set(keys.values())) == 2
    assert node.keystore.derive(FIRST, purpose=f"file/{version.file}") != node.store.files.vault.key(version.file)
    with node.database.transaction() as connection:
        Vault.destroy(connection, [version.file])
    assert code_of(lambda: node.store.read(version, [])) == (Tampered, "store-tampered")


def test_a_destroyed_key_is_overwritten_in_the_state_and_its_log(node):
    version = save(node)
    wrapped = wrapped_keys(node)[version.file]
    assert wrapped in state_files(node)  # the control: while it is kept, this search finds it
    with node.database.transaction() as connection:
        Vault.destroy(connection, [version.file])
    node.database.scrub()
    assert wrapped not in state_files(node)


def test_a_key_cannot_change_places_nor_be_changed(node):
    version = save(node)
    edit = "UPDATE file_key SET wrapped = (SELECT wrapped FROM file_key WHERE file = ?) WHERE file = ?"
    with node.database.transaction() as connection:
        connection.execute(edit, (version.quarantine, version.file))
    assert code_of(lambda: node.store.read(version, [])) == (Tampered, "store-tampered")


def test_new_keys_are_wrapped_by_the_newest_records_key_whoever_rotated(node):
    node.keystore.change(put_in={"store@10": b"b" * 32, "store@9": b"a" * 32})
    other = NodeData.__new__(NodeData)
    other.home, other.keystore = node.home, node.keystore
    other.open()
    save(other)
    assert {row["wrapped_by"] for row in node.database.rows("SELECT * FROM file_key")} == {"store@10"}


def test_files_of_version_0_1_are_adopted_and_read(node):
    """A node of the version before derived a file's key from its name; such a store opens as it is."""
    node.keystore.change(put_in={"optouts@1": b"o" * 32})
    version = save(node)
    names = {"visits.1.aa.records.parquet": FIRST, "optouts.bb.parquet": "optouts@1"}
    tables = [pa.table({"person": ["k1.a"], "held_back": [False]}), pa.table({"person": ["k1.a"]})]
    for (name, key_id), table in zip(names.items(), tables, strict=True):
        key = node.keystore.derive(key_id, purpose=f"file/{name}")
        properties = pe.create_encryption_properties(key, aad_prefix=name.encode(), store_aad_prefix=False)
        pq.write_table(table, node.directory / "store" / name, encryption_properties=properties)
    with node.database.transaction() as connection:
        connection.execute("UPDATE data_version SET file = ?", ["visits.1.aa.records.parquet"])
        connection.execute("DELETE FROM file_key WHERE file = ?", [version.file])
        listed = ("sha256:0", NOW.date().isoformat(), "optouts.bb.parquet")
        connection.execute("INSERT INTO optout_list VALUES (1, ?, ?, ?)", listed)
    node.open()
    assert node.store.read(node.store.latest("visits"), []).column("person").to_pylist() == ["k1.a"]
    assert node.store.files.vault.under(FIRST) == sorted([*names, version.quarantine])
    assert code_of(node.store.optouts) == (Tampered, "store-tampered")  # read, and not the list that the row names
