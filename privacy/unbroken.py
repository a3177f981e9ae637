"""A stream that a log can be written to whatever the disk does: a line that cannot be written is lost, and no more."""

from __future__ import annotations

from contextlib import suppress
from io import TextIOBase
from typing import TextIO


class Unbroken(TextIOBase):
    """Passes text on. On a full disk a program that could not say what is wrong would die of saying it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def writable(self) -> bool:
        """Say that it takes text."""
        return True

    def write(self, text: str, /) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            self._stream.flush()


__all__ = ["Unbroken"]
