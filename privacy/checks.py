"""What a contract asks of a row beyond a single cell: two columns compared, one that needs another, no repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeGuard, cast, get_args

from privacy.canonical import Document
from privacy.columns import BOUNDED, NUMERIC, Column
from privacy.fields import Fields

Relation = Literal["at-least", "above", "equal", "different"]
Then = Literal["present", "missing"]
ORDERED: tuple[Relation, ...] = ("at-least", "above")
BIRTH = "people.birth"  # the column with the role birth of the data set that the contract names as its people


@dataclass(frozen=True)
class Comparison:
    """``column`` stands in ``relation`` to ``other`` in every row that has both, as a discharge to its admission.

    Days that the contract cuts to months or years are compared as months or years, the coarser of the two. ``other``
    may be ``BIRTH``, the birth of the row's person in another data set.
    """

    name: str
    column: str
    relation: Relation
    other: str


@dataclass(frozen=True)
class Implication:
    """Where ``when`` is one of ``codes``, ``column`` is ``then``: present, or missing."""

    name: str
    when: str
    codes: tuple[str, ...]
    column: str
    then: Then


@dataclass(frozen=True)
class Uniqueness:
    """No two rows of one person have the same present values in all columns of ``unique``."""

    name: str
    unique: tuple[str, ...]


Check = Comparison | Implication | Uniqueness


def check_documents(checks: Sequence[Check]) -> list[Document]:
    """Return checks as plain data, which ``read_checks`` reads back."""
    return [{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(check).items()} for check in checks]


def read_checks(tables: Sequence[Fields]) -> tuple[Check, ...]:
    """Return the checks of a contract's ``[[checks]]``; what cannot be read is noted in the tables' faults."""
    return tuple(_read(table) for table in tables)


def check_faults(checks: Sequence[Check], stored: Sequence[Column], people: str | None) -> Iterator[str]:
    """Give each fault of checks that cannot hold on these columns, as ``checks[1].field: what it must be``."""
    by_name, names = {column.name: column for column in stored}, [check.name for check in checks]
    for number, check in enumerate(checks, start=1):
        place = f"checks[{number}]"
        if names.count(check.name) > 1:
            yield f"{place}.name: is there twice"
        used = columns_of(check)
        if unknown := sorted(set(used) - set(by_name)):
            yield f"{place}: {', '.join(unknown)} is no column that is kept"
        elif compares_birth(check):
            yield from (f"{place}.{fault}" for fault in _birth_faults(check, by_name, people))
        elif isinstance(check, Comparison):
            yield from (f"{place}.{fault}" for fault in _comparison_faults(check, by_name))
        elif isinstance(check, Implication) and by_name[check.when].type != "code":
            yield f"{place}.when: is a column of type code"


def columns_of(check: Check) -> tuple[str, ...]:
    """Return the contract's columns that a check looks at."""
    if isinstance(check, Comparison):
        return (check.column,) if compares_birth(check) else (check.column, check.other)
    return (check.when, check.column) if isinstance(check, Implication) else check.unique


def compares_birth(check: Check) -> TypeGuard[Comparison]:
    """Say whether a check needs the birth of the row's person, from another data set."""
    return isinstance(check, Comparison) and check.other == BIRTH


def _read(f: Fields) -> Check:
    check: Check
    if "unique" in f:
        check = Uniqueness(f.name("name"), tuple(f.names("unique")))
    elif "when" in f:
        then = cast("Then", f.text("then", "present", choices=get_args(Then)))
        check = Implication(f.name("name"), f.text("when"), f.texts("codes"), f.text("column"), then)
        if not check.codes:
            f.fault("codes", "is a list of texts, at least one")
    else:
        relation = cast("Relation", f.text("relation", choices=get_args(Relation)))
        check = Comparison(f.name("name"), f.text("column"), relation, f.text("other"))
    f.finish()
    return check


def _birth_faults(check: Comparison, by_name: Mapping[str, Column], people: str | None) -> Iterator[str]:
    if people is None:
        yield "other: the contract names no people"
    elif by_name[check.column].type != "date":
        yield f"column: only a date is compared with {BIRTH}"
    elif check.relation != "at-least":
        yield f"relation: with {BIRTH} it is at-least"


def _comparison_faults(check: Comparison, by_name: Mapping[str, Column]) -> Iterator[str]:
    column, other = by_name[check.column], by_name[check.other]
    if column.name == other.name:
        yield "other: is another column"
    elif column.type != other.type and not {column.type, other.type} <= set(NUMERIC):
        yield f"other: is of the type of {column.name}"
    elif check.relation in ORDERED and column.type not in BOUNDED:
        yield "relation: only numbers and dates have an order; use equal or different"
    elif "band" in (column.treatment, other.treatment):
        yield "other: a number that is kept in bands cannot be compared"
    elif check.relation != "at-least" and {column.treatment, other.treatment} & {"month", "year"}:
        yield "relation: days that are cut to months or years can only be compared by at-least"


__all__ = [
    "BIRTH",
    "ORDERED",
    "Check",
    "Comparison",
    "Implication",
    "Relation",
    "Then",
    "Uniqueness",
    "check_documents",
    "check_faults",
    "columns_of",
    "compares_birth",
    "read_checks",
]
