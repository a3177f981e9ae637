"""Whether pseudonyms are in a list of pseudonyms, asked batch after batch without going through the list again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privacy.pseudonyms import Bits, Tag, bits_of


class Members:
    """A list of pseudonyms under one tag, or ``pseudonym-malformed``; all of their 128 bits are compared."""

    def __init__(self, texts: NDArray[np.str_], tag: Tag) -> None:
        upper, lower = _halves(bits_of(texts, tag))
        order = np.lexsort((lower, upper))
        self._upper, self._lower = upper[order], lower[order]

    def have(self, bits: Bits) -> NDArray[np.bool_]:
        """Say which of these ``(n, 16)`` are in the list."""
        upper, lower = _halves(bits)
        found = np.zeros(len(bits), bool)
        place = np.searchsorted(self._upper, upper)
        while len(self._upper):  # two in the list that share their upper half stand side by side
            at = np.minimum(place, len(self._upper) - 1)
            same = (place < len(self._upper)) & (self._upper[at] == upper) & ~found
            found |= same & (self._lower[at] == lower)
            if not (same & ~found).any():
                break
            place += 1
        return found


def _halves(bits: Bits) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    both = np.ascontiguousarray(bits).view(">u8").astype(np.uint64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


__all__ = ["Members"]
