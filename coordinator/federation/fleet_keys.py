"""The keys that Flower's protocol checks: elliptic curves in PEM, each in its one spelling."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from privacy.errors import Invalid


def elliptic(pem: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key in ``pem``; anything but an elliptic-curve public key is ``node-key-malformed``."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        raise Invalid("node-key-malformed") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Invalid("node-key-malformed")
    return key


def pem_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a key as PEM: the same bytes for the same key."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


__all__ = ["elliptic", "pem_of"]
