"""The node's people: each has a signing key of their own, under a passphrase, never in the node's directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from privacy.atomic import put
from privacy.errors import Invalid, Refusal, Unreachable
from privacy.signing import PublicKey

ROLES = ("analyst", "auditor", "caldicott-guardian", "clinician", "data-engineer", "ig-lead")
LEAST_PASSPHRASE = 12  # characters: about three random words (NCSC)


@dataclass(frozen=True)
class Person:
    """Somebody at this node: a name, a role, and the public half of a key that only this person can use."""

    name: str
    role: str
    public_key: str


def create_key(path: Path, passphrase: str, *, home: Path) -> Ed25519PrivateKey:
    """Make a signing key in ``path``, mode 0600, under a passphrase; never overwrites, never inside ``home``."""
    _require_outside(path, home)
    if len(passphrase) < LEAST_PASSPHRASE:
        raise Invalid("passphrase-short")
    key = Ed25519PrivateKey.generate()
    protection = BestAvailableEncryption(passphrase.encode())
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.path.lexists(path):
            raise Refusal("person-key-exists", str(path))
        put(path, content)
    except OSError as error:
        raise Unreachable("person-key-unreadable", str(path)) from error
    return key


def open_key(path: Path, passphrase: str, *, home: Path | None) -> Ed25519PrivateKey:
    """Return the signing key in ``path``; one without a passphrase, or inside ``home``, a node's, is refused."""
    if home is not None:
        _require_outside(path, home)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreachable("person-key-unreadable", str(path)) from error
    try:
        key = load_pem_private_key(content, passphrase.encode())
    except TypeError as error:  # cryptography's answer to a key that nothing protects
        raise Invalid("person-key-unreadable", f"{path} has no passphrase") from error
    except UnsupportedAlgorithm as error:
        raise Invalid("person-key-unreadable", f"{path} is not an Ed25519 key") from error
    except ValueError:
        if b"ENCRYPTED PRIVATE KEY" in content:
            raise Refusal("passphrase-wrong", str(path)) from None
        raise Invalid("person-key-unreadable", f"{path} is not a key file") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid("person-key-unreadable", f"{path} is not an Ed25519 key")
    return key


def require_person(person: Person, key: Ed25519PrivateKey) -> None:
    """Return if ``key`` is this person's own; otherwise ``person-key-wrong``."""
    if PublicKey.of(key).text != person.public_key:
        raise Refusal("person-key-wrong", person.name)


def _require_outside(path: Path, home: Path) -> None:
    # realpath: a link from outside into the node's directory is inside
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(home)):
        raise Refusal("person-key-inside", str(path))


__all__ = ["LEAST_PASSPHRASE", "ROLES", "Person", "create_key", "open_key", "require_person"]
