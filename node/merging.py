"""When organisations merge, or an identity is lost: a ledger goes to another node, or comes from one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.assemble import SCHEMA, STATE, Node
from node.clock import stamp
from node.consent import both_sign, require_two
from node.linking import ENROLMENT, read_kit
from node.migrations import FORMAT
from node.persons import SPLIT_KEY
from node.policies import Policies
from privacy.audit import AuditLog, verify_log
from privacy.canonical import hash_of, sha256
from privacy.durable import Database
from privacy.enrolment import Enrolment
from privacy.errors import Tampered, Unreachable
from privacy.handover import SignedStatement
from privacy.ledger import Ledger
from privacy.spending import Populations, Spending

MERGE = "ledger-merge"  # the context of the signatures


def hand_over(node: Node, *, to: str, keys: Mapping[str, Ed25519PrivateKey]) -> SignedStatement:
    """Close this node's ledger for good, and return the statement that the node and two of its people signed."""
    require_two(node.policy, keys)
    signers = [node.key, *(keys[name] for name in sorted(keys))]
    signed = node.ledger.handover.hand_over(to, split=_split(node), keys=signers, at=stamp(node.now()))
    node.sign_log()
    return signed


def speak_for(home: Path, *, to: str, join: Path, keys: Mapping[str, Ed25519PrivateKey], at: str) -> SignedStatement:
    """Return the statement of a node whose keystore is lost: two people of its last policy sign, and not the node.

    Policy, log and ledger are held against the node's public key in its enrolment first; no row of them changes.
    ``join`` is a kit of the same coordinator: it says who is held back, which nothing that is left does.
    """
    try:
        enrolled, kit = Enrolment.decode((home / ENROLMENT).read_bytes()), read_kit(join)
    except OSError as error:
        raise Unreachable("file-unreadable", str(error.filename)) from error
    node = enrolled.public_key.fingerprint
    database = Database(home / STATE, SCHEMA, file_format=FORMAT, new=False)
    log = AuditLog(database, Ed25519PrivateKey.generate())  # only read: its seals are under the key that is lost
    ledger = Ledger(database, log, node=node)
    policies, newest = Policies(home, database, log, ledger, node=node), verify_log(database, enrolled.public_key)
    policies.verify()  # else people of an earlier policy, put back on the disk, could speak
    policy = policies.current()
    require_two(policy, keys)
    ledger.verify(policy.ceilings())
    if newest is None:
        raise Tampered("audit-tampered", "no checkpoint")
    split = sha256(bytes.fromhex(kit.split_key))
    return ledger.handover.speak_for(to, split=split, checkpoint=newest, keys=list(keys.values()), at=at)


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


__all__ = ["MERGE", "hand_over", "merge", "speak_for"]
