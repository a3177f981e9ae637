"""Proofs hold for every leaf and every pair of sizes, against RFC 9162 written down a second time; and no others do."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.errors import Tampered
from privacy.proofs import (
    EMPTY,
    LONGEST_PATH,
    check_consistency,
    check_inclusion,
    consistency_path,
    inclusion_path,
    leaf_hash,
)
from tests.builders import NOW, books


def k_below(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(leaves):
    """Return MTH(D[n]) just as section 2.1.1 defines it."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").hexdigest()
    k = k_below(len(leaves))
    return hashlib.sha256(b"\x01" + bytes.fromhex(mth(leaves[:k])) + bytes.fromhex(mth(leaves[k:]))).hexdigest()


def path(m, leaves):
    """Return PATH(m, D[n]) just as section 2.1.3.1 defines it."""
    if len(leaves) == 1:
        return ()
    k = k_below(len(leaves))
    return (*path(m, leaves[:k]), mth(leaves[k:])) if m < k else (*path(m - k, leaves[k:]), mth(leaves[:k]))


def subproof(m, leaves, whole):
    """Return SUBPROOF(m, D[n], b) just as section 2.1.4.1 defines it."""
    if m == len(leaves):
        return () if whole else (mth(leaves),)
    k = k_below(len(leaves))
    if m <= k:
        return (*subproof(m, leaves[:k], whole), mth(leaves[k:]))
    return (*subproof(m - k, leaves[k:], False), mth(leaves[:k]))


def leaves_of(size):
    return [b"%d" % i for i in range(size)]


def tree(leaves):
    return lambda start, end: mth(leaves[start:end])


@pytest.mark.parametrize("size", [*range(1, 20), 31, 32, 33])
def test_every_leaf_of_every_small_tree_is_proven_and_as_the_standard_has_it(size):
    leaves = leaves_of(size)
    for position in range(size):
        proof = inclusion_path(tree(leaves), position, size)
        assert proof == path(position, leaves)
        check_inclusion(leaf=leaf_hash(leaves[position]), position=position, size=size, path=proof, root=mth(leaves))


@pytest.mark.parametrize("size", [*range(1, 20), 31, 32, 33])
def test_every_smaller_tree_is_proven_to_be_the_beginning(size):
    leaves = leaves_of(size)
    for old in range(size + 1):
        proof = consistency_path(tree(leaves), old, size)
        assert proof == (subproof(old, leaves, True) if 0 < old < size else ())
        check_consistency(old=old, old_root=mth(leaves[:old]), new=size, new_root=mth(leaves), path=proof)


def wrong(check, **said):
    with pytest.raises(Tampered) as caught:
        check(**said)
    assert caught.value.code == "proof-wrong"


@settings(deadline=None)
@given(st.data())
def test_no_other_leaf_place_size_root_or_path_is_taken_for_proven(data):
    size = data.draw(st.integers(1, 70))
    leaves = leaves_of(size)
    position = data.draw(st.integers(0, size - 1))
    proof = inclusion_path(tree(leaves), position, size)
    good = {"leaf": leaf_hash(leaves[position]), "position": position, "size": size, "path": proof, "root": mth(leaves)}
    check_inclusion(**good)
    for change in (
        {"leaf": leaf_hash(b"another")},
        {"root": "0" * 64},
        {"position": size},
        {"position": -1},
        {"path": (*proof, "0" * 64)},
        *([{"path": proof[:-1]}, {"path": ("0" * 64, *proof[1:])}] if proof else []),
        *([{"position": data.draw(st.integers(0, size - 1).filter(lambda p: p != position))}] if size > 1 else []),
    ):
        wrong(check_inclusion, **good | change)


@settings(deadline=None)
@given(st.data())
def test_a_history_that_changed_before_the_old_size_is_never_proven(data):
    size = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, size - 1))
    leaves = leaves_of(size)
    changed = list(leaves)
    changed[data.draw(st.integers(0, old - 1))] = b"another"
    honest = {"old": old, "old_root": mth(leaves[:old]), "new": size, "new_root": mth(leaves)}
    forked = honest | {"new_root": mth(changed)}
    wrong(check_consistency, **forked, path=consistency_path(tree(changed), old, size))
    wrong(check_consistency, **forked, path=consistency_path(tree(leaves), old, size))
    proof = consistency_path(tree(leaves), old, size)
    check_consistency(**honest, path=proof)  # the control
    for path in (proof[:-1], (*proof, "0" * 64), ("0" * 64, *proof[1:]), ()):
        wrong(check_consistency, **honest, path=path)


def test_a_log_continues_the_empty_one_and_itself_without_a_proof():
    root = mth(leaves_of(5))
    check_consistency(old=0, old_root=EMPTY, new=5, new_root=root, path=())
    check_consistency(old=5, old_root=root, new=5, new_root=root, path=())
    wrong(check_consistency, old=0, old_root=root, new=5, new_root=root, path=())
    wrong(check_consistency, old=5, old_root="0" * 64, new=5, new_root=root, path=())
    wrong(check_consistency, old=6, old_root=root, new=5, new_root=root, path=())
    wrong(check_consistency, old=0, old_root=EMPTY, new=5, new_root=root, path=(root,))


def test_a_path_is_bounded_and_made_of_hashes():
    root = mth(leaves_of(5))
    for path in ((root,) * (LONGEST_PATH + 1), ("ab",)):
        wrong(check_inclusion, leaf=root, position=0, size=2**63, path=path, root=root)


@settings(deadline=None, max_examples=20)
@given(size=st.integers(1, 90))
def test_the_log_proves_from_what_it_keeps_beside_each_leaf(size, tmp_path_factory):
    kept = books(tmp_path_factory.mktemp("books"))
    with kept.database.transaction() as connection:
        for i in range(size):
            kept.audit.append(connection, "loaded", {"rows": i}, at=NOW)
    leaves = [row["content"] for row in kept.database.rows("SELECT content FROM audit_leaf ORDER BY position")]
    for earlier in range(1, size + 1):
        assert kept.audit.root_at(earlier) == mth(leaves[:earlier])
        assert kept.audit.continues(earlier, size) == consistency_path(tree(leaves), earlier, size)
        assert kept.audit.includes(earlier - 1, size) == path(earlier - 1, leaves)
