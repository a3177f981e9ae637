"""A file that is held while it is read: what is hashed is what was read, and a change under the reader is noticed."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from privacy.errors import Invalid, Unreachable

CHUNK = 1 << 20


class Held:
    """An open file of bytes. ``read`` hashes what it gives; ``rest`` hashes what was not asked for.

    ``file-unreadable`` when it cannot be opened, ``source-interrupted`` when reading it breaks off,
    ``file-changed`` when it is not what it was at the start.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        if path.exists() and not path.is_file():  # a pipe gives its bytes once, and a load looks at them twice
            raise Unreachable("file-unreadable", f"{path} is no plain file")
        try:
            self._file = path.open("rb")
            self.before = os.fstat(self._file.fileno())
        except OSError as error:
            raise Unreachable("file-unreadable", str(path)) from error
        self._hash = hmac.new(key, digestmod="sha256")

    def read(self, size: int = CHUNK) -> bytes:
        """Return the next bytes, none at the end."""
        try:
            chunk = self._file.read(size)
        except OSError:
            raise Unreachable("source-interrupted", self.path.name) from None
        self._hash.update(chunk)
        return chunk

    def rest(self) -> None:
        """Hash what is left, and return only if the file is still the one that was opened."""
        while self.read():
            pass
        self.check_unchanged()

    def check_unchanged(self) -> None:
        """Return if the file under this name is the one that was opened, as it then was."""
        try:
            same = all(_state(now) == _state(self.before) for now in (self.path.stat(), os.fstat(self._file.fileno())))
        except OSError:
            raise Invalid("file-changed", f"{self.path.name} is gone") from None
        if not same:
            raise Invalid("file-changed", self.path.name) from None  # what a reader made of it may show a value

    def digest(self) -> bytes:
        """Return the keyed hash of what was read."""
        return self._hash.digest()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def digest_of(files: Iterable[Held], key: bytes) -> str:
    """Return the digest of one file, or of several in order."""
    digests = [file.digest() for file in files]
    whole = digests[0] if len(digests) == 1 else hmac.digest(key, b"".join(digests), "sha256")
    return "hmac-sha256:" + whole.hex()


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


__all__ = ["CHUNK", "Held", "digest_of"]
