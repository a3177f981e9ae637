"""Whether pseudonyms are on a list of pseudonyms, asked again and again without going through the list anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privacy.pseudonyms import PSEUDONYM_BYTES, Bits


class Members:
    """A list of pseudonyms of one key, as their 16 bytes ``(n, 16)``: six times as fast to compare as their texts."""

    def __init__(self, bits: Bits) -> None:
        self._words = np.sort(_words(bits))

    def have(self, bits: Bits) -> NDArray[np.bool_]:
        """Say which of these ``(n, 16)`` are on the list; nobody is on an empty one."""
        if not len(self._words):
            return np.zeros(len(bits), bool)
        asked = _words(bits)
        place = np.searchsorted(self._words, asked)
        return np.asarray(self._words[np.minimum(place, len(self._words) - 1)] == asked)


def _words(bits: Bits) -> NDArray[np.bytes_]:
    return np.ascontiguousarray(bits).view(f"S{PSEUDONYM_BYTES}").reshape(-1)


__all__ = ["Members"]
