"""A new key for pseudonyms: two people sign, everything stored is translated, and the key before is destroyed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from sqlite3 import Connection

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import epochs
from node.assemble import Node
from node.consent import both_sign
from node.data_version import COLUMN_OF, PSEUDONYMS_ROTATED
from node.keystore import KEY_BYTES
from node.persons import key_of, names_of_people, tag_in_force
from node.store import Swap
from node.translation import Translation
from privacy.canonical import JSON
from privacy.errors import Refusal
from privacy.pseudonyms import Domain, Pseudonyms, Reversible, Tag

CONTEXT = "pseudonym-rotation"  # of the signatures


def rotate_pseudonyms(node: Node, *, keys: Mapping[str, Ed25519PrivateKey], erase_records: bool = False) -> Tag:
    """Name everybody anew under a fresh key, in the mode that the policy says, and return what pseudonyms begin with.

    Reversible pseudonyms are translated: records, quarantine, opt-out list and linkages, all at once. Irreversible ones
    can only be made again from their sources, so where any are stored it is ``pseudonyms-irreversible``, unless
    ``erase_records``: then all of these go, at once. The key before is destroyed. A crash leaves it as before, or done.
    """
    before = tag_in_force(node.keystore)
    after = Tag("r" if node.policy.reversible_pseudonyms else "k", before.epoch + 1)
    statement: dict[str, JSON] = {"before": str(before), "after": str(after), "erase_records": erase_records}
    signed = both_sign(node.policy, keys, CONTEXT, {**statement, "node": node.fingerprint})
    rotation = _Rotation(node, before, after, secrets.token_bytes(KEY_BYTES), erase_records=erase_records)
    facts: dict[str, JSON] = {**statement, "destroyed": key_of(before), "signed_by": signed}
    node.store.change(PSEUDONYMS_ROTATED, facts, rotation.swaps, now=node.now(), within=rotation.within)
    epochs.finish(node.database, node.keystore)
    node.sign_log()
    return after


class _Rotation:
    """One rotation at work: ``swaps`` while nobody else changes the store, then ``within`` its transaction."""

    def __init__(self, node: Node, before: Tag, after: Tag, root: bytes, *, erase_records: bool) -> None:
        self._node = node
        self._before, self._after, self._root = before, after, root
        self._erase_records = erase_records

    def swaps(self) -> Iterator[Swap]:
        """Yield what takes the place of every file, under a key that waits for the commit."""
        store, keystore = self._node.store, self._node.keystore
        epochs.finish(self._node.database, keystore)
        if tag_in_force(keystore) != self._before:  # somebody else rotated: what was signed is not this any more
            raise Refusal("pseudonyms-rotated", str(self._before))
        keystore.change(put_in={epochs.waiting(self._after): self._root})
        names = names_of_people(keystore, self._before)
        if self._erase_records:
            yield from _everything(self._node)
        elif isinstance(names, Reversible):
            domain = Domain(names.domain.name, names.domain.field, self._after.epoch)
            yield from Translation(names, Pseudonyms.under(self._root, domain, self._after.mode)).swaps(self._node)
        elif self._node.links.in_force() or not store.empty:
            raise Refusal("pseudonyms-irreversible")

    def within(self, connection: Connection) -> None:
        """Put the new key in force."""
        epochs.commit(connection, self._after)


def _everything(node: Node) -> Iterator[Swap]:
    for version in node.store.all():
        for kind in COLUMN_OF:
            yield Swap(version, kind)
    if node.store.has_optouts:
        yield Swap(None)
    for linkage in node.links.in_force():
        yield Swap(None, links=linkage.file)


__all__ = ["CONTEXT", "rotate_pseudonyms"]
