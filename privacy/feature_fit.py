"""Do features fit the data contracts of the data sets that they read? Asked before anybody approves, of no record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from privacy.code_lists import SHIPPED, read_code_list
from privacy.columns import NUMERIC, Column
from privacy.contract import Contract
from privacy.errors import Invalid
from privacy.features import KINDS, VALUED, Condition, Feature, FeatureSet
from privacy.study import Study

TEXTS = ("code", "postcode", "text")


def check_features(declared: FeatureSet, people: Contract, contract: Callable[[str], Contract] | None = None) -> None:
    """Return if each data set and column that a feature reads is there and of its kind; else ``feature-unfit``.

    ``people`` is the study's own data set, which has one row a person; ``contract`` finds those of events. Without it
    these are not looked at.
    """
    events = {name: contract(name) for name in declared.data_sets} if contract else {}
    faults = list(_faults(declared, people, events))
    if faults:
        raise Invalid("feature-unfit", faults[0] if len(faults) == 1 else "", faults=faults if len(faults) > 1 else ())


def check_code_lists(declared: FeatureSet) -> None:
    """Return if no list of a study bears the name and version of one that ships and is another; else ``feature-unfit``.

    Approvers read a list's name, and a name must mean one thing.
    """
    for each in declared.code_lists:
        if (SHIPPED / f"{each.reference}.csv").is_file() and read_code_list(each.reference).sha256 != each.sha256:
            raise Invalid("feature-unfit", f"{each.reference} is not the list that ships under this name")


def data_sets(study: Study) -> tuple[str, ...]:
    """Return every data set that a study reads: its own, then those of its features."""
    return tuple(dict.fromkeys((study.data_set, *(study.features.data_sets if study.features else ()))))


def date_column(contract: Contract) -> str:
    """Return the column that says when an event was: the one of role ``date``; else ``feature-unfit``."""
    dates = [column.name for column in contract.with_role("date") if column.type == "date"]
    if contract.table != "event" or len(dates) != 1:
        raise Invalid("feature-unfit", f"{contract.name} is no event table with one column of type and role date")
    return dates[0]


def _faults(declared: FeatureSet, people: Contract, events: dict[str, Contract]) -> Iterator[str]:
    if people.table != "person":
        yield f"{people.name} has several rows a person: features are of a person table"
    for each in events.values():
        try:
            date_column(each)
        except Invalid as error:
            yield error.detail
    for f in declared.features:
        if f.name in {column.name for column in people.columns}:
            yield f"{f.name}: {people.name} has a column of this name"
        if f.kind == "age":
            yield from (f"{f.name}: {fault}" for fault in _column_faults([(f.column, ("date",))], people))
        elif f.data_set in events:
            yield from (f"{f.name}: {fault}" for fault in _column_faults(_asked(f), events[f.data_set]))


def _asked(f: Feature) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each column that a feature reads, with the types that it may have."""
    if KINDS[f.kind] == VALUED:
        yield f.column, NUMERIC
    elif "column" in KINDS[f.kind]:
        yield f.column, (*NUMERIC, *TEXTS, "date")
    if f.until:
        yield f.until, ("date",)
    yield from ((c.column, _types(c)) for c in f.where)


def _types(condition: Condition) -> tuple[str, ...]:
    return TEXTS if condition.of_text else NUMERIC


def _column_faults(asked: Iterable[tuple[str, tuple[str, ...]]], contract: Contract) -> Iterator[str]:
    stored: dict[str, Column] = {column.name: column for column in contract.stored}
    for name, types in asked:
        if name not in stored:
            yield f"{contract.name} keeps no column {name}"
        elif stored[name].type not in types:
            yield f"{name} of {contract.name} is of type {stored[name].type}, not {' or '.join(types)}"


__all__ = ["TEXTS", "check_code_lists", "check_features", "data_sets", "date_column"]
