"""A finished study's result as files for others: one JSON document, or a table each as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

from models.computations import evaluation
from models.curves import Bin, RocPoint, auc_chance_sd, calibration, roc
from models.version import ModelVersion, version_of
from privacy.canonical import Document, canonical
from privacy.computation import Result
from privacy.figures import figures_of
from privacy.signing import PublicKey

FORMAT = "hedgerow-result/1"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run


@dataclass(frozen=True)
class Table:
    """A table of the result, alike in the page and as CSV; ``name`` is its file's."""

    name: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def export_of(found: Document, sealed: bytes, model: ModelVersion, *, coordinator: PublicKey) -> Document:
    """Return everything: what was asked, what each step found with its arrays and curves, receipts and provenance.

    Of tables there is what people are shown, and no array beside it.

    ``found`` is what ``result show`` prints; ``coordinator`` the key whose signature ``model`` was opened by.
    """
    study = model.study
    return {
        "format": FORMAT,
        **found,
        "asked": study.document(),
        "results": {name: _result(result) for name, result in model.results.items() if not figures_of(result)},
        "receipts": [{**each.receipt.document(), "signature": each.signature} for each in model.signed],
        "keys": dict(model.keys),
        "provenance": {
            "model": version_of(sealed),
            "study": study.hash,
            "signed_by": coordinator.fingerprint,
            "key": coordinator.text,
            "software": asdict(study.software) if study.software else None,
        },
    }


def json_of(document: Document) -> bytes:
    """Return the document as canonical JSON, so that the same result is the same bytes."""
    return canonical(document) + b"\n"


def tables_of(document: Document, model: ModelVersion) -> list[Table]:
    """Return every table of the result."""
    tables = [_summary(document)]
    for found in document["steps"]:
        tables += (
            shown_tables(found) if "tables" in found else _step_tables(found["step"], model.results[found["step"]])
        )
    return [*tables, _nodes(model), _receipts(model)]


def csv_of(table: Table) -> bytes:
    """Return a table as CSV (RFC 4180, UTF-8); no cell is a formula to a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table.head)
    writer.writerows([_cell(value) for value in row] for row in table.rows)
    return text.getvalue().encode()


def _result(result: Result) -> Document:
    arrays = {name: array.tolist() for name, array in result.arrays.items()}
    document: Document = {"kind": result.kind, "facts": dict(result.facts), "arrays": arrays}
    if result.kind == evaluation.KIND:
        document["roc"] = [asdict(point) for point in roc(result)]
        document["calibration"] = [asdict(each) for each in calibration(result)]
        document["auc_chance_sd"] = auc_chance_sd(result)
    return document


def _summary(document: Document) -> Table:
    names = ("study", "title", "hash", "version", "made_at", "epsilon", "epsilon_spent", "delta")
    rows = [(name, document[name]) for name in names]
    return Table("summary", "Summary", ("field", "value"), tuple(rows))


def shown_tables(found: Document) -> Iterator[Table]:
    """Yield the tables and quantiles that people are shown of a step, a reason in the place of what is withheld."""
    for each in found["tables"]:
        means = list(each["rows"][0]["means"])
        spread = [f"{name}{end}" for name in means for end in ("", " low", " high", " note")]
        head = (*(each["by"] or ("all",)), "people", "low", "high", "note", *spread)
        rows = [(*(row["keys"] or ("everybody",)), *_told(row["people"]), *(
            cell for name in means for cell in _told(row["means"][name]))) for row in each["rows"]]  # fmt: skip
        yield Table(each["name"], caption_of(found["step"], each["by"]), head, tuple(rows))
    for name, quantiles in found.get("quantiles", {}).items():
        rows = [(each["at"], *_told(each)) for each in quantiles]
        head = ("part of people below", "value", "low", "high", "note")
        yield Table(f"{found['step']}-quantiles-{name}", f"{found['step']}: quantiles of {name}", head, tuple(rows))


def caption_of(step: str, by: Sequence[str]) -> str:
    """Return what a table of a step is called."""
    return f"{step}: people by {' and '.join(by).replace('_', ' ')}" if by else f"{step}: everybody"


def _told(figure: Document) -> tuple[object, ...]:
    return figure["value"], figure["low"], figure["high"], figure["reason"]


def _step_tables(step: str, result: Result) -> Iterator[Table]:
    numbers = {n: v for n, v in result.facts.items() if v is None or isinstance(v, int | float | str)}
    if result.kind == evaluation.KIND:
        numbers["auc_chance_sd"] = auc_chance_sd(result)
    if numbers:
        yield Table(f"{step}-figures", f"{step}: figures", ("figure", "value"), tuple(numbers.items()))
    for name, named in result.facts.items():
        if isinstance(named, Mapping):
            yield Table(f"{step}-{name}", f"{step}: {name}", ("name", "value"), tuple(named.items()))
    if result.kind == evaluation.KIND:
        yield _of_points(f"{step}-roc", f"{step}: ROC curve", RocPoint, roc(result))
        yield _of_points(f"{step}-calibration", f"{step}: calibration", Bin, calibration(result))


def _of_points(name: str, caption: str, kind: type[Any], points: Sequence[Any]) -> Table:
    return Table(name, caption, tuple(f.name for f in fields(kind)), tuple(astuple(point) for point in points))


def _nodes(model: ModelVersion) -> Table:
    rows = []
    for invited in model.study.invited:
        theirs = [r for r in model.receipts if r.node == invited.fingerprint]
        data = sorted({each for receipt in theirs for each in receipt.data})
        rows.append((invited.name, invited.fingerprint, len(theirs), " ".join(data)))
    return Table("nodes", "Nodes that were invited", ("node", "fingerprint", "receipts", "data"), tuple(rows))


def _receipts(model: ModelVersion) -> Table:
    names = {invited.fingerprint: invited.name for invited in model.study.invited}
    head = ("node", "place", "sum", "people", "cost outside", "cost coordinator", "charged at", "leaf", "released")
    rows = [
        (names.get(r.node, r.node), r.place, r.title, r.people, r.cost_outside, r.cost_coordinator, r.charged_at,
         r.audit_leaf, r.released)
        for r in sorted(model.receipts, key=lambda r: (r.place, names.get(r.node, r.node)))
    ]  # fmt: skip
    return Table("receipts", "Receipts: what was paid for, before it was computed", head, tuple(rows))


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


__all__ = ["FORMAT", "FORMULA", "Table", "caption_of", "csv_of", "export_of", "json_of", "shown_tables", "tables_of"]
