"""The coordinator's keys: the identity that signs requests and models, and its own authority for TLS."""

from __future__ import annotations

import datetime
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from coordinator.identity.issuing import authority_subject, new_authority, new_server
from privacy.atomic import put
from privacy.errors import Invalid, Refusal, Unreachable

PRIVATE, PUBLIC = 0o600, 0o644


@dataclass(frozen=True)
class KeyFiles:
    """Where a coordinator's keys are; the authority's is needed only to renew the server's certificate."""

    directory: Path

    @property
    def identity(self) -> Path:
        """The Ed25519 key that signs requests and models, and the operator's tokens."""
        return self.directory / "identity.key"

    @property
    def authority_key(self) -> Path:
        """The key of the authority that nodes trust for TLS."""
        return self.directory / "authority.key"

    @property
    def authority(self) -> Path:
        """The authority's certificate, which every join kit carries."""
        return self.directory / "authority.pem"

    @property
    def server_key(self) -> Path:
        """The key of the TLS server."""
        return self.directory / "server.key"

    @property
    def server(self) -> Path:
        """The certificate of the TLS server."""
        return self.directory / "server.pem"


def create_keys(files: KeyFiles, *, name: str, hosts: Sequence[str], now: datetime.datetime) -> None:
    """Write all keys (0600) and certificates; the server's is good for ``hosts`` and for loopback."""
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = new_authority(authority_key, authority_subject(name), now)
    server = new_server(server_key.public_key(), hosts, authority, authority_key, now)
    files.directory.mkdir(mode=0o700, parents=True)
    private: dict[Path, Ed25519PrivateKey | ec.EllipticCurvePrivateKey] = {
        files.identity: Ed25519PrivateKey.generate(),
        files.authority_key: authority_key,
        files.server_key: server_key,
    }
    for path, key in private.items():
        put(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=PRIVATE)
    for path, certificate in {files.authority: authority, files.server: server}.items():
        put(path, certificate.public_bytes(Encoding.PEM), mode=PUBLIC)


def load_identity(files: KeyFiles) -> Ed25519PrivateKey:
    """Return the identity key; ``key-exposed`` when an account other than its owner's may read it."""
    try:
        if stat.S_IMODE(files.identity.stat().st_mode) & 0o077:
            raise Refusal("key-exposed", str(files.identity))
        key = load_pem_private_key(files.identity.read_bytes(), None)
    except OSError as error:
        raise Unreachable("file-unreadable", str(files.identity)) from error
    except (ValueError, TypeError) as error:
        raise Invalid("certificate-unusable", str(files.identity)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid("certificate-unusable", str(files.identity))
    return key


__all__ = [
    "PRIVATE",
    "PUBLIC",
    "KeyFiles",
    "create_keys",
    "load_identity",
]
