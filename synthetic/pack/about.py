"""What the papers of a pack are written from: its tables as they lie on disk, and what the whole may be used for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from privacy.contract import Contract
from synthetic.manifest import Plan
from synthetic.pack.questions import Question
from synthetic.provenance import PublicPriors

PEOPLE = "people"  # the table that every other one has its people from
MEDIA_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class Licence:
    """What the data of a pack may be used under: a title, where its text is, and its name among open licences."""

    title: str
    path: str
    name: str = ""


# of the data; the program that made it is under Apache-2.0
OPEN = Licence("Creative Commons Attribution 4.0", "https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0")
OF_THE_STUDY = Licence("No open licence: only the uses that README.md lists", "LICENCE.txt")


@dataclass(frozen=True)
class Packed:
    """One table of a pack: its contract, and the one file that holds it; ``path`` is relative to the pack."""

    name: str
    contract: Contract
    path: str
    rows: int
    bytes: int
    sha256: str

    @property
    def format(self) -> str:
        """Return csv or parquet."""
        return self.path.rpartition(".")[2]

    @property
    def person(self) -> str:
        """Return the column that says whose row it is."""
        return self.contract.person


@dataclass(frozen=True)
class About:
    """A pack in words: its name (small letters, digits, hyphens), and texts for people.

    ``made_with`` is the program and its version; ``created`` the day that the data are as of (never the clock's: the
    same data give the same pack) and ``index_date`` that from which outcomes are counted, both as ISO text, empty where
    the data have none. ``plan`` is what the data were made by, ``questions`` what teams are asked.
    """

    name: str
    title: str
    description: str
    use: str
    made_with: str
    version: str
    created: str
    index_date: str
    plan: Plan
    questions: tuple[Question, ...]
    tables: Mapping[str, Packed]

    @property
    def licence(self) -> Licence:
        """Return an open licence of simulated data; of fitted ones those whose records they are from gave none."""
        return OPEN if isinstance(self.plan.provenance, PublicPriors) else OF_THE_STUDY

    @property
    def secret(self) -> bool:
        """Say whether the seed must not be told: whoever has it makes the data again, answers and all."""
        return bool(self.questions)


__all__ = ["MEDIA_TYPES", "OF_THE_STUDY", "OPEN", "PEOPLE", "About", "Licence", "Packed"]
