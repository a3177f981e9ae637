"""A secret of 32 bytes in shares, of which any threshold give it back and fewer say nothing about it.

Shamir, "How to share a secret", Communications of the ACM 22 (1979): the secret is the value at 0 of a polynomial of
degree threshold - 1 over a prime field, its other coefficients are random, and holder i's share is its value at i + 1.
Fewer shares fit every secret equally well, whatever computing power tries them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence

from privacy.errors import Tampered

PRIME = 2**256 + 297  # the least prime above 2^256, so that every 32 bytes are an element
SECRET_BYTES = 32
SHARE_BYTES = 33
COEFFICIENT_BYTES = 48  # 128 bits more than the prime: reduced modulo it, within 2^-127 of uniform


def split(secret: bytes, *, holders: int, threshold: int, randomness: bytes) -> list[bytes]:
    """Return a share of ``SHARE_BYTES`` for each of ``holders``, in their order; any ``threshold`` give the secret.

    ``randomness`` is ``COEFFICIENT_BYTES`` for each of the threshold - 1 other coefficients, fresh or from a key
    derived for this secret alone. Equal arguments give equal shares. Wrong sizes are the caller's bug: ValueError.
    """
    if len(secret) != SECRET_BYTES or len(randomness) != COEFFICIENT_BYTES * (threshold - 1):
        raise ValueError("a secret of 32 bytes, and 48 bytes for each coefficient")
    if not 1 <= threshold <= holders:
        raise ValueError("a threshold from 1 to the number of holders")
    starts = range(0, len(randomness), COEFFICIENT_BYTES)
    coefficients = [int.from_bytes(randomness[at : at + COEFFICIENT_BYTES]) % PRIME for at in starts]
    coefficients.append(int.from_bytes(secret))
    return [_value(coefficients, x).to_bytes(SHARE_BYTES) for x in range(1, holders + 1)]


def combine(shares: Mapping[int, bytes], threshold: int) -> bytes:
    """Return the secret of which ``shares`` holds, by x (a holder's place + 1), at least ``threshold`` shares."""
    return combine_all({x: [share] for x, share in shares.items()}, threshold)[0]


def combine_all(shares: Mapping[int, Sequence[bytes]], threshold: int) -> list[bytes]:
    """Return many secrets of the same holders: ``shares`` lists, by x, that holder's share of each.

    The ``threshold`` holders of smallest x are used. Too few of them, a share that is no element of the field, or a
    sum that no split of 32 bytes can have, is ``share-wrong``. Another wrong share gives another secret: whoever
    combines compares it with something public.
    """
    chosen = sorted(shares)[:threshold]
    if len(chosen) < threshold or chosen[0] < 1:
        raise Tampered("share-wrong", f"{len(chosen)} of {threshold} shares")
    rows = [[element(share) for share in shares[x]] for x in chosen]
    if len({len(row) for row in rows}) != 1:
        raise Tampered("share-wrong", "not every holder gave a share of every secret")
    weights = _weights(chosen)
    values = (sum(map(operator.mul, weights, column)) % PRIME for column in zip(*rows, strict=True))
    return [_secret(value) for value in values]


def element(share: bytes) -> int:
    """Return a share as an element of the field; what is none is ``share-wrong``."""
    value = int.from_bytes(share)
    if len(share) != SHARE_BYTES or value >= PRIME:
        raise Tampered("share-wrong", "not an element of the field")
    return value


def _value(coefficients: Sequence[int], x: int) -> int:
    """Return the polynomial's value, highest coefficient first (Horner); x is small, so one reduction is enough."""
    value = 0
    for coefficient in coefficients:
        value = value * x + coefficient
    return value % PRIME


def _weights(xs: Sequence[int]) -> list[int]:
    """Return Lagrange's weights at 0, once for a set of holders: x's is the product of other / (other - x)."""
    whole = math.prod(xs)
    below = (x * math.prod(other - x for other in xs if other != x) for x in xs)
    return [whole * pow(divisor, -1, PRIME) % PRIME for divisor in below]


def _secret(value: int) -> bytes:
    if value >= 2 ** (8 * SECRET_BYTES):
        raise Tampered("share-wrong", "not shares of one secret")
    return value.to_bytes(SECRET_BYTES)


__all__ = ["COEFFICIENT_BYTES", "PRIME", "SECRET_BYTES", "SHARE_BYTES", "combine", "combine_all", "element", "split"]
