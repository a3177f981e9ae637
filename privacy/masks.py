"""Masks of one request: as long as the answer, uniform in the ring of 2^64, and cancelling in the sum over a round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from privacy.arrays import Ring
from privacy.round_keys import derived, shared_secrets, stream

_ITEM_BYTES = 8


@dataclass(frozen=True)
class Masks:
    """The masks of a round's ``binding`` and of one ``request`` (both SHA-256 texts), ``size`` elements each.

    Binding and request go into every mask's key: nodes that were told different rounds, weights or requests have masks
    that do not cancel, and their sum is noise instead of a leak.
    """

    binding: str
    request: str
    size: int

    def of_self(self, node: str, secret: bytes) -> Ring:
        """Return the mask that ``node`` adds for itself, from its self-mask secret."""
        return self._ring(derived(secret, self.binding, "self-mask", node, self.request))

    def of_pairs(self, node: str, mask_key: bytes, publics: Mapping[str, bytes]) -> Ring:
        """Return what ``node`` adds for owners of ``publics``: of two, the smaller name adds, the other subtracts.

        Over any set of nodes, each with all others' publics, these sum to zero. A public that is no key is
        ``letter-wrong``.
        """
        total: Ring = np.zeros(self.size, np.uint64)
        for peer, secret in shared_secrets(mask_key, publics).items():
            mask = self._ring(derived(secret, self.binding, "pair mask", *sorted((node, peer)), self.request))
            np.add(total, mask, out=total) if node < peer else np.subtract(total, mask, out=total)
        return total

    def _ring(self, key: bytes) -> Ring:
        return np.frombuffer(stream(key, _ITEM_BYTES * self.size), "<u8")


__all__ = ["Masks"]
