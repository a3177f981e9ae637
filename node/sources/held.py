"""A file that is held while it is read: what is hashed is what was read, and a change under the reader is noticed."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from privacy.errors import Invalid, Unreachable

CHUNK = 1 << 20


class Held:
    """One file of bytes, opened when its turn comes. ``read`` hashes what it gives; ``rest`` what nobody asked for.

    ``file-unreadable`` when it is not there or may not be read, ``source-interrupted`` when reading it breaks off,
    ``file-changed`` when it is not what it was at the start.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        if path.exists() and not path.is_file():  # a pipe gives its bytes once, and a load looks at them twice
            raise Unreachable("file-unreadable", f"{path} is no plain file")
        try:
            # a table may have more parts than a process may hold files
            with path.open("rb") as file:
                self.before = os.fstat(file.fileno())
                file.read(1)
        except OSError as error:
            raise Unreachable("file-unreadable", str(path)) from error
        self._file: BinaryIO | None = None
        self._hash = hmac.new(key, digestmod="sha256")

    def read(self, size: int = CHUNK) -> bytes:
        """Return the next bytes, none at the end."""
        try:
            if self._file is None:
                self._file = self.path.open("rb")
            chunk = self._file.read(size)
        except FileNotFoundError:
            raise Invalid("file-changed", f"{self.path.name} is gone") from None
        except OSError:
            raise Unreachable("source-interrupted", self.path.name) from None
        self._hash.update(chunk)
        return chunk

    def rest(self) -> None:
        """Hash what is left, let go of the file, and return only if it is still the one that was found."""
        while self.read():
            pass
        self.check_unchanged()
        self.close()

    def check_unchanged(self) -> None:
        """Return if the file under this name, and the one that is read, are the one that was found, as it then was."""
        try:
            found = [self.path.stat(), *([os.fstat(self._file.fileno())] if self._file else [])]
        except OSError:
            raise Invalid("file-changed", f"{self.path.name} is gone") from None
        if any(_state(now) != _state(self.before) for now in found):
            raise Invalid("file-changed", self.path.name) from None  # what a reader made of it may show a value

    def digest(self) -> bytes:
        """Return the keyed hash of what was read."""
        return self._hash.digest()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


def digest_of(files: Iterable[Held], key: bytes) -> str:
    """Return the digest of one file, or of several in order."""
    digests = [file.digest() for file in files]
    whole = digests[0] if len(digests) == 1 else hmac.digest(key, b"".join(digests), "sha256")
    return "hmac-sha256:" + whole.hex()


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


__all__ = ["CHUNK", "Held", "digest_of"]
