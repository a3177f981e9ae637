"""A stream of bytes under a passphrase: scrypt, then AES-256-GCM in numbered chunks with a marked end."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from privacy.errors import Invalid, Refusal, Tampered

SEALED = b"hedgerow-sealed/1\n"
LEAST_PASSPHRASE = 16  # characters: about four random words; whoever has the file can try at leisure
CHUNK = 1 << 20
SALT_BYTES, CHECK_BYTES, TAG_BYTES = 16, 16, 16
SCRYPT = {"n": 2**17, "r": 8, "p": 1}  # 128 MiB, OWASP's first choice for scrypt
_NUMBER = struct.Struct(">Q")


class SealedWriter:
    """Takes plain bytes and writes sealed ones; ``finish`` marks the end, without which nothing can be read whole.

    A fresh salt makes a fresh key for each stream, so a nonce is just the chunk's number and whether it is the last
    (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár, 2015): chunks cannot be dropped, swapped or added.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        if len(passphrase) < LEAST_PASSPHRASE:
            raise Invalid("passphrase-short", f"at least {LEAST_PASSPHRASE} characters")
        salt = os.urandom(SALT_BYTES)
        self._key, check = _keys(passphrase, salt)
        self._file, self._held, self._number = file, bytearray(), 0
        file.write(SEALED + salt + check)

    def write(self, content: bytes) -> int:
        """Take bytes; they are written chunk by chunk."""
        self._held += content
        while len(self._held) > CHUNK:  # never the last one: that is for finish
            self._put(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]
        return len(content)

    def finish(self) -> None:
        """Write what is left, marked as the end."""
        self._put(bytes(self._held), last=True)

    def _put(self, content: bytes, *, last: bool) -> None:
        self._file.write(self._key.encrypt(_nonce(self._number, last=last), content, None))
        self._number += 1


class SealedReader:
    """Gives the plain bytes of a sealed stream, each chunk verified before any of it is given.

    A wrong passphrase is ``passphrase-wrong``; what was changed, dropped or cut off is ``backup-damaged``.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        head = file.read(len(SEALED) + SALT_BYTES + CHECK_BYTES)
        if not head.startswith(SEALED) or len(head) < len(SEALED) + SALT_BYTES + CHECK_BYTES:
            raise Tampered("backup-damaged", "its first bytes")
        salt, check = head[len(SEALED) : -CHECK_BYTES], head[-CHECK_BYTES:]
        self._key, expected = _keys(passphrase, salt)
        if check != expected:
            raise Refusal("passphrase-wrong", "it does not open the backup")
        self._file, self._number, self._ended = file, 0, False
        self._held, self._ahead = bytearray(), file.read(CHUNK + TAG_BYTES)

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""
        while len(self._held) < size and not self._ended:
            self._held += self._next()
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _next(self) -> bytes:
        sealed, self._ahead = self._ahead, self._file.read(CHUNK + TAG_BYTES)
        self._ended = not self._ahead
        try:
            content = self._key.decrypt(_nonce(self._number, last=self._ended), sealed, None)
        except InvalidTag:
            raise Tampered("backup-damaged", f"part {self._number}") from None
        self._number += 1
        return content


def _keys(passphrase: str, salt: bytes) -> tuple[AESGCM, bytes]:
    """Return the key, and bytes that tell a wrong passphrase from a damaged file."""
    made = Scrypt(salt=salt, length=32 + CHECK_BYTES, **SCRYPT).derive(passphrase.encode())
    return AESGCM(made[:32]), made[32:]


def _nonce(number: int, *, last: bool) -> bytes:
    return b"\0\0\0" + _NUMBER.pack(number) + (b"\1" if last else b"\0")


__all__ = [
    "CHECK_BYTES",
    "CHUNK",
    "LEAST_PASSPHRASE",
    "SALT_BYTES",
    "SCRYPT",
    "SEALED",
    "TAG_BYTES",
    "SealedReader",
    "SealedWriter",
]
