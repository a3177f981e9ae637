"""One column of a data contract: what it is, how it is treated, and the public bounds of its values."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from privacy.canonical import Document
from privacy.code_systems import CODE_SYSTEMS

ColumnKind = Literal["direct-identifier", "quasi-identifier", "sensitive", "measure"]
ColumnType = Literal["nhs-number", "linked-id", "text", "integer", "number", "code", "date", "postcode"]
Treatment = Literal["pseudonym", "drop", "keep", "month", "year", "outward", "band"]
Role = Literal[
    "area", "birth", "deprivation", "ethnicity", "practice", "sex",
    "code", "cost", "date", "organisation", "setting", "source", "unit", "value",
]  # fmt: skip

GROUPS: tuple[Role, ...] = ("deprivation", "ethnicity", "sex")  # whom data and models are looked at apart for
COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
RESERVED = ("held_back", "line", "person", "reasons")  # columns that the node's own tables have
NUMERIC = ("integer", "number")
PERSONS = ("nhs-number", "linked-id")  # what can say whose row it is
BOUNDED = (*NUMERIC, "date")
LARGEST_INTEGER = 2**53  # every whole number up to it is exact as a float64 (IEEE 754)
ISO_DATE = "%Y-%m-%d"
EPOCH = datetime.date(1970, 1, 1)
_OF_A_TIME = ("%H", "%I", "%M", "%S", "%f", "%p", "%X", "%c", "%z", "%Z")
# What else than keeping it whole may be done with a column of each type that is no direct identifier.
GENERALISED: Mapping[str, tuple[Treatment, ...]] = {
    "date": ("month", "year"),
    "integer": ("band",),
    "number": ("band",),
    "postcode": ("outward",),
}


@dataclass(frozen=True)
class Column:
    """One column. Its bounds are public, written before the data are seen: so clipping can be private.

    ``low`` and ``high`` of a date are days since 1970-01-01. ``role`` says what the column is to those who read any
    data set: a person's ``birth``, an event's ``date``. Empty texts and None mean that the contract says nothing.
    ``linkage`` names the agreement under which a ``linked-id`` is known as a person's.
    """

    name: str
    kind: ColumnKind
    type: ColumnType
    treatment: Treatment | None = None
    low: float | None = None
    high: float | None = None
    codes: tuple[str, ...] = ()
    may_be_missing: bool = False
    unit: str = ""
    description: str = ""
    role: Role | None = None
    formats: tuple[str, ...] = ()
    may_be_future: bool = False
    system: str = ""
    code_list: str = ""
    code_list_sha256: str = ""
    band_width: float | None = None
    freshness_days: int | None = None
    owner: str = ""
    legal_basis: str = ""
    linkage: str = ""

    @property
    def is_person(self) -> bool:
        """Say whether this column tells whose row it is."""
        return self.type in PERSONS and self.treatment == "pseudonym"

    @property
    def is_stored(self) -> bool:
        """Say whether the store keeps something of it under its own name: its values, or texts in their place."""
        return self.treatment != "drop" and not self.is_person

    @property
    def public_bounds(self) -> tuple[float, float] | None:
        """Return its values' public bounds; codes that spell numbers are read as these; None when it is no number."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        try:
            values = [float(code) for code in self.codes]
        except ValueError:
            return None
        return (min(values), max(values)) if values else None

    def document(self) -> Document:
        """Return the column as plain data; what was added since version 0.2 is there only where the contract says it.

        So a contract from before has the hash that it always had.
        """
        document: Document = {"kind": self.kind, "type": self.type, "may_be_missing": self.may_be_missing}
        document |= {"unit": self.unit, "description": self.description}
        if self.treatment is not None:
            document["treatment"] = self.treatment
        if self.type in BOUNDED:
            document |= {end: self._end(getattr(self, end)) for end in ("low", "high")}
        if self.type == "code" and (self.codes or not self.system):
            document["codes"] = list(self.codes)
        said = {name: getattr(self, name) for name in _SAID_ONLY}
        return document | {name: list(v) if isinstance(v, tuple) else v for name, v in said.items() if v}

    def faults(self, missing: tuple[str, ...]) -> Iterator[str]:
        """Give each fault as ``field: what it must be``; ``missing`` are the texts that mean missing."""
        return _faults(self, missing)

    def _end(self, value: float | None) -> float | str | None:
        return iso_of(value) if self.type == "date" and value is not None else value


_SAID_ONLY = (
    "role", "formats", "may_be_future", "system", "code_list", "code_list_sha256", "band_width", "freshness_days",
    "owner", "legal_basis", "linkage",
)  # fmt: skip


def name_of(heading: str) -> str:
    """Return the column's name for a source's heading: ``health_service_id`` for ``Health Service ID``.

    Whatever is no letter or digit becomes one ``_``; a name that would begin with a digit, or is reserved, gets ``c_``.
    """
    name = re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")
    return (name if name[:1].isalpha() and name not in RESERVED else f"c_{name}")[:63].rstrip("_")


