"""A name for a person that only the key's holder can connect to an NHS number; each domain has its own."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from privacy.canonical import JSON, canonical
from privacy.errors import Refusal, Tampered
from privacy.identifiers import check_nhs_number_bytes, ten_digits
from privacy.keyed_hash import keyed_hashes_of_many, keyed_hashes_of_rows

VERSION = "hedgerow/pseudonym/v1"
KEY_BYTES = 32
PSEUDONYM_BYTES = 16  # 128 bits: two of ten million people share one with probability 1.5e-25
HELD_BACK_SHARE = 0.25
_AT_A_TIME = 1 << 16  # texts, so that what is in hand stays within a core's cache
_LARGEST = 10**10  # no NHS number is this large

Mode = Literal["k", "r"]
Bits = NDArray[np.uint8]  # pseudonyms as they are computed with, (n, 16): a text of the same takes 140 bytes in numpy
Values = Sequence[bytes] | NDArray[np.bytes_]


@dataclass(frozen=True)
class Domain:
    """Where a pseudonym means something: a purpose, the field it stands for, and the epoch of the key."""

    name: str
    field: str
    epoch: int


@dataclass(frozen=True)
class Tag:
    """What every pseudonym begins with: ``k``, nobody can turn it back, or ``r``, the key can; and the key's epoch."""

    mode: Mode
    epoch: int

    def __str__(self) -> str:
        """Return it as it is written, ``k1``."""
        return f"{self.mode}{self.epoch}"

    @classmethod
    def of(cls, text: str) -> Tag:
        """Return the tag of a pseudonym, or of its first part; ``pseudonym-malformed`` for anything else."""
        found = re.fullmatch(r"([kr])([1-9][0-9]{0,8})(\.[0-9a-f]{32})?", text, re.ASCII)
        if found is None:
            raise Refusal("pseudonym-malformed")
        return cls(cast("Mode", found[1]), int(found[2]))


@dataclass(frozen=True)
class Pseudonyms(ABC):
    """Gives the pseudonyms of one domain: mode and epoch, a dot, and 128 bits in hexadecimal.

    The same value gives the same pseudonym; two domains, fields, epochs or modes share none. Whoever has the key can
    try all NHS numbers in minutes: keeping the key is what protects people, so it is never shown.
    """

    domain: Domain
    key: bytes = field(repr=False)
    mode: ClassVar[Mode]

    @classmethod
    def under(cls, root: bytes, domain: Domain, mode: Mode = "k") -> Pseudonyms:
        """Derive the key of a domain, and of one of its modes, from the root key."""
        return {"k": Irreversible, "r": Reversible}[mode](domain, domain_key(root, domain, mode))

    @property
    def tag(self) -> Tag:
        """Return what these pseudonyms begin with."""
        return Tag(self.mode, self.domain.epoch)

    @abstractmethod
    def bits(self, values: Values) -> Bits:
        """Return 16 bytes a value, ``(n, 16)``; give distinct values in canonical form."""

    def of(self, values: Values) -> NDArray[np.str_]:
        """Return one pseudonym a value, as text."""
        return spelled(self.bits(values), self.tag).astype(np.str_)


class Irreversible(Pseudonyms):
    """HMAC-SHA256 (RFC 2104) cut to 128 bits: the key's holder can try values, and nobody can turn one back."""

    mode = "k"

    def bits(self, values: Values) -> Bits:
        """Return the first 16 bytes of each value's HMAC."""
        return _hmac_of_each(self.key, values, PSEUDONYM_BYTES)


class Reversible(Pseudonyms):
    """AES-256 of one block, 64 bits of zeros and the number in 64 bits: the key's holder can turn it back.

    A block cipher is a permutation: two numbers never share a pseudonym, and one who lacks the key cannot tell it
    from random. All blocks go through one ECB call, which scanners will flag. ECB's fault is that equal blocks of a
    long message show; here each block is a message of its own, a whole person, and equal people are meant to show
    alike. The zeros are the check on the way back: a made-up pseudonym passes with probability 2^-64.
    """

    mode = "r"

    def bits(self, values: Values) -> Bits:
        """Return the encrypted block of each NHS number of ten digits."""
        numbers = np.asarray(values, dtype="S10").astype(np.int64) if len(values) else np.zeros(0, np.int64)
        return self.bits_of(numbers)

    def bits_of(self, numbers: NDArray[np.integer[Any]]) -> Bits:
        """Do the same for numbers; ten million take a fraction of a second."""
        blocks = np.zeros((len(numbers), 2), dtype=">u8")
        blocks[:, 1] = numbers
        return self._block_by_block(blocks.view(np.uint8), back=False)

    def numbers(self, bits: Bits) -> NDArray[np.int64]:
        """Turn pseudonyms back into NHS numbers; one that this key never made is ``pseudonym-foreign``."""
        blocks = self._block_by_block(bits, back=True).view(">u8")
        numbers = blocks[:, 1].astype(np.uint64)
        if blocks[:, 0].any() or (numbers >= _LARGEST).any():
            raise Tampered("pseudonym-foreign")
        written = ten_digits(numbers).view(np.uint8)
        ends = np.arange(len(numbers) + 1) * 10
        if not check_nhs_number_bytes(written, ends, allow_test_numbers=True).ok.all():
            raise Tampered("pseudonym-foreign")
        return numbers.astype(np.int64)

    def _block_by_block(self, blocks: NDArray[np.uint8], *, back: bool) -> Bits:
        cipher = Cipher(AES(self.key), ECB())  # noqa: S305 - one block a message: see the class
        coder = cipher.decryptor() if back else cipher.encryptor()
        done = coder.update(np.ascontiguousarray(blocks).reshape(-1).data) + coder.finalize()
        return np.frombuffer(done, dtype=np.uint8).reshape(-1, PSEUDONYM_BYTES)


