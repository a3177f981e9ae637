"""Who may be used: the people on the cleaned list and nobody else. Who opted out is never known here."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from privacy.canonical import sha256
from privacy.errors import Refusal
from privacy.members import Members
from privacy.pseudonyms import PSEUDONYM_BYTES, Bits, Tag, bits_of

NO_BITS = np.zeros((0, PSEUDONYM_BYTES), np.uint8)


@dataclass(frozen=True, eq=False)
class OptOuts:
    """An allow-list: the sorted pseudonyms of the people who may be used, and the day it was true.

    The national data opt-out works so: NHS numbers go out, the list without those who objected comes back.
    Only what came back is kept (NHS England, national data opt-out policy, section 8).
    """

    version: str
    as_of: datetime.date
    allowed: NDArray[np.str_]

    @classmethod
    def of(cls, pseudonyms: NDArray[np.str_], as_of: datetime.date) -> OptOuts:
        """Make the list of these people; its version is a hash of keyed pseudonyms, so it tells nothing."""
        in_order = bool((pseudonyms[1:] > pseudonyms[:-1]).all())  # as the store has them: a second less for a million
        allowed = pseudonyms if in_order else np.unique(pseudonyms)
        return cls(sha256("\n".join([as_of.isoformat(), *allowed.tolist()]).encode()), as_of, allowed)

    def keep(self, persons: NDArray[np.str_]) -> NDArray[np.bool_]:
        """Say which of these pseudonyms are on the list; an empty list keeps nobody.

        Who has no pseudonym is on no list. Pseudonyms of another key than the list's are ``pseudonyms-rotated``:
        nobody would be found on it.
        """
        self.require_key_of([*persons[:1].tolist(), *persons[-1:].tolist()])
        found = np.zeros(len(persons), dtype=bool)
        known = persons != ""
        if known.any():
            found[known] = self.members.have(_bits(persons[known]))
        return found

    @cached_property
    def members(self) -> Members:
        """Return the list as what people's 16 bytes are held against."""
        return Members(_bits(self.allowed))

    def require_key_of(self, pseudonyms: Iterable[str]) -> None:
        """Return if these were made with the list's key, by what they begin with; else ``pseudonyms-rotated``."""
        heads = {text.partition(".")[0] for text in [*pseudonyms, *self.allowed[:1].tolist()] if text}
        if len(heads) > 1:
            raise Refusal("pseudonyms-rotated", "while this was at work")

    def check_fresh(self, now: datetime.datetime, at_most_days: int) -> None:
        """Return if the list is at most ``at_most_days`` old, and not from the future: ``optouts-stale``."""
        days = (now.astimezone(datetime.UTC).date() - self.as_of).days
        if not 0 <= days <= at_most_days:
            raise Refusal("optouts-stale", f"as of {self.as_of}, at most {at_most_days} days old")


def _bits(pseudonyms: NDArray[np.str_]) -> Bits:
    """Return the 16 bytes of each, all of one key."""
    return bits_of(pseudonyms, Tag.of(str(pseudonyms[0]).partition(".")[0])) if len(pseudonyms) else NO_BITS


__all__ = ["NO_BITS", "OptOuts"]
