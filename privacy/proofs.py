"""Proofs about a Merkle tree as RFC 9162 has it: that a leaf is in it, and that a larger tree continues a smaller."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from privacy.errors import Tampered

EMPTY = hashlib.sha256(b"").hexdigest()  # the root of no leaves (RFC 9162, section 2.1.1)
LONGEST_PATH = 64  # hashes: a tree of 2^63 leaves

Path = tuple[str, ...]  # hashes as 64 hexadecimal digits, from the leaves up
Subtree = Callable[[int, int], str]  # the root over leaves [start, end), of a power of two, start a multiple of it


def leaf_hash(content: bytes) -> str:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + content).hexdigest()


def node_hash(left: str, right: str) -> str:
    """Return the hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()


def grown(frontier: Sequence[str], size: int, leaf: str) -> list[str]:
    """Add a leaf to the roots of the full subtrees, largest first: as many merge as ``size`` ends in ones."""
    roots = [*frontier, leaf]
    while size & 1:
        right, left = roots.pop(), roots.pop()
        roots.append(node_hash(left, right))
        size >>= 1
    return roots


def root_of(frontier: Sequence[str]) -> str:
    """Return the root of a tree, given the roots of its full subtrees, largest first."""
    if not frontier:
        return EMPTY
    root = frontier[-1]
    for subtree in reversed(frontier[:-1]):
        root = node_hash(subtree, root)
    return root


def inclusion_path(subtree: Subtree, position: int, size: int) -> Path:
    """Return the proof that the leaf at ``position`` is in the tree of ``size`` leaves (section 2.1.3.1)."""

    def path(start: int, end: int) -> Iterator[str]:
        if end - start > 1:
            middle = start + _split(end - start)
            if position < middle:
                yield from path(start, middle)
                yield _root(subtree, middle, end)
            else:
                yield from path(middle, end)
                yield _root(subtree, start, middle)

    return tuple(path(0, size))


def consistency_path(subtree: Subtree, old: int, new: int) -> Path:
    """Return the proof that the tree of ``new`` leaves begins with that of ``old`` (section 2.1.4.1)."""

    def path(start: int, end: int, *, whole: bool) -> Iterator[str]:
        if end == old:
            if not whole:
                yield _root(subtree, start, end)
            return
        middle = start + _split(end - start)
        if old <= middle:
            yield from path(start, middle, whole=whole)
            yield _root(subtree, middle, end)
        else:
            yield from path(middle, end, whole=False)
            yield _root(subtree, start, middle)

    return tuple(path(0, new, whole=True)) if 0 < old < new else ()


def check_inclusion(*, leaf: str, position: int, size: int, path: Path, root: str) -> None:
    """Return if ``path`` proves that ``leaf`` (a hash) is at ``position`` (section 2.1.3.2); else ``proof-wrong``."""
    node, last, found = position, size - 1, leaf
    _require(0 <= position < size)
    for sibling in _hashes(path):
        _require(last > 0)
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    _require(last == 0 and found == root)


def check_consistency(*, old: int, old_root: str, new: int, new_root: str, path: Path) -> None:
    """Return if ``path`` proves that the new tree begins with the old (section 2.1.4.2); else ``proof-wrong``.

    Every tree begins with that of no leaves, and with itself: there the path is empty.
    """
    _require(0 <= old <= new)
    if old in (0, new):
        _require(not path and old_root == (EMPTY if old == 0 else new_root))
        return
    first, *rest = (old_root, *_hashes(path)) if old & (old - 1) == 0 else _hashes(path) or (EMPTY,)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = first
    for sibling in rest:
        _require(last > 0)
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    _require(last == 0 and before == old_root and after == new_root)


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _root(subtree: Subtree, start: int, end: int) -> str:
    size = end - start
    if size & (size - 1) == 0:
        return subtree(start, end)
    middle = start + _split(size)
    return node_hash(subtree(start, middle), _root(subtree, middle, end))


def _hashes(path: Path) -> Path:
    _require(len(path) <= LONGEST_PATH and all(len(each) == len(EMPTY) for each in path))
    return path


def _require(holds: bool) -> None:  # noqa: FBT001 - the condition is all there is to say
    if not holds:
        raise Tampered("proof-wrong")


__all__ = [
    "EMPTY",
    "LONGEST_PATH",
    "Path",
    "Subtree",
    "check_consistency",
    "check_inclusion",
    "consistency_path",
    "grown",
    "inclusion_path",
    "leaf_hash",
    "node_hash",
    "root_of",
]
