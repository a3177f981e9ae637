"""Keys of one round and one use: X25519 agreement, HKDF-SHA256 bound to the round, ChaCha20 as a stream.

X25519 is RFC 7748, HKDF RFC 5869, ChaCha20 RFC 8439; every primitive is that of `cryptography`. A derived key serves
one stream or one letter, because all that may differ between two uses goes into its derivation: so nonces are zero.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privacy.errors import Tampered

KEY_BYTES = 32
_LABEL = b"hedgerow/secure-aggregation/1"
_START = bytes(16)  # block counter and nonce


def channel_public(private: bytes) -> bytes:
    """Return the public half of a private X25519 key, 32 bytes each."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def shared_secrets(private: bytes, publics: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what a private key and each public one have in common, by the public ones' owners.

    32 bytes that are a point of small order give zero whatever the private key: they, and what is not 32 bytes, are
    ``letter-wrong`` (RFC 7748, section 6.1).
    """
    key = X25519PrivateKey.from_private_bytes(private)
    secrets = {}
    for owner, public in publics.items():
        try:
            secrets[owner] = key.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError as error:
            raise Tampered("letter-wrong", f"the key of {owner}") from error
    return secrets


def derived(secret: bytes, binding: str, *uses: str | bytes) -> bytes:
    """Return the 32-byte key of one use in the round with this ``binding``; no two lists of ``uses`` read alike."""
    parts = [_LABEL, *(use.encode() if isinstance(use, str) else use for use in uses)]
    info = b"".join(len(part).to_bytes(4) + part for part in parts)
    return HKDF(SHA256(), KEY_BYTES, salt=binding.encode(), info=info).derive(secret)


def stream(key: bytes, size: int) -> bytes:
    """Return the first ``size`` bytes of the key's ChaCha20 stream: what it makes of zeros."""
    return Cipher(ChaCha20(key, _START), mode=None).encryptor().update(bytes(size))


__all__ = ["KEY_BYTES", "channel_public", "derived", "shared_secrets", "stream"]
