"""A log that is changed anywhere is found out, against a tree written down a second time from RFC 9162."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy import audit
from privacy.audit import verify_log
from privacy.errors import Tampered
from privacy.proofs import grown, leaf_hash, root_of
from tests.builders import NOW, books


def merkle_tree_hash(leaves):
    """Return MTH(D[n]) just as RFC 9162, section 2.1.1, defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + merkle_tree_hash(leaves[:k]) + merkle_tree_hash(leaves[k:])).digest()


@given(st.lists(st.binary(max_size=8), max_size=200))
def test_root_is_that_of_rfc_9162(leaves):
    frontier = []
    for size, leaf in enumerate(leaves):
        frontier = grown(frontier, size, leaf_hash(leaf))
    assert root_of(frontier) == merkle_tree_hash(leaves).hex()


def write(kept, count, *, checkpoint_after=()):
    for i in range(count):
        with kept.database.transaction() as connection:
            kept.audit.append(connection, "loaded", {"rows": i, "wort": "ärztlich"}, at=NOW)
            if i + 1 in checkpoint_after:
                kept.audit.checkpoint(connection)


@settings(deadline=None, max_examples=15)
@given(size=st.integers(1, 40))
def test_a_checkpoint_s_root_is_that_of_the_leaves_in_the_file(size, tmp_path_factory):
    kept = books(tmp_path_factory.mktemp("books"))
    write(kept, size, checkpoint_after=(size,))
    leaves = [row["content"] for row in kept.database.rows("SELECT content FROM audit_leaf ORDER BY position")]
    newest = kept.audit.verify()
    assert (newest.size, newest.root) == (size, merkle_tree_hash(leaves).hex())
    newest.verify(kept.public)


@pytest.fixture
def log(tmp_path):
    kept = books(tmp_path)
    write(kept, 13, checkpoint_after=(4, 8, 12))
    assert kept.audit.verify().size == 12
    return kept


def change(kept, *statements):
    with kept.database.transaction() as connection:
        for statement, values in statements:
            connection.execute(statement, values)


def found_out(kept):
    with pytest.raises(Tampered) as caught:
        kept.audit.verify()
    return caught.value.code


def leaf(kept, position):
    return kept.database.one("SELECT * FROM audit_leaf WHERE position = ?", [position])


@pytest.mark.parametrize("position", [0, 5, 11, 12])
def test_a_flipped_bit_of_a_leaf_is_found(log, position):
    content = leaf(log, position)["content"]
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        change(log, ("UPDATE audit_leaf SET content = ? WHERE position = ?", (bytes(changed), position)))
        assert found_out(log) == "audit-tampered"
    change(log, ("UPDATE audit_leaf SET content = ? WHERE position = ?", (content, position)))
    log.audit.verify()


@pytest.mark.parametrize("frontier", [b"", b"[]", b"{", b"[1]", b'["zz"]', b"\xff"])
def test_a_frontier_that_was_overwritten_is_found(log, frontier):
    change(log, ("UPDATE audit_leaf SET frontier = ? WHERE position = 6", (frontier,)))
    assert found_out(log) == "audit-tampered"


def test_a_dropped_leaf_is_found(log):
    change(log, ("DELETE FROM audit_leaf WHERE position = 3", ()))
    assert found_out(log) == "audit-tampered"


def test_two_swapped_leaves_are_found(log):
    first, second = leaf(log, 2)["content"], leaf(log, 9)["content"]
    update = "UPDATE audit_leaf SET content = ? WHERE position = ?"
    change(log, (update, (second, 2)), (update, (first, 9)))
    assert found_out(log) == "audit-tampered"


@pytest.mark.parametrize("left", [0, 5, 8, 11])
def test_a_truncated_log_is_found(log, left):
    change(log, ("DELETE FROM audit_leaf WHERE position >= ?", (left,)))
    assert found_out(log) == "audit-tampered"


def test_a_log_rewritten_with_a_matching_tree_is_found_by_its_checkpoints(log):
    rewrite(log)
    assert found_out(log) == "audit-tampered"


