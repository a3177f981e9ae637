"""Writes the report of a data set into it: ``report.html`` for people and ``report.json`` with the same figures."""

from __future__ import annotations

from pathlib import Path

from privacy.atomic import SHARED, put
from privacy.canonical import Document, legible
from privacy.errors import Refusal, Unreachable
from synthetic.provenance import Fitted, to_document
from synthetic.report.beside import beside
from synthetic.report.beside_page import beside_page
from synthetic.report.released import released_for, released_report
from synthetic.report.released_page import released_page
from synthetic.written.reading import DataSet, open_data_set

PAGE, JSON = "report.html", "report.json"


def make_report(data_set: Path, result: Path | None = None) -> Document:
    """Report on a data set that is whole, and write the report into it; the same data give the same bytes.

    A report that is there is replaced. Simulated data are set beside the published figures; fitted data beside the
    margins of ``result``, what the hub exported of their study: without it ``report-result-absent``.
    """
    data = open_data_set(data_set)
    if not isinstance(data.manifest.plan.provenance, Fitted):
        found, page_of = beside(data), beside_page
        title = f"{found['people']:,} people of {found['place']} who never were"
    elif result is None:
        raise Refusal("report-result-absent", str(data_set))
    else:
        found, page_of = released_report(data, released_for(data, result)), released_page
        title = f"{found['people_of_data']:,} people who never were, of {found['title']}"
    found |= _about(data)
    use = {"says": found["provenance"]["says"], **found["provenance"]["use"]}
    page = page_of(found, title=title, use=use, foot=_foot(data))
    try:
        put(data_set / JSON, legible(found), mode=SHARED, replace=True)
        put(data_set / PAGE, page, mode=SHARED, replace=True)
    except OSError as error:
        raise Unreachable("file-unwritable", str(data_set)) from error
    return found


def _about(data: DataSet) -> Document:
    plan = data.manifest.plan
    provenance = to_document(plan.provenance)
    return {"provenance": provenance, "command": plan.command, "manifest": data.manifest.sha256}


def _foot(data: DataSet) -> str:
    plan = data.manifest.plan
    return f"Made by {plan.command}, version {plan.software['hedgerow']}. Manifest {data.manifest.sha256}."


__all__ = ["JSON", "PAGE", "make_report"]
