"""A name for a person that only the key's holder can connect to an NHS number; each domain has its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from privacy.canonical import canonical

VERSION = "hedgerow/pseudonym/v1"
KEY_BYTES = 32
PSEUDONYM_BYTES = 16  # 128 bits: two of ten million people share one with probability 1.5e-25
HELD_BACK_SHARE = 0.25
_BLOCK_BYTES = 64  # SHA-256


@dataclass(frozen=True)
class Domain:
    """Where a pseudonym means something: a purpose, the field it stands for, and the epoch of the key."""

    name: str
    field: str
    epoch: int


@dataclass(frozen=True)
class Pseudonyms:
    """Gives the pseudonyms of one domain: ``k<epoch>.`` and 128 bits of HMAC-SHA256 in hexadecimal.

    The same value gives the same pseudonym; two domains, fields or epochs share none. Whoever has the key can
    try all NHS numbers in minutes: keeping the key is what protects people, so it is never shown.
    """

    domain: Domain
    key: bytes = field(repr=False)

    @classmethod
    def under(cls, root: bytes, domain: Domain) -> Pseudonyms:
        """Derive the domain's key from the root key."""
        return cls(domain, domain_key(root, domain))

    def of(self, values: Sequence[bytes] | NDArray[np.bytes_]) -> NDArray[np.str_]:
        """Return one pseudonym a value; give distinct values in canonical form."""
        text = _hmac_of_each(self.key, values)[:, :PSEUDONYM_BYTES].tobytes().hex()
        digits = np.frombuffer(text.encode(), dtype=f"S{2 * PSEUDONYM_BYTES}")
        return np.strings.add(f"k{self.domain.epoch}.", digits.astype(np.str_))


def domain_key(root: bytes, domain: Domain) -> bytes:
    """Return HKDF-SHA256 (RFC 5869) of the root key, bound to the domain; no list reads two ways in JSON."""
    info = canonical([VERSION, domain.name, domain.field, domain.epoch])
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(root)


def held_back(split_key: bytes, nhs_numbers: Sequence[bytes] | NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Say who is kept for evaluation, for life and wherever the federation's key is: a quarter of people."""
    first = np.ascontiguousarray(_hmac_of_each(split_key, nhs_numbers)[:, :8]).view(">u8").reshape(-1)
    return first < np.uint64(int(HELD_BACK_SHARE * 2**64))


def _hmac_of_each(key: bytes, values: Sequence[bytes] | NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Return HMAC-SHA256 of each value, ``(n, 32)``: RFC 2104, the key's two states hashed once."""
    padded = (key if len(key) <= _BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(_BLOCK_BYTES, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded))
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in padded))
    digests = []
    for value in values.tolist() if isinstance(values, np.ndarray) else values:
        hashed, sealed = inner.copy(), outer.copy()
        hashed.update(value)
        sealed.update(hashed.digest())
        digests.append(sealed.digest())
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)


__all__ = [
    "HELD_BACK_SHARE",
    "KEY_BYTES",
    "PSEUDONYM_BYTES",
    "VERSION",
    "Domain",
    "Pseudonyms",
    "domain_key",
    "held_back",
]
