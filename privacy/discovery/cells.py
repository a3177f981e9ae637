"""Distinct texts of one column in one plain dress, and what each is made of: digits, letters, words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Flags

LONGEST_TEXT = 10_000  # characters; a longer text is free text whatever stands at its end
_NUMERIC = re.compile(r"[^A-Za-z\n]{9,}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_DIGIT, _LETTER, _BLANK = 1, 1 << 21, 1 << 42  # three counts in one int64: one pass over the characters takes all
_MASK = (1 << 21) - 1
_OTHER_DASHES = "\u2212\u00ad"  # minus and soft hyphen: typed for a hyphen, and no dash to Unicode


class Cells:
    """Texts as a person would read them: any digit is 0-9, any space a space, any dash a hyphen, nothing invisible.

    ``lines`` are the texts that are not empty; ``digits``, ``letters``, ``words`` and ``lengths`` count for each.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        whole = list(texts)
        joined = "\n".join(whole)
        if joined.count("\n") != len(whole) - 1:
            joined = "\n".join([text.replace("\n", " ") for text in whole])
        self.lines = [line for line in map(str.strip, plain(joined).split("\n")) if line]
        if len(joined) > LONGEST_TEXT:
            self.lines = [line[:LONGEST_TEXT] for line in self.lines]
        packed = _packed(self.lines)
        self.digits: NDArray[np.int64] = packed & _MASK
        self.letters: NDArray[np.int64] = packed >> 21 & _MASK
        self.words: NDArray[np.int64] = (packed >> 42) + 1
        self.lengths = np.fromiter(map(len, self.lines), np.int64, len(self.lines))

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def joined(self) -> str:
        """Return all lines as one text."""
        return "\n".join(self.lines)

    @cached_property
    def numeric(self) -> str:
        """Return where a number of nine digits or more may be inside a text: stretches without a letter, one a line.

        Texts that are nothing but digits are not among them.
        """
        inside = (self.digits >= 9) & (self.digits < self.lengths)
        return "\n".join(_NUMERIC.findall("\n".join(self.where(inside))))

    def where(self, flags: Flags) -> list[str]:
        """Return the lines that are flagged."""
        return list(compress(self.lines, flags.tolist()))


def plain(text: str) -> str:
    """Return a text in plain dress (NFKC); line feeds stay, other control characters become spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        others = (c for c in set(text) if not c.isascii())
        text = text.translate({ord(c): _plain_character(c) for c in others})
    return _CONTROL.sub(" ", text)


def _plain_character(c: str) -> str | None:
    category = unicodedata.category(c)
    if c in _OTHER_DASHES or category == "Pd":
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(c))
    if category in ("Zs", "Zl", "Zp", "Cc"):
        return " "
    return None if category == "Cf" else c


def _packed(lines: list[str]) -> NDArray[np.int64]:
    if not lines:
        return np.zeros(0, dtype=np.int64)
    points = np.frombuffer(("\n".join(lines) + "\n").encode("latin-1", "replace"), dtype=np.uint8)
    ends = np.flatnonzero(points == ord("\n"))
    return np.add.reduceat(_WEIGHTS[points], np.concatenate([[0], ends[:-1] + 1]))


def _weights() -> NDArray[np.int64]:
    weights = np.zeros(256, dtype=np.int64)
    for point in range(256):
        character = chr(point)
        # beyond Latin-1 the encoding leaves a question mark: a letter, more often than not
        if character.isalpha() or character == "?":
            weights[point] = _LETTER
        elif character.isdecimal():
            weights[point] = _DIGIT
        elif character == " ":
            weights[point] = _BLANK
    return weights


_WEIGHTS = _weights()

__all__ = ["LONGEST_TEXT", "Cells", "plain"]
