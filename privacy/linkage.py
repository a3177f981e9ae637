"""A linkage agreement as data: who lets whose records be linked, by what, how surely, and until when."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from privacy.canonical import Document, hash_of
from privacy.columns import ISO_DATE
from privacy.errors import Invalid, Refusal
from privacy.fields import NAME, Fields
from privacy.toml_file import read_toml

COMPARED = ("given_name", "surname", "date_of_birth", "sex", "postcode", "address", "shared_id")
NEEDED = ("given_name", "surname", "date_of_birth")  # fewer tell no twin from a twin
LEAST_MATCH_AT = 0.9  # our floor: below it one machine link in ten would be another person's


@dataclass(frozen=True)
class Controller:
    """An organisation whose records are linked, and the person of the node's policy who speaks for it."""

    name: str
    person: str


@dataclass(frozen=True)
class Extract:
    """One side of a linkage: whose it is, its id, and under which heading each compared column stands.

    ``data_sets`` are the node's data sets whose rows bear these ids; the reference has none, its id is the NHS number.
    A person has one id there, unless ``several_ids``. ``shared_id`` is an id that both sides keep. ``known`` is the
    heading of NHS numbers that a target has for some of its rows: they say how good the linkage is, and link nothing.
    ``groups`` are columns, such as ethnicity, by which the share that was linked is shown.
    """

    name: str
    controller: str
    id: str
    columns: tuple[tuple[str, str], ...]
    dates: tuple[str, ...] = (ISO_DATE,)
    data_sets: tuple[str, ...] = ()
    several_ids: bool = False
    known: str = ""
    groups: tuple[tuple[str, str], ...] = ()

    @property
    def headings(self) -> dict[str, str]:
        """Return the heading of each compared column."""
        return dict(self.columns)


@dataclass(frozen=True)
class Agreement:
    """A linkage agreement that holds: one that does not is ``agreement-malformed``, with all its faults.

    A pair at ``match_at`` or above is a link, from ``review_from`` up to there people decide, below it is nothing.
    Raise ``model`` to have the model trained anew.
    """

    name: str
    version: int
    purpose: str
    legal_basis: str
    expires: str
    controllers: tuple[Controller, ...]
    reference: Extract
    targets: tuple[Extract, ...]
    match_at: float = 0.99
    review_from: float = 0.5
    model: int = 1

    def __post_init__(self) -> None:
        """Refuse what does not hold together."""
        if faults := list(_faults(self)):
            raise Invalid("agreement-malformed", self.name, faults=faults)

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the canonical document, defaults included: what every controller signs."""
        return hash_of(self.document())

    @property
    def people(self) -> tuple[str, ...]:
        """Return who speaks for the controllers, each once."""
        return tuple(dict.fromkeys(controller.person for controller in self.controllers))

    def document(self) -> Document:
        """Return the agreement as plain data; ``agreement_of`` reads it back."""
        head = ("name", "version", "purpose", "legal_basis", "expires", "match_at", "review_from", "model")
        return {
            "agreement": {name: getattr(self, name) for name in head},
            "controllers": [asdict(controller) for controller in self.controllers],
            "reference": _document(self.reference),
            "targets": [_document(target) for target in self.targets],
        }

    def target(self, name: str = "") -> Extract:
        """Return a target by name, or the only one; otherwise ``linkage-target-unknown``."""
        found = [target for target in self.targets if name in ("", target.name)]
        if len(found) != 1:
            raise Refusal("linkage-target-unknown", name or ", ".join(target.name for target in self.targets))
        return found[0]

    def target_of(self, data_set: str) -> Extract:
        """Return the target whose ids a data set's rows bear; ``linkage-target-unknown`` when it is in none."""
        for target in self.targets:
            if data_set in target.data_sets:
                return target
        raise Refusal("linkage-target-unknown", data_set)

    def compared(self, target: Extract) -> tuple[str, ...]:
        """Return the columns that reference and target both have."""
        return tuple(c for c in COMPARED if c in self.reference.headings and c in target.headings)

    def people_of(self, data_set: str) -> tuple[str, ...]:
        """Return who speaks for the controllers whose records a data set that came by linkage touches."""
        touched = {self.reference.controller, self.target_of(data_set).controller}
        return tuple(dict.fromkeys(c.person for c in self.controllers if c.name in touched))

    def check_in_force(self, today: datetime.date) -> None:
        """Return up to the day on which it expires; after it, ``linkage-expired``."""
        if today > datetime.date.fromisoformat(self.expires):
            raise Refusal("linkage-expired", f"{self.name} on {self.expires}")


