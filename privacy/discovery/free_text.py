"""Free text: what somebody wrote, which may hold anything."""

from __future__ import annotations

import re

from privacy.discovery.cells import Cells
from privacy.discovery.suspect import FEW, about

WORDS, LONG = 8, 25
ENOUGH, SHARE = 20, 0.2  # distinct texts of eight words that read as a sentence, and their share of all texts
MANY = 50  # sentences anywhere in a column of other things, such as "other, please say"
LOOKED_AT = 10_000  # long texts of a part; of more, every second, third, ... speaks for those beside it
NAMED_WORDS = 3  # on average, where the name says notes
# Words of sentences; labels of codes have "of", "and", "with", "without", "not" and hardly any of these
_SENTENCE = re.compile(
    r"(?i)\b(?:was|is|are|has|had|have|been|he|she|his|her|him|they|their|my|you|will|would|today|pt|says|said|reports"
    r"|denies|lives|did|saw|went|came|told)\b"
)


class FreeText:
    """Counts long texts that read as sentences.

    A column is suspect when a fifth of its texts (20 at least), or 50 of them, have eight words or more and a word
    that sentences have and labels of codes have not; or when a tenth have 25 words. Where the name says notes or
    comments, three words on average are enough.
    """

    def __init__(self) -> None:
        self._texts = self._sentences = self._long = self._words = 0

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        self._words += int(cells.words[cells.letters > 0].sum())
        self._long += int(((cells.words >= LONG) & (cells.letters > cells.digits)).sum())
        likely = cells.where((cells.words >= WORDS) & (cells.letters > cells.digits))
        every = len(likely) // LOOKED_AT + 1
        self._sentences += every * sum(map(bool, map(_SENTENCE.search, likely[::every])))

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        if self._sentences >= max(ENOUGH, SHARE * self._texts) or self._sentences >= MANY:
            return f"{about(self._sentences, self._texts)} of its values read as sentences of eight words or more"
        if self._long >= max(FEW, 0.1 * self._texts):
            return f"{about(self._long, self._texts)} of its values have 25 words or more"
        if named and self._texts >= FEW and self._words >= NAMED_WORDS * self._texts:
            return "its name says so, and its values have three words or more on average"
        return None


__all__ = ["ENOUGH", "LONG", "LOOKED_AT", "MANY", "NAMED_WORDS", "SHARE", "WORDS", "FreeText"]
