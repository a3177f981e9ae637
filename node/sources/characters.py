"""A text file of any encoding as UTF-8, block by block, with the line of whatever is no text."""

from __future__ import annotations

import codecs
import gzip
import zlib
from typing import IO, cast

from node.sources.held import CHUNK, Held
from privacy.errors import Invalid

ENCODINGS = ("utf-8", "utf-16", "windows-1252", "iso-8859-1")
# longest first: UTF-32's mark begins as UTF-16's does
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GZIP = b"\x1f\x8b"
LONGEST_HEADER = 1 << 22


class Characters:
    """The text of a held file as valid UTF-8; where lines end in a bare return, they end in a line feed instead.

    ``read`` is what a reader of files wants; ``lines`` and ``quotes`` count what it gave. Text that does not
    fit the encoding, or has a NUL, is ``file-malformed`` with its line.
    """

    closed = False

    def __init__(self, held: Held, encoding: str | None) -> None:
        if encoding is not None and encoding not in ENCODINGS:
            raise Invalid("encoding-unknown", faults=ENCODINGS)
        self._held = held
        self._packed: gzip.GzipFile | None = None
        self.lines = self.quotes = 0
        first = held.read()
        if first.startswith(_GZIP):
            # what unpacks it reads by itself: what was looked at goes before the rest
            self._packed = gzip.GzipFile(fileobj=cast("IO[bytes]", _Joined(first, held)))
            first = self._unpacked()
        self._raw: bytes | None = first
        marked = next((name for mark, name in _MARKS if first.startswith(mark)), None)
        self._decoder = codecs.getincrementaldecoder(marked or encoding or "utf-8")("strict")
        self._left = b""
        self._ended = False
        self._bare_returns = False
        self._left = self._next()
        self._bare_returns = b"\n" not in self._left and b"\r" in self._left
        if self._bare_returns:
            self._left = self._left.replace(b"\r", b"\n")
            self.lines += self._left.count(b"\n")

    def header(self) -> str:
        """Return the first line, without its end; a first line that never ends is ``file-malformed``."""
        while b"\n" not in self._left and not self._ended and len(self._left) <= LONGEST_HEADER:
            self._left += self._next()
        line, _, rest = self._left.partition(b"\n")
        if len(line) > LONGEST_HEADER:
            raise Invalid("file-malformed", "line 1 does not end")
        self.quotes -= line.count(b'"')
        self._left = rest
        return line.decode("utf-8").removesuffix("\r")

    def is_blank(self) -> bool:
        """Say whether the whole text is nothing but spaces: of a long one, no."""
        return not self._left.strip() and not (self._more() and self._left.strip())

    def is_over(self) -> bool:
        """Say whether nothing is left to read."""
        return not self._left and not self._more()

    def read(self, size: int = CHUNK) -> bytes:
        """Return ``size`` bytes of text, fewer only at the end: a reader makes a block of what it is given."""
        parts, length = [self._left], len(self._left)
        while length < size and (more := self._next()):
            parts.append(more)
            length += len(more)
        whole = b"".join(parts)
        self._left = whole[size:]
        return whole[:size]

    def rest(self) -> None:
        """Go to the end of the text and of the file, so that all of it is judged and hashed."""
        self._left = b""
        while not self._ended:
            self._next()
        self._held.rest()

    def readable(self) -> bool:
        """Say yes, as files do."""
        return True

    def _more(self) -> bool:
        more = self._next()
        self._left += more
        return bool(more)

    def _next(self) -> bytes:
        """Return the next text that is not empty, or note the end."""
        while not self._ended:
            raw, self._raw = (self._unpacked() if self._raw is None else self._raw), None
            self._ended = not raw
            if text := self._decoded(raw):
                self.lines += text.count(b"\n")
                self.quotes += text.count(b'"')
                return text
        return b""

    def _decoded(self, raw: bytes) -> bytes:
        try:
            text = self._decoder.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(error.encoding, errors="ignore")
            line = self.lines + before.count("\n") + 1
            raise Invalid("file-malformed", f"line {line} is not {error.encoding} text") from None
        encoded = text.encode()
        if self._bare_returns:
            encoded = encoded.replace(b"\r", b"\n")
        if (at := encoded.find(b"\0")) >= 0:
            line = self.lines + encoded[:at].count(b"\n") + 1
            raise Invalid("file-malformed", f"line {line} holds a NUL: a broken copy, or UTF-16")
        return encoded

    def _unpacked(self) -> bytes:
        if self._packed is None:
            return self._held.read()
        try:
            return self._packed.read(CHUNK)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise Invalid("file-malformed", f"what is packed breaks off after line {self.lines + 1}") from None


class _Joined:
    """Bytes that were read already, then the rest of a held file."""

    def __init__(self, first: bytes, held: Held) -> None:
        self._first, self._held = first, held

    def read(self, size: int = CHUNK) -> bytes:
        if self._first:
            given, self._first = self._first[:size], self._first[size:]
            return given
        return self._held.read(size if size > 0 else CHUNK)


__all__ = ["ENCODINGS", "LONGEST_HEADER", "Characters"]
