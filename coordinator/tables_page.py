"""The part of a result's page that shows tables: counts, means, intervals, histograms, and why some are withheld."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coordinator.charts import histogram_chart
from coordinator.exports import caption_of
from privacy.canonical import Document
from privacy.disclosure import REASONS
from privacy.page import Html, bullets, joined, paragraphs, table, tag

ROWS_SHOWN = 150  # of a table; more are in the CSV and the JSON
LEAST_BARS = 3


def tables_part(found: Document) -> Html:
    """Return a step's tables; ``found`` is what was decided to be shown of it."""
    return joined(_parts(found))


def _parts(found: Document) -> Iterator[Html]:
    sure = f"{found['confidence']:.0%}"
    yield paragraphs(
        f"The interval is where the privacy noise leaves the true figure, {sure} sure; that these people and not "
        "others were in the data comes on top. Each person weighs one, shared out over their rows. "
        "Counts are rounded each by itself, so they may not add up."
    )
    rules = f"Rules for small groups: {found['disclosure']['profile']} ({found['disclosure']['rules']})"
    yield paragraphs(f"{rules}. They come on top of the noise.")
    there = {figure["reason"] for each in found["tables"] for row in each["rows"] for figure in _figures(row)}
    if notes := [joined([tag("strong", r), f": {said}."]) for r, said in REASONS.items() if r and r in there]:
        yield bullets(notes)
    for each in found["tables"]:
        caption = caption_of(found["step"], each["by"])
        if len(each["by"]) == 1 and len(each["rows"]) >= LEAST_BARS and not each["rows"][0]["means"]:
            bars = [(row["keys"][0], row["people"]) for row in each["rows"]]
            yield tag("h3", caption)
            yield tag("figure", histogram_chart(bars, key=each["name"], title=caption))
        yield from _table(caption, each, sure)
    for name, quantiles in found.get("quantiles", {}).items():
        rows = [(f"{q['at']:.4g}", *_told(q)) for q in quantiles]
        head = ("part of people below", name.replace("_", " "), f"{sure} interval", "note")
        yield table(f"{found['step']}: quantiles of {name.replace('_', ' ')}", *_noted(head, rows))


def _figures(row: Document) -> list[Document]:
    return [row["people"], *row["means"].values()]


def _table(caption: str, each: Document, sure: str) -> Iterator[Html]:
    means = list(each["rows"][0]["means"])
    spread = [cell for name in means for cell in (f"mean {name.replace('_', ' ')}", f"{sure} interval")]
    head = (*(by.replace("_", " ") for by in each["by"] or ("all",)), "people", f"{sure} interval", *spread, "note")
    rows = []
    for row in each["rows"][:ROWS_SHOWN]:
        *people, note = _told(row["people"])
        told = {name: _told(row["means"][name]) for name in means}
        notes = [note, *(f"{name.replace('_', ' ')}: {why}" for name, (*_, why) in told.items() if why and not note)]
        cells = [cell for *mean, _ in told.values() for cell in mean]
        rows.append((*(row["keys"] or ("everybody",)), *people, *cells, "; ".join(filter(None, notes))))
    yield table(caption, *_noted(head, rows))
    if (more := len(each["rows"]) - ROWS_SHOWN) > 0:
        yield paragraphs(f"{more} more rows are in the CSV and JSON exports.")


def _told(figure: Document) -> tuple[float | int | None, str | None, str]:
    """Return a figure, its interval as text, and why it is withheld; counts are whole, others have four digits."""
    if figure["value"] is None:
        return None, None, figure["reason"]
    whole = all(float(figure[name]).is_integer() for name in ("value", "low", "high"))
    low, high = (f"{figure[name]:.0f}" if whole else f"{figure[name]:.4g}" for name in ("low", "high"))
    return int(figure["value"]) if whole else figure["value"], f"{low} to {high}", figure["reason"]


def _noted(head: Sequence[str], rows: Sequence[Sequence[object]]) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """Leave out the last column, of notes, where there is none."""
    if any(row[-1] for row in rows):
        return head, [(*row[:-1], row[-1] or Html(" ")) for row in rows]
    return head[:-1], [row[:-1] for row in rows]


__all__ = ["LEAST_BARS", "ROWS_SHOWN", "tables_part"]
