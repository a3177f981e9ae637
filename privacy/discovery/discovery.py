"""Identifiers that nobody declared: each column's distinct texts are looked at, part by part, then judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from privacy.columns import Column
from privacy.discovery.addresses import Addresses
from privacy.discovery.birth_dates import BirthDates
from privacy.discovery.cells import Cells
from privacy.discovery.contacts import EMails, Phones
from privacy.discovery.declared import declared, undeclared
from privacy.discovery.free_text import FreeText
from privacy.discovery.hints import hints
from privacy.discovery.nhs_numbers import NhsNumbers
from privacy.discovery.numbers import InsuranceNumbers, LocalNumbers, PropertyNumbers
from privacy.discovery.people import Names
from privacy.discovery.postcodes import Postcodes
from privacy.discovery.suspect import Detector, Kind, Suspect

REMEMBERED = 20_000  # distinct texts of a column, so that one that comes in every batch counts once
REMEMBERED_IN_ALL = 2_000_000  # of all columns: a file may have thousands
DETECTORS: Mapping[Kind, Callable[[], Detector]] = {
    "nhs-number": NhsNumbers,
    "name": Names,
    "birth-date": BirthDates,
    "postcode": Postcodes,
    "phone": Phones,
    "e-mail": EMails,
    "address": Addresses,
    "national-insurance-number": InsuranceNumbers,
    "local-number": LocalNumbers,
    "property-number": PropertyNumbers,
    "free-text": FreeText,
}
_NEED_NAME: tuple[Kind, ...] = ("local-number", "property-number")  # their values look like any other number
# What a column of one kind is not called as well: ten digits that are NHS numbers need no second name
_COVERS: Mapping[Kind, tuple[Kind, ...]] = {
    "nhs-number": ("local-number", "phone", "property-number"),
    "phone": ("local-number",),
}


class Discovery:
    """Looks at the columns of one load; a column that was not declared is looked at whole.

    Memory grows with columns and not with rows: the detectors count, and the texts themselves are remembered up to
    ``REMEMBERED`` a column and ``REMEMBERED_IN_ALL``. Up to there the same texts give the same findings, however they
    were cut into parts and whatever their order.
    """

    def __init__(self, columns: Iterable[Column] = ()) -> None:
        self._declared = {column.name: column for column in columns}
        self._columns: dict[str, _Look] = {}
        self._room = REMEMBERED_IN_ALL
        for column in self._declared.values():
            if column.codes and column.is_stored:
                self._look(column.name, column.codes)

    def look(self, name: str, distinct_texts: Iterable[str]) -> None:
        """See distinct texts of one column, of one batch."""
        column = self._declared.get(name)
        self._look(name, distinct_texts if column is None else undeclared(column, distinct_texts))

    def findings(self) -> tuple[Suspect, ...]:
        """Return what was found so far, by column, in the order in which they came."""
        suspects = [suspect for look in self._columns.values() for suspect in look.suspects()]
        known = {(column.name, declared(column)) for column in self._declared.values()}
        return tuple(suspect for suspect in suspects if (suspect.column, suspect.kind) not in known)

    def _look(self, name: str, texts: Iterable[str]) -> None:
        look = self._columns.get(name)
        if look is None:
            look = self._columns[name] = _Look(name)
        self._room -= look.see(texts, self._room)


def kind_of(name: str, texts: Iterable[str]) -> tuple[Suspect, ...]:
    """Return what a column of this name with these distinct texts seems to hold; empty when nothing identifying."""
    discovery = Discovery()
    discovery.look(name, texts)
    return discovery.findings()


class _Look:
    """One column: its detectors, and the texts that they have seen."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._named = hints(name)
        kinds = [kind for kind in DETECTORS if kind in self._named or kind not in _NEED_NAME]
        self._detectors = {kind: DETECTORS[kind]() for kind in kinds}
        self._remembered: set[str] = set()

    def see(self, texts: Iterable[str], room: int) -> int:
        """Look at texts that are new, and return how many of them are remembered: at most ``room``."""
        new = set(texts)
        if self._remembered:
            new -= self._remembered
        if not new:
            return 0
        cells = Cells(new)
        if len(cells):
            for detector in self._detectors.values():
                detector.see(cells)
        if len(new) > min(room, REMEMBERED - len(self._remembered)):
            return 0
        self._remembered |= new
        return len(new)

    def suspects(self) -> list[Suspect]:
        reasons = {kind: detector.reason(named=kind in self._named) for kind, detector in self._detectors.items()}
        covered = {other for kind, others in _COVERS.items() if reasons.get(kind) for other in others}
        return [Suspect(self.name, kind, why) for kind, why in reasons.items() if why and kind not in covered]


__all__ = ["DETECTORS", "REMEMBERED", "REMEMBERED_IN_ALL", "Discovery", "kind_of"]