def days_of(day: datetime.date) -> float:
    """Return the days since 1970-01-01."""
    return float((day - EPOCH).days)


def iso_of(days: float) -> str:
    """Return the date so many days after 1970-01-01, as ISO text."""
    return (EPOCH + datetime.timedelta(days=days)).isoformat()


def _faults(column: Column, missing: tuple[str, ...]) -> Iterator[str]:
    if not COLUMN_NAME.fullmatch(column.name) or column.name in RESERVED:
        yield f"name: is small letters, digits and _, and none of {', '.join(RESERVED)}"
    if column.kind not in get_args(ColumnKind):
        yield f"kind: is one of {', '.join(sorted(get_args(ColumnKind)))}"
    elif column.type not in get_args(ColumnType):
        yield f"type: is one of {', '.join(sorted(get_args(ColumnType)))}"
    elif column.type in PERSONS and column.kind != "direct-identifier":
        yield "kind: what says whose row it is, is a direct-identifier"
    if (column.type == "linked-id") != bool(column.linkage):
        yield "linkage: the name of a linkage agreement goes with type linked-id, and only with it"
    if column.kind == "direct-identifier":
        yield from _identifier_faults(column)
    else:
        yield from _generalisation_faults(column)
    if column.type in BOUNDED:
        yield from _bound_faults(column)
    if column.type == "date":
        yield from _format_faults(column)
    if column.type == "code":
        yield from _code_faults(column, missing)
    if column.role is not None and column.role not in get_args(Role):
        yield f"role: is one of {', '.join(sorted(get_args(Role)))}"


def _identifier_faults(column: Column) -> Iterator[str]:
    if column.treatment not in ("pseudonym", "drop"):
        yield "treatment: is one of drop, pseudonym"
    elif column.treatment == "pseudonym" and column.type not in (*PERSONS, "text"):
        yield "treatment: only an nhs-number, a linked-id or a text becomes a pseudonym; drop the others"
    elif column.is_person and column.may_be_missing:
        yield "may_be_missing: a row needs its person"


def _generalisation_faults(column: Column) -> Iterator[str]:
    fit = ("keep", *GENERALISED.get(column.type, ()))
    if column.treatment is not None and column.treatment not in fit:
        yield f"treatment: of {column.type} that is no direct-identifier is one of {', '.join(fit)}"
    elif column.treatment == "band" and not (column.band_width and column.band_width > 0):
        yield "band_width: is a number above 0"
    elif column.treatment != "band" and column.band_width is not None:
        yield 'band_width: goes with treatment = "band"'


def _bound_faults(column: Column) -> Iterator[str]:
    what = "a date such as 2015-04-01" if column.type == "date" else "a finite number"
    for end in ("low", "high"):
        value: float | None = getattr(column, end)
        if value is None or not abs(value) < float("inf"):
            yield f"{end}: a public bound is required, {what}"
        elif column.type == "integer" and (value % 1 or abs(value) > LARGEST_INTEGER):
            yield f"{end}: is a whole number within 2^53"
    if column.low is not None and column.high is not None and not column.low < column.high:
        yield "high: must be above low"


def _format_faults(column: Column) -> Iterator[str]:
    for pattern in column.formats:
        try:
            read = datetime.datetime.strptime(datetime.datetime(2001, 12, 31).strftime(pattern), pattern)  # noqa: DTZ001, DTZ007 - a day, nowhere
        except ValueError:
            read = None
        if any(part in pattern for part in _OF_A_TIME):
            yield "formats: say the day alone, a time after it is dropped"
        elif read is None or (read.year, read.month, read.day) != (2001, 12, 31):
            yield "formats: each has a day, a month and a year, such as %d/%m/%Y"


def _code_faults(column: Column, missing: tuple[str, ...]) -> Iterator[str]:
    if column.system and column.system not in CODE_SYSTEMS:
        yield f"system: is one of {', '.join(sorted(CODE_SYSTEMS))}"
    if not column.codes and column.system and not column.code_list:
        return
    if not column.codes or len(set(column.codes)) != len(column.codes):
        yield "codes: at least one is needed, none twice"
    elif any(code != code.strip() for code in column.codes):
        yield "codes: none begins or ends with a space"
    elif set(column.codes) & set(missing):
        yield "codes: one of them is also a text that means missing"


__all__ = [
    "BOUNDED",
    "COLUMN_NAME",
    "EPOCH",
    "GENERALISED",
    "GROUPS",
    "ISO_DATE",
    "LARGEST_INTEGER",
    "NUMERIC",
    "PERSONS",
    "RESERVED",
    "Column",
    "ColumnKind",
    "ColumnType",
    "Role",
    "Treatment",
    "days_of",
    "iso_of",
    "name_of",
]
