"""When organisations merge, or an identity is lost: a ledger goes to another node, or comes from one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import Node
from node.clock import stamp
from node.consent import both_sign, require_two
from node.persons import SPLIT_KEY
from privacy.canonical import hash_of, sha256
from privacy.handover import SignedStatement
from privacy.spending import Populations, Spending

MERGE = "ledger-merge"  # the context of the signatures


def hand_over(node: Node, *, to: str, keys: Mapping[str, Ed25519PrivateKey]) -> SignedStatement:
    """Close this node's ledger for good, and return the statement that the node and two of its people signed."""
    require_two(node.policy, keys)
    signers = [node.key, *(keys[name] for name in sorted(keys))]
    signed = node.ledger.handover.hand_over(to, split=_split(node), keys=signers, at=stamp(node.now()))
    node.sign_log()
    return signed


def merge(
    node: Node,
    *,
    content: bytes,
    trusted: Collection[str],
    populations: Populations,
    keys: Mapping[str, Ed25519PrivateKey],
    receipts: Iterable[bytes] = (),
) -> Spending:
    """Count the ledger in ``content`` into this one, and return what each account has spent from now on."""
    signed = SignedStatement.decode(content)
    agreed = {"node": node.fingerprint, "statement": hash_of(signed.statement.document()), "populations": populations}
    spent = node.ledger.handover.merge(
        signed,
        trusted=trusted,
        split=_split(node),
        populations=populations,
        receipts=receipts,
        signed_by=both_sign(node.policy, keys, MERGE, agreed),
        at=stamp(node.now()),
    )
    node.sign_log()
    return spent


def _split(node: Node) -> str:
    """Return a hash of the key that decides who is held back: 256 random bits, so it tells nothing."""
    return sha256(node.keystore.secret(SPLIT_KEY))


__all__ = ["MERGE", "hand_over", "merge"]