def read_agreement(path: Path) -> Agreement:
    """Return the agreement in a TOML file; ``agreement-malformed`` lists all faults, each with its line."""
    return read_toml(path, "agreement-malformed", agreement_of)


def agreement_of(document: Mapping[str, Any]) -> Agreement:
    """Return the agreement that plain data describes; unknown, missing and wrong fields are all listed."""
    faults: list[str] = []
    whole = Fields(document, "", faults)
    head = whole.table("agreement")
    fields: dict[str, Any] = {
        "name": head.name("name"),
        "version": head.whole("version", least=1),
        "purpose": head.text("purpose"),
        "legal_basis": head.text("legal_basis"),
        "expires": head.date("expires"),
        "match_at": head.number("match_at", 0.99),
        "review_from": head.number("review_from", 0.5),
        "model": head.whole("model", 1, least=1),
        "controllers": tuple(_controller(f) for f in whole.tables("controllers")),
        "reference": _extract(whole.table("reference"), reference=True),
        "targets": tuple(_extract(f, reference=False) for f in whole.tables("targets")),
    }
    head.finish()
    whole.finish()
    if faults:
        raise Invalid("agreement-malformed", fields["name"], faults=faults)
    return Agreement(**fields)


def _controller(f: Fields) -> Controller:
    controller = Controller(f.text("name"), f.name("person"))
    f.finish()
    return controller


def _extract(f: Fields, *, reference: bool) -> Extract:
    columns = f.table("columns")
    headings = tuple((c, columns.text(c)) for c in COMPARED if c in columns)
    columns.finish()
    extract = Extract(
        name=f.name("name"),
        controller=f.text("controller"),
        id=f.text("id"),
        columns=headings,
        dates=f.texts("dates", (ISO_DATE,)),
        data_sets=() if reference else tuple(f.names("data_sets")),
        several_ids=False if reference else f.flag("several_ids"),
        known="" if reference else f.text("known", ""),
        groups=() if reference else _named_texts(f.table("groups")),
    )
    f.finish()
    return extract


def _named_texts(f: Fields) -> tuple[tuple[str, str], ...]:
    return tuple((name, f.text(name)) for name in f)


def _document(extract: Extract) -> Document:
    known: Document = {"name": extract.name, "controller": extract.controller, "id": extract.id}
    known |= {"columns": extract.headings, "dates": list(extract.dates)}
    target: Document = {"data_sets": list(extract.data_sets), "several_ids": extract.several_ids}
    target |= {"known": extract.known, "groups": dict(extract.groups)}
    return {**known, **target} if extract.data_sets else known


def _faults(a: Agreement) -> Iterator[str]:
    if not LEAST_MATCH_AT <= a.match_at < 1:
        yield f"agreement.match_at: is at least {LEAST_MATCH_AT:g} and below 1"
    if not 0 < a.review_from <= a.match_at:
        yield "agreement.review_from: is above 0 and at most match_at"
    if not NAME.fullmatch(a.name):
        yield "agreement.name: is a name of small letters, digits, - and _"
    names = [controller.name for controller in a.controllers]
    if not names or len(set(names)) < len(names):
        yield "controllers: at least one is needed, none twice"
    if not a.targets:
        yield "targets: at least one is needed"
    sides = [("reference", a.reference), *((f"targets[{i + 1}]", t) for i, t in enumerate(a.targets))]
    if len({extract.name for _, extract in sides}) < len(sides):
        yield "targets: a name twice"
    served = [data_set for target in a.targets for data_set in target.data_sets]
    if len(set(served)) < len(served):
        yield "targets: a data set in two of them"
    for where, extract in sides:
        if extract.controller not in names:
            yield f"{where}.controller: is one of the controllers"
        if lacking := [c for c in NEEDED if c not in extract.headings]:
            yield f"{where}.columns: {', '.join(lacking)} are needed"
        if len({extract.id, *extract.headings.values()}) <= len(extract.headings):
            yield f"{where}.columns: a heading twice"


__all__ = [
    "COMPARED",
    "LEAST_MATCH_AT",
    "NEEDED",
    "Agreement",
    "Controller",
    "Extract",
    "agreement_of",
    "read_agreement",
]
