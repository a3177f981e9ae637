"""Who says so: Ed25519 keys, their fingerprints, and signatures over canonical documents (RFC 8032)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from privacy.canonical import JSON, canonical
from privacy.errors import Tampered

SMALL_ORDER = frozenset(  # points whose multiples are few, without their sign bit (RFC 7748, section 7; RFC 8032)
    {
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    }
)


@dataclass(frozen=True)
class PublicKey:
    """A verifying key; ``text`` is its 32 bytes in URL-safe base64, ``fingerprint`` names its owner for good."""

    text: str

    @classmethod
    def of(cls, key: Ed25519PrivateKey | Ed25519PublicKey) -> PublicKey:
        """Return the public half of ``key``."""
        public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
        return cls(base64.urlsafe_b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode())

    @property
    def key(self) -> Ed25519PublicKey:
        """Return the key itself; a text that is not one is ``signature-wrong``."""
        try:
            return Ed25519PublicKey.from_public_bytes(self.raw)
        except ValueError as error:
            raise Tampered("signature-wrong", "not a public key") from error

    @property
    def sound(self) -> bool:
        """Say whether the text is the one text of its key, and the key one that not every signature fits."""
        try:
            raw = self.raw
        except ValueError:
            return False
        point = raw[:-1] + bytes([raw[-1] & 0x7F]) if raw else raw
        return base64.urlsafe_b64encode(raw).decode() == self.text and point.hex() not in SMALL_ORDER

    @property
    def raw(self) -> bytes:
        """Return the 32 bytes."""
        return base64.urlsafe_b64decode(self.text)

    @property
    def fingerprint(self) -> str:
        """Return the first 160 bits of SHA-256 over the key, as 40 hexadecimal digits, for people to compare."""
        return hashlib.sha256(self.raw).hexdigest()[:40]

    def verify(self, context: str, document: JSON, signature: str) -> None:
        """Return if this key signed ``document`` in ``context``; anything else is ``signature-wrong``."""
        try:
            raw = base64.urlsafe_b64decode(signature)
            if base64.urlsafe_b64encode(raw).decode() != signature:  # one signature, one text
                raise Tampered("signature-wrong", context)
            self.key.verify(raw, _message(context, document))
        except (InvalidSignature, ValueError, RecursionError) as error:
            raise Tampered("signature-wrong", context) from error


def read_aloud(fingerprint: str) -> str:
    """Return a fingerprint as ten groups of five decimal digits, for two people to compare over a telephone.

    It is the same 160 bits, all of them: no two fingerprints sound alike. Digits, because B, C, D and E do.
    """
    digits = f"{int(fingerprint, 16):050d}"
    return " ".join(digits[start : start + 5] for start in range(0, 50, 5))


def sign(key: Ed25519PrivateKey, context: str, document: JSON) -> str:
    """Return a signature over ``document``; ``context`` keeps one kind of statement from passing as another."""
    return base64.urlsafe_b64encode(key.sign(_message(context, document))).decode()


def _message(context: str, document: JSON) -> bytes:
    return b"hedgerow/v1/" + context.encode() + b"\0" + canonical(document)


__all__ = ["SMALL_ORDER", "PublicKey", "read_aloud", "sign"]
