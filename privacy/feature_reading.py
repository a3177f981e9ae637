"""Reads features, their index date and their code lists from a study's plain data, every fault noted."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from privacy.canonical import Document
from privacy.code_lists import HEAD, CodeList, read_code_list
from privacy.errors import Invalid
from privacy.features import KINDS, LONGEST_WINDOW, Condition, Feature, FeatureKind, FeatureSet
from privacy.fields import Fields
from privacy.frailty import MEDICINE_DAYS, VERSION, frailty_index

FOLDER = "code-lists"  # beside the study's file: lists that do not ship


def features_of(f: Fields) -> FeatureSet | None:
    """Return the features of the document that ``f`` reads, or None where it has none; faults go to its list."""
    if "features" not in f:
        for name in ("index_date", "code_lists"):
            if name in f:
                f.fault(name, "goes with features")
        return None
    faults = len(f.faults)
    index_date = datetime.date.fromisoformat(f.date("index_date"))
    features = tuple(_feature(each) for each in f.tables("features"))
    lists = [_code_list(each) for each in f.tables("code_lists")]
    if len(f.faults) > faults:  # what cannot be read need not hold together
        return None
    try:
        return FeatureSet(index_date, features, tuple(each for each in lists if each is not None))
    except Invalid as error:
        f.faults.extend(error.faults)
        return None


def completed(document: Mapping[str, Any], directory: Path) -> Document:
    """Return a study file's document as it is hashed: a frailty index spelt out, and the code lists that are named.

    So a study carries its codes to whoever runs it. The lists ship, or lie in ``code-lists/`` in the directory; those
    that the document has already stay as they are. ``code-list-unknown`` when one is found nowhere.
    """
    document = _with_frailty_index(document) if "frailty_index" in document else document
    have = {f"{each.get('name')}@{each.get('version')}" for each in _tables(document.get("code_lists"))}
    named = [c.get("code_list") for f in _tables(document.get("features")) for c in _tables(f.get("where"))]
    wanted = dict.fromkeys(name for name in named if isinstance(name, str) and name and name not in have)
    if not wanted:
        return dict(document)
    found = [read_code_list(name, [directory / FOLDER]).document() for name in wanted]
    return {**document, "code_lists": [*_tables(document.get("code_lists")), *found]}


def _with_frailty_index(document: Mapping[str, Any]) -> Document:
    """Put the index's features before the others, which may be made of them."""
    faults: list[str] = []
    f = Fields(document["frailty_index"], "frailty_index", faults)
    index = frailty_index(
        diagnoses=f.name("diagnoses"),
        medicines=f.name("medicines"),
        code=f.name("code", "code"),
        medicine_days=f.whole("medicine_days", MEDICINE_DAYS, least=1),
        version=f.text("version", VERSION),
    )
    f.finish()
    if faults:
        raise Invalid("study-malformed", faults=faults)
    rest = {name: value for name, value in document.items() if name != "frailty_index"}
    return {**rest, "features": [*(each.document() for each in index), *_tables(document.get("features"))]}


def _feature(f: Fields) -> Feature:
    kind = cast("FeatureKind", f.text("kind", choices=KINDS))
    takes = KINDS.get(kind, ())
    feature = Feature(
        name=f.name("name"),
        kind=kind,
        data_set=f.name("data_set") if "data_set" in takes else "",
        column=f.name("column") if "column" in takes else "",
        until=f.name("until") if "until" in takes else "",
        where=tuple(_condition(c) for c in f.tables("where")) if "where" in takes else (),
        from_day=_day(f, "from_day") if "from_day" in takes and "from_day" in f else None,
        to_day=_day(f, "to_day") if "to_day" in takes and "to_day" in f else 0,
        at_most=f.whole("at_most") if "at_most" in takes and ("at_most" in f or kind != "age") else None,
        low=f.number("low") if "low" in takes else None,
        high=f.number("high") if "high" in takes else None,
        of=tuple(f.names("of")) if "of" in takes else (),
        edges=f.numbers("edges") if "edges" in takes else (),
    )
    f.finish()
    return feature


def _condition(f: Fields) -> Condition:
    condition = Condition(
        column=f.name("column"),
        codes=f.texts("codes"),
        code_list=f.text("code_list", ""),
        prefix=f.flag("prefix"),
        low=f.number("low") if "low" in f else None,
        high=f.number("high") if "high" in f else None,
    )
    f.finish()
    return condition


def _code_list(f: Fields) -> CodeList | None:
    head = {name: f.text(name) for name in ("name", "version", *HEAD)}
    codes = f.pairs("codes")
    f.finish()
    try:
        return CodeList(codes=codes, **head)
    except Invalid as error:
        f.faults.extend(f"{f.where}: {fault}" for fault in error.faults)
        return None


def _day(f: Fields, name: str) -> int:
    return f.whole(name, least=-LONGEST_WINDOW)


def _tables(value: object) -> Iterable[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


__all__ = ["FOLDER", "completed", "features_of"]
