"""Where somebody lives, as an address line."""

from __future__ import annotations

import re

from privacy.discovery.cells import Cells
from privacy.discovery.suspect import about

SPARSE, SPARSE_SHARE = 5, 0.02  # one text in fifty: addresses also stand inside longer texts
# How streets end in Great Britain, and their usual short forms
_STREET = (
    r"road|rd|street|st|avenue|ave|lane|ln|close|cl|drive|dr|way|crescent|cres|court|ct|place|pl|terrace|tce|gardens"
    r"|gdns|grove|gr|hill|rise|mews|row|square|sq|park|walk|green|view|parade|broadway|wharf|villas|croft|fold|gate"
)
_LINE = re.compile(
    rf"(?i)(?<![\d/.\-])\d{{1,4}}[a-z]?(?:\s?-\s?\d{{1,4}})?,?\s+(?:[a-z][a-z'.\-]*\s+){{1,4}}(?:{_STREET})(?![a-z\d])"
)
_FLAT = re.compile(r"(?i)(?<![a-z])(?:flat|apartment|apt)\s?\d{1,4}[a-z]?(?![\d%])")


class Addresses:
    """Counts texts with a house number, one to four words and a word for a street, or with a flat's number.

    One text in fifty is enough, and five at least, or any one where the name agrees. Names of streets or places
    without a number are no address.
    """

    def __init__(self) -> None:
        self._texts = self._holding = 0

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        likely = (cells.digits >= 1) & (cells.letters >= 4) & (cells.words >= 2)
        self._holding += sum(bool(_LINE.search(line) or _FLAT.search(line)) for line in cells.where(likely))

    @property
    def sure(self) -> bool:
        """Say whether one of the texts holds what is looked for."""
        return self._holding > 0

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        share = f"{about(self._holding, self._texts)} of its values" if self._holding else ""
        if named and self._holding >= max(1, SPARSE_SHARE * self._texts):
            return f"its name says so, and {share} have a house number and a street"
        if self._holding >= max(SPARSE, SPARSE_SHARE * self._texts):
            return f"{share} have a house number and a street"
        return None


__all__ = ["SPARSE", "SPARSE_SHARE", "Addresses"]
