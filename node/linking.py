"""The node's link with its coordinator: which join kit it obeys, which fleet key it shows, and how either changes.

A node is its identity key, for life. What may change is the key that Flower checks, and the addresses and certificate
of the one coordinator that it was founded for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from node.clock import stamp
from node.keystore import KEY_BYTES, Keystore
from node.people import require_person
from node.policy import APPROVALS_NEEDED
from privacy.atomic import put
from privacy.canonical import JSON, sha256
from privacy.enrolment import Enrolment, JoinKit, Rotation
from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from privacy.signing import PublicKey, sign

if TYPE_CHECKING:
    from node.assemble import Node

FLEET, JOIN = "fleet", "join"  # families of keys in the keystore: fleet@1, fleet@2 …
ENROLMENT, ROTATION = "enrolment.txt", "rotation.txt"
KIT = "join-kit"  # the context of the signatures
KIT_ACCEPTED, KEY_MADE = "kit-accepted", "fleet-key-made"  # leaves of the log
TRIED = 2  # the newest fleet key, and the one before it, which serves until the coordinator has the newest


@dataclass(frozen=True)
class Rotated:
    """A new fleet key: how many the node has had, and the file for the coordinator's operator."""

    serial: int
    file: Path


def new_fleet_key() -> ec.EllipticCurvePrivateKey:
    """Return a fresh key on P-384, as in Flower's SuperNode authentication."""
    return ec.generate_private_key(ec.SECP384R1())


def private_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a fleet key as the keystore has it."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the public half of a fleet key as the coordinator has it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fleet_keys(keystore: Keystore) -> list[ec.EllipticCurvePrivateKey]:
    """Return the fleet keys that may be good now, newest first, as they are on the disk now."""
    keys = [load_der_private_key(keystore.secret(name), None) for name in reversed(keystore.family(FLEET)[-TRIED:])]
    elliptic = [key for key in keys if isinstance(key, ec.EllipticCurvePrivateKey)]
    if not elliptic:
        raise Tampered("keystore-tampered", FLEET)
    return elliptic


def read_kit(file: Path) -> JoinKit:
    """Return the kit in a file; anything else, or one whose split key is none, is ``kit-malformed``."""
    try:
        kit = JoinKit.decode(file.read_bytes())
    except OSError as error:
        raise Unreachable("file-unreadable", str(file)) from error
    except Invalid as error:
        raise Invalid("kit-malformed", str(file)) from error
    try:
        usable = len(bytes.fromhex(kit.split_key)) == KEY_BYTES
    except ValueError:
        usable = False
    if not usable:
        raise Invalid("kit-malformed", f"{file}: split_key")
    return kit


def rotate_fleet_key(node: Node) -> Rotated:
    """Make the node's next fleet key and write its rotation, signed by the identity key, and its enrolment anew.

    A serving node goes on with the key before until the coordinator has taken the rotation over, then switches.
    """
    key = new_fleet_key()
    key_id = node.keystore.put_next(FLEET, private_der(key))
    serial, public = int(key_id.rpartition("@")[2]), public_pem(key)
    with node.database.transaction() as write:
        facts: dict[str, JSON] = {"serial": serial, "fleet_key": sha256(public.encode())}
        node.audit.append(write, KEY_MADE, facts, at=stamp(node.now()))
    enrolment = Enrolment(node.settings.name, PublicKey.of(node.key), public, serial).encode(node.key)
    rotation = Rotation(node.fingerprint, public, serial).encode(node.key)
    try:
        put(node.home / ENROLMENT, enrolment, replace=True)
        put(node.home / ROTATION, rotation, replace=True)
    except OSError as error:
        raise Unreachable("home-unwritable", str(node.home)) from error
    return Rotated(serial, node.home / ROTATION)


def accept_kit(node: Node, kit: JoinKit, signers: Mapping[str, Ed25519PrivateKey]) -> bool:
    """Obey a new kit of the same coordinator, which two people of the policy sign; False when it is in force already.

    Another coordinator is ``coordinator-other``, whatever name it bears: a node is founded for one.
    """
    from node.federation.tls import trust_only  # noqa: PLC0415 - ssl, for this command alone

    _require_same(node.kit, kit)
    trust_only(kit.root_certificate)
    policy = node.policy
    for name, key in signers.items():
        require_person(policy.approver(name), key)
    if len(signers) < APPROVALS_NEEDED:
        raise Refusal("same-person-twice", "two different people sign a join kit")
    if kit == node.kit:
        return False
    statement: dict[str, JSON] = {
        "node": node.fingerprint,
        "kit": sha256(kit.encode()),
        "previous": sha256(node.kit.encode()),
    }
    signatures = {name: sign(key, KIT, statement) for name, key in signers.items()}
    facts: dict[str, JSON] = {**statement, "api": kit.api, "fleet": kit.fleet, "signatures": signatures}
    with node.database.transaction() as write:  # first the leaf: no kit is obeyed that the log does not tell of
        node.audit.append(write, KIT_ACCEPTED, facts, at=stamp(node.now()))
    node.keystore.put_next(JOIN, kit.encode())
    return True


def _require_same(known: JoinKit, kit: JoinKit) -> None:
    ours, theirs = (PublicKey(each.public_key) for each in (known, kit))
    if ours.text != theirs.text:
        theirs_is = theirs.fingerprint if theirs.sound else "no key"
        raise Refusal("coordinator-other", f"the kit's is {theirs_is}, this node's is {ours.fingerprint}")
    if known.split_key.lower() != kit.split_key.lower():
        raise Refusal("coordinator-other", "its split key is another")


__all__ = [
    "ENROLMENT",
    "FLEET",
    "JOIN",
    "KEY_MADE",
    "KIT",
    "KIT_ACCEPTED",
    "ROTATION",
    "TRIED",
    "Rotated",
    "accept_kit",
    "fleet_keys",
    "new_fleet_key",
    "private_der",
    "public_pem",
    "read_kit",
    "rotate_fleet_key",
]