def domain_key(root: bytes, domain: Domain, mode: Mode = "k") -> bytes:
    """Return HKDF-SHA256 (RFC 5869) of the root key, bound to domain and mode; no list reads two ways in JSON."""
    bound: list[JSON] = [VERSION, domain.name, domain.field, domain.epoch]
    info = canonical(bound if mode == "k" else [*bound, mode])  # k as it was before there were two
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(root)


def held_back(split_key: bytes, nhs_numbers: Values) -> NDArray[np.bool_]:
    """Say who is kept for evaluation, for life and wherever the federation's key is: a quarter of people."""
    first = _hmac_of_each(split_key, nhs_numbers, 8).view(">u8").reshape(-1)
    return first < np.uint64(int(HELD_BACK_SHARE * 2**64))


def spelled(bits: Bits, tag: Tag) -> NDArray[np.bytes_]:
    """Write pseudonyms as texts, ``k1.`` and 32 hexadecimal digits, all of the same length (``S35`` and longer)."""
    head = f"{tag}.".encode()
    texts = np.empty((len(bits), len(head) + 2 * PSEUDONYM_BYTES), dtype=np.uint8)
    texts[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    for start in range(0, len(bits), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        texts[part, len(head) :] = _HEX[bits[part]].view(np.uint8).reshape(-1, 2 * PSEUDONYM_BYTES)
    return texts.view(f"S{texts.shape[1]}").reshape(-1)


def bits_of(texts: NDArray[np.bytes_] | NDArray[np.str_], tag: Tag) -> Bits:
    """Read pseudonyms that all have this tag; one of another tag or form is ``pseudonym-malformed``."""
    head = f"{tag}.".encode()
    width = len(head) + 2 * PSEUDONYM_BYTES
    if texts.dtype.itemsize // (4 if texts.dtype.kind == "U" else 1) > width:
        raise Refusal("pseudonym-malformed")
    try:
        letters = np.ascontiguousarray(texts, dtype=f"S{width}").view(np.uint8).reshape(-1, width)
    except UnicodeEncodeError:
        raise Refusal("pseudonym-malformed") from None
    halves = _FROM_HEX[letters[:, len(head) :]]
    if (letters[:, : len(head)] != np.frombuffer(head, dtype=np.uint8)).any() or (halves > 15).any():
        raise Refusal("pseudonym-malformed")
    return halves[:, ::2] * np.uint8(16) + halves[:, 1::2]


def _hmac_of_each(key: bytes, values: Values, size: int) -> NDArray[np.uint8]:
    """Return the first ``size`` bytes of HMAC-SHA256 of each value, ``(n, size)``."""
    if isinstance(values, np.ndarray):
        rows = np.ascontiguousarray(values).view(np.uint8).reshape(-1, values.dtype.itemsize)
        if rows[:, -1:].all() and len(rows):  # numpy pads with zeros: none of these is shorter than the others
            made = keyed_hashes_of_rows(key, rows.reshape(-1).data, rows.shape[1], size=size)
        else:
            made = keyed_hashes_of_many(key, values.tolist(), size=size)
    else:
        made = keyed_hashes_of_many(key, values, size=size)
    return np.frombuffer(made, dtype=np.uint8).reshape(-1, size)


_DIGITS = b"0123456789abcdef"
_HEX = np.frombuffer(b"".join(bytes((_DIGITS[b >> 4], _DIGITS[b & 15])) for b in range(256)), dtype=np.uint16)
_FROM_HEX = np.full(256, 255, dtype=np.uint8)
_FROM_HEX[np.frombuffer(_DIGITS, dtype=np.uint8)] = np.arange(16)

__all__ = [
    "HELD_BACK_SHARE",
    "KEY_BYTES",
    "PSEUDONYM_BYTES",
    "VERSION",
    "Bits",
    "Domain",
    "Irreversible",
    "Mode",
    "Pseudonyms",
    "Reversible",
    "Tag",
    "Values",
    "bits_of",
    "domain_key",
    "held_back",
    "spelled",
]