def test_control_a_whole_rewrite_passes_only_if_the_checkpoints_go_too(log):
    """What a key holder could do: so checkpoints are sent away, and whoever kept one sees another root."""
    kept_elsewhere = log.audit.verify()
    rewrite(log)
    change(log, ("DELETE FROM audit_checkpoint", ()))
    assert log.audit.verify() is None
    leaves = [row["content"] for row in log.database.rows("SELECT content FROM audit_leaf ORDER BY position")]
    assert merkle_tree_hash(leaves[: kept_elsewhere.size]).hex() != kept_elsewhere.root


def rewrite(log, *, sealed=True):
    """Change one event and rebuild every frontier and seal after it, as an insider with the node's key could."""
    leaves = [row["content"] for row in log.database.rows("SELECT content FROM audit_leaf ORDER BY position")]
    seals = [row["seal"] for row in log.database.rows("SELECT seal FROM audit_leaf ORDER BY position")]
    leaves[3] = leaves[3].replace(b'"rows":3', b'"rows":9')
    frontier, statements = [], []
    for position, content in enumerate(leaves):
        frontier = grown(frontier, position, leaf_hash(content))
        values = (
            content,
            json.dumps(frontier).encode(),
            log.audit._seal(position, content) if sealed else seals[position],
            position,
        )
        statements.append(("UPDATE audit_leaf SET content = ?, frontier = ?, seal = ? WHERE position = ?", values))
    change(log, *statements)


@pytest.mark.parametrize("column", ["root", "signature", "size"])
def test_an_edited_checkpoint_is_found(log, column):
    value = {"root": "0" * 64, "signature": "A" * 86 + "==", "size": 7}[column]
    change(log, (f"UPDATE audit_checkpoint SET {column} = ? WHERE size = 8", (value,)))
    assert found_out(log) in {"audit-tampered", "signature-wrong"}


def test_a_checkpoint_of_another_key_is_found(log, tmp_path):
    (tmp_path / "other").mkdir()
    other = books(tmp_path / "other")
    with other.database.transaction() as connection:
        foreign = other.audit.checkpoint(connection)
    with pytest.raises(Tampered):
        foreign.verify(log.public)


def test_equal_events_have_different_leaves_so_that_no_root_can_be_guessed(tmp_path):
    roots = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        kept = books(tmp_path / name)
        with kept.database.transaction() as connection:
            kept.audit.append(connection, "loaded", {"rows": 5}, at=NOW)
            roots.add(kept.audit.checkpoint(connection).root)
        salt = json.loads(leaf(kept, 0)["content"])["salt"]
        assert len(bytes.fromhex(salt)) == audit.SALT_BYTES
    assert len(roots) == 2


def test_a_leaf_commits_with_the_caller_s_change_or_not_at_all(log):
    before = log.audit.events()

    def fail_half_way():
        with log.database.transaction() as connection:
            log.audit.append(connection, "loaded", {}, at=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert log.audit.events() == before


def test_a_log_cut_short_with_its_own_checkpoints_shows_against_one_kept_elsewhere(log):
    """Whoever holds the disk can cut both; whoever kept a checkpoint can tell."""
    elsewhere = log.audit.verify()
    assert verify_log(log.database, log.public, elsewhere=[elsewhere]) == elsewhere
    with log.database.transaction() as connection:
        connection.execute("DELETE FROM audit_leaf WHERE position >= 4")
        connection.execute("DELETE FROM audit_checkpoint")
    log.audit.verify()  # the control: by itself, the log looks whole
    with pytest.raises(Tampered, match="missing"):
        verify_log(log.database, log.public, elsewhere=[elsewhere])


def test_without_the_nodes_key_no_leaf_can_be_added_or_changed(log):
    """Whoever can write to the disk can rebuild the tree, but not the seal; and there is no checkpoint yet to tell."""
    change(log, ("DELETE FROM audit_checkpoint", ()))
    log.audit.verify()
    rewrite(log, sealed=False)
    with pytest.raises(Tampered, match="not written here"):
        log.audit.verify()
    verify_log(log.database, log.public)  # the control: the tree itself adds up
