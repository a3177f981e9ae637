"""Writes the report of a data set into it: ``report.html`` for people and ``report.json`` with the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privacy.atomic import SHARED, put
from privacy.canonical import Document, legible
from privacy.errors import Invalid, Unreachable
from synthetic.provenance import Fitted, to_document
from synthetic.report.beside import beside
from synthetic.report.beside_page import beside_page
from synthetic.report.released import exported_for, released_for, released_report
from synthetic.report.released_page import released_page
from synthetic.report.remade import made_again
from synthetic.report.rows import keyed_rows
from synthetic.report.scorecard import as_toml, auc_of, trained
from synthetic.report.tried import tried
from synthetic.written.reading import DataSet, open_data_set

PAGE, JSON = "report.html", "report.json"
STEP = "discrimination.toml"  # what a study needs to try on people what the data taught


def make_report(
    data_set: Path, results: Sequence[Path] = (), *, outcome: str = "", event: Sequence[str] = ()
) -> Document:
    """Report on a data set that is whole, and write the report into it; the same data give the same bytes.

    A report that is there is replaced. Simulated data are set beside the published figures; fitted data beside the
    margins of their study, which is among ``results``, what the hub exported: without it ``report-result-absent``.
    With an ``outcome``, a variable of that study, which is there where its key is one of ``event``, a scorecard is
    trained on the data and written as a step of a study; other ``results`` are of studies that tried it on people.
    """
    data = open_data_set(data_set)
    if not isinstance(data.manifest.plan.provenance, Fitted):
        if results or outcome:
            raise Invalid("report-result-other", str(data_set))
        again = made_again(data)
        found, page_of = beside(data) | {"made_again": again}, beside_page
        title = f"{found['people']:,} people of {found['place']} who never were"
    else:
        found, page_of = _fitted(data, results, outcome, event), released_page
        title = f"{found['people_of_data']:,} people who never were, of {found['title']}"
    found |= _about(data)
    use = {"says": found["provenance"]["says"], **found["provenance"]["use"]}
    page = page_of(found, title=title, use=use, foot=_foot(data))
    _put(data_set / JSON, legible(found))
    _put(data_set / PAGE, page)
    return found


def _fitted(data: DataSet, results: Sequence[Path], outcome: str, event: Sequence[str]) -> Document:
    own, others = exported_for(data, results)
    found = released_report(data, released_for(own))
    found["tried"] = [each for exported in others for each in tried(data, exported)]
    if event and not outcome:
        raise Invalid("report-outcome", "keys of no outcome", faults=found["columns"])
    if not outcome:
        return found | {"trained": None}
    variables = [own.study.variable(name) for name in found["columns"]]
    rows = keyed_rows(data, variables)
    card = trained(rows, outcome, event, trained_on=data.manifest.sha256)
    _put(data.home / STEP, as_toml(card, variables).encode())
    return found | {"trained": {"predicted": outcome, "event": list(event), "auc_on_data": auc_of(card, rows)}}


def _put(path: Path, content: bytes) -> None:
    try:
        put(path, content, mode=SHARED, replace=True)
    except OSError as error:
        raise Unreachable("file-unwritable", str(path.parent)) from error


def _about(data: DataSet) -> Document:
    plan = data.manifest.plan
    provenance = to_document(plan.provenance)
    return {"provenance": provenance, "command": plan.command, "manifest": data.manifest.sha256}


def _foot(data: DataSet) -> str:
    plan = data.manifest.plan
    return f"Made by {plan.command}, version {plan.software['hedgerow']}. Manifest {data.manifest.sha256}."


__all__ = ["JSON", "PAGE", "STEP", "make_report"]
