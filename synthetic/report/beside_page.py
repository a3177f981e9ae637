"""The page of a simulated data set: its figures beside the published ones, with plots that a person would look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from privacy.canonical import Document
from privacy.page import Html, bullets, facts, joined, page, paragraphs, section, table, tag
from synthetic.report.plots import HUES, Look, bars_chart, curves_chart, pyramid_chart

MOST_BARS = 40  # of a chart; of more, those furthest off, and the table has all
FURTHEST = 15
PYRAMID = ("ages-male", "ages-female")
BASIS: Mapping[str, str] = {
    "taken": "worked out from the open file",
    "cited": "from the publication, not checked against a file of it",
    "assumed": "assumed by us",
}
AXES = (("by_age", "ages", "age on the index date"), ("by_decile", "deciles", "decile of deprivation, 1 the most"))
Use = Mapping[str, Any]


def beside_page(document: Document, *, title: str, use: Use, foot: str) -> bytes:
    """Return the page of what ``beside`` found; ``use`` is the use statement. Every chart has its table."""
    comparisons = {each["key"]: each for each in document["comparisons"]}
    return page(
        title,
        tag("p", tag("strong", "These people never were."), f" {use['says']}", class_="note"),
        section("In short", *_short(document)),
        section("Ages", *_pyramid(comparisons)),
        *(section(each["title"], *_comparison(each)) for key, each in comparisons.items() if key not in PYRAMID),
        *([section("Conditions by age and deprivation", *_curves(document["curves"]))] if document["curves"] else []),
        section("What the data may be used for", *use_part(use)),
        section("Where the published figures come from", _sources(document)),
        kind="Report on a simulated data set",
        foot=foot,
    )


def _short(document: Document) -> Iterator[Html]:
    off = [f"{each['title']}: {f['name']}" for each in document["comparisons"] for f in each["figures"] if f["off"]]
    beside = [f for each in document["comparisons"] for f in each["figures"] if f["published"] is not None]
    pairs: list[tuple[object, object]] = [("Place", document["place"]), ("People", f"{document['people']:,}")]
    if document["curves"]:
        pairs.append(("Events a person", f"{document['curves']['events_a_person']:.1f} before the index date"))
    yield facts(
        [*pairs, ("Figures with a published one", f"{len(beside):,}"), ("Further off than they may be", len(off))]
    )
    yield paragraphs(
        "A figure may be off by a tenth of the published one, and by four standard deviations of chance on top. The "
        "simulator starts from published figures and rounds, combines and extends them: it is not a source of its own."
    )
    if off:
        yield bullets(off[:MOST_BARS])


def _pyramid(comparisons: Mapping[str, Document]) -> Iterator[Html]:
    male, female = (comparisons[key] for key in PYRAMID)
    rows = [
        (m["name"], m["simulated"], f["simulated"], m["published"], f["published"])
        for m, f in zip(male["figures"], female["figures"], strict=True)
    ]
    said = "Bars are the data, the line around them the published figures, as shares of all people."
    chart = pyramid_chart(
        rows, key="ages", title="Age and sex", finding=said, sides=("men and boys", "women and girls")
    )
    yield tag("figure", chart, tag("figcaption", said))
    head = ("age", "male", "published", "female", "published")
    lines = [(name, *(f"{v:.2%}" for v in (m, pm, f, pf))) for name, m, f, pm, pf in rows]
    yield table("People by age and sex, of all people", head, lines)


def _comparison(each: Document) -> Iterator[Html]:
    figures, form = each["figures"], each["form"]
    shown = figures
    if len(figures) > MOST_BARS:
        shown = sorted(figures, key=lambda f: -abs(f["simulated"] - (f["published"] or 0.0)))[:FURTHEST]
    published = any(f["published"] is not None for f in figures)
    said = f"{each['title']}, {each['unit']}. "
    said += (
        "The upright line is the published figure." if published else "Nobody published figures to set beside these."
    )
    said += f" The {FURTHEST} furthest off; the table has all." if len(shown) < len(figures) else ""
    bars = [(f["name"], f["simulated"], f["published"]) for f in shown]
    chart = bars_chart(bars, key=each["key"], title=each["title"], finding=said, form=form)
    yield tag("figure", chart, tag("figcaption", said))
    head = ("", "data", *(("published", "") if published else ()))
    lines = [
        (f["name"], form.format(f["simulated"]),
         *((form.format(f["published"]) if f["published"] is not None else None, "look at" if f["off"] else Html(" "))
           if published else ()))
        for f in figures
    ]  # fmt: skip
    yield table(f"{each['title']}, {each['unit']}", head, lines)


def _curves(curves: Document) -> Iterator[Html]:
    for kind, across, axis in AXES:
        named = list(curves[kind].items())
        looks = [Look(name, HUES[i % len(HUES)], filled=i % 2 == 0) for i, (name, _) in enumerate(named)]
        said = f"Conditions on record, {axis}. The shape is the simulator's own; the level of each is above."
        drawn = [(look, values) for look, (_, values) in zip(looks, named, strict=True)]
        title = f"Prevalence {kind.replace('_', ' ')}"
        chart = curves_chart(curves[across], drawn, key=kind.replace("_", "-"), title=title, finding=said, axis=axis)
        yield joined([tag("h3", title), tag("figure", chart, tag("figcaption", said))])
        rows = [(at, *(f"{values[i]:.1%}" for _, values in named)) for i, at in enumerate(curves[across])]
        yield table(title, (axis, *(name for name, _ in named)), rows)


def use_part(use: Use) -> Iterator[Html]:
    """Return what data may be used for, and what not."""
    yield joined([tag("h3", "You may"), bullets(use["may"]), tag("h3", "You may not"), bullets(use["may_not"])])


def _sources(document: Document) -> Html:
    rows = [
        (s["title"], s["publisher"], s["date"], BASIS[s["basis"]], s["licence"]) for s in document["sources"].values()
    ]
    return table("Sources", ("title", "publisher", "date", "basis", "licence"), rows, captioned=False)


__all__ = ["AXES", "BASIS", "FURTHEST", "MOST_BARS", "PYRAMID", "Use", "beside_page", "use_part"]
