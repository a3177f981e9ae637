"""Names of people."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from privacy.discovery.cells import Cells
from privacy.discovery.suspect import FEW, HALF, about

NAMES = Path(__file__).with_name("common_names.toml")
SHAPED = 0.6  # of texts have the shape of a name
COMMON, COVERED = 0.2, 0.15  # of texts have a common name; or of all common names are there, as in a long list
LONGEST, WORDS = 40, 4
# A title, then words of letters, each begun with a capital or in capitals throughout, or all in small letters
_SHAPE = re.compile(
    r"(?:(?:[Mm]rs?|MRS?|[Mm]s|MS|[Mm]iss|MISS|[Dd]r|DR|[Pp]rof|PROF)\.? )?"
    r"(?:[^\W\d_a-z][\w'’\-.]*(?:(?:,? |,)[^\W\d_a-z][\w'’\-.]*){0,3}|[a-z][a-z'’\-]+(?:,? [a-z][a-z'’\-]*){0,2})"
)
_TITLE = re.compile(r"(?i)^(?:mr|mrs|miss|ms)\b\.? ")
_WORD = re.compile(r"[^\W\d_]+")
# Words that a name of a place, a team, a firm, a drug or a disease has, and a person's has not
_OTHER_WORDS = """
hospital hospitals surgery practice centre center clinic clinics trust nhs ward unit medical health care group
house home road street lane council borough district city county university school college church pharmacy team
service services partnership foundation general royal infirmary community and of the for with in on disease
syndrome disorder fracture injury cancer pain failure infection acute chronic other unknown none not or tablet
tablets capsule capsules oral inhaler cream mg male female yes no north south east west upon green limited ltd
plc doctors dental department office region england area board st
"""
_OTHERS = frozenset(_OTHER_WORDS.split())


class Names:
    """Counts texts that have the shape of a person's name, and how many hold a name that many people have.

    Without a word from the column's name, six in ten of the texts have the shape, ten different common names are
    among them, and either one text in five holds one or, of a long list, the column holds a good part of all common
    names. Where the column's name agrees, the shape is enough: rare names are names too.
    """

    def __init__(self) -> None:
        self._texts = self._shaped = self._holding = self._titled = 0
        self._met: set[str] = set()

    def see(self, cells: Cells) -> None:
        """Count what is in these texts."""
        self._texts += len(cells)
        likely = (cells.digits == 0) & (cells.letters >= 2) & (cells.lengths <= LONGEST) & (cells.words <= WORDS)
        known = common_names()
        for line in cells.where(likely):
            words = set(_WORD.findall(line.lower().replace("'", "").replace("’", "")))
            if words & _OTHERS or not _SHAPE.fullmatch(line) or max(map(len, words)) < 2:
                continue
            self._shaped += 1
            self._titled += bool(_TITLE.match(line))
            found = words & known
            if found:
                self._holding += 1
                self._met |= found

    def reason(self, *, named: bool) -> str | None:
        """Return why the column is suspect, or None."""
        if self._shaped < max(1, SHAPED * self._texts):
            return None
        share = f"{about(self._shaped, self._texts)} of its values have the shape of a person's name"
        if named and (self._holding or self._texts >= FEW):
            return f"its name says so, and {share}"
        if self._titled >= max(FEW, HALF * self._texts):
            return f"{share}, with a title"
        common = self._holding >= COMMON * self._texts or len(self._met) >= COVERED * len(common_names())
        if len(self._met) >= FEW and common:
            return f"{share}, and {about(self._holding, self._texts)} hold a common one"
        return None


@cache
def common_names() -> frozenset[str]:
    """Return given names and surnames that many people have, in small letters."""
    lists = tomllib.loads(NAMES.read_text(encoding="utf-8"))
    return frozenset(" ".join(lists.values()).split())


__all__ = ["COMMON", "COVERED", "LONGEST", "NAMES", "SHAPED", "WORDS", "Names", "common_names"]
