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
KINDS: Mapping[str, str] = {  # of contacts, as people call them
    "gp": "GP consultations",
    "ed": "A&E attendances",
    "emergency": "emergency admissions",
    "elective": "planned admissions",
    "op": "outpatient appointments",
    "mental-health": "mental health contacts",
    "community": "community contacts",
    "social-care": "social care",
    "housing": "housing",
    "police": "police",
    "fire": "fire service",
}
AGAIN = {
    True: "a part of the data, drawn by lot, was made again of their recipe: the same bytes",
    False: "not here, since another version of the software made the data",
}
AXES = (("by_age", "ages", "age on the index date"), ("by_decile", "deciles", "decile of deprivation, 1 the most"))
Use = Mapping[str, Any]


def beside_page(document: Document, *, title: str, use: Use, foot: str) -> bytes:
    """Return the page of what ``beside`` found; ``use`` is the use statement. Every chart has its table."""
    comparisons = {each["key"]: each for each in document["comparisons"]}
    numbers = {key: i for i, key in enumerate(document["sources"], start=1)}
    assumed = {key for key, each in document["sources"].items() if each["basis"] == "assumed"}
    told = {key: f"{i}, assumed" if key in assumed else str(i) for key, i in numbers.items()}
    return page(
        title,
        tag("p", tag("strong", "These people never were."), f" {use['says']}", class_="note"),
        section("In short", *_short(document)),
        section("Ages", *_pyramid(comparisons, told)),
        *(section(each["title"], *_comparison(each, told)) for key, each in comparisons.items() if key not in PYRAMID),
        *([section("Conditions by age and deprivation", *_curves(document["curves"]))] if document["curves"] else []),
        section("What the data may be used for", *use_part(use)),
        section("Where the published figures come from", _sources(document)),
        kind="Report on a simulated data set",
        foot=foot,
    )


def _short(document: Document) -> Iterator[Html]:
    off = [f"{each['title']}: {f['name']}" for each in document["comparisons"] for f in each["figures"] if f["off"]]
    published, assumed = beside_what(document)
    pairs: list[tuple[object, object]] = [("Place", document["place"]), ("People", f"{document['people']:,}")]
    if document["curves"]:
        pairs.append(("Events a person", f"{document['curves']['events_a_person']:.1f} before the index date"))
    pairs += [("Figures beside published ones", f"{published:,}"), ("Beside assumed ones", f"{assumed:,}")]
    pairs += [("Further off than they may be", len(off)), ("Made again", AGAIN[document["made_again"]])]
    yield facts(pairs)
    yield paragraphs(
        "A figure may be off by a tenth of the one beside it, and by four standard deviations of chance on top. The "
        "simulator starts from published figures and rounds, combines and extends them: it is not a source of its own."
    )
    if off:
        yield bullets(off[:MOST_BARS])


def beside_what(document: Document) -> tuple[int, int]:
    """Return beside how many published figures the data's stand, and beside how many that were assumed."""
    figures = [f for each in document["comparisons"] for f in each["figures"] if f["published"] is not None]
    ours = sum(bool(f["source"]) and document["sources"][f["source"]]["basis"] == "assumed" for f in figures)
    return len(figures) - ours, ours


def _pyramid(comparisons: Mapping[str, Document], told: Mapping[str, str]) -> Iterator[Html]:
    male, female = (comparisons[key] for key in PYRAMID)
    rows = [
        (m["name"], m["simulated"], f["simulated"], m["published"], f["published"])
        for m, f in zip(male["figures"], female["figures"], strict=True)
    ]
    said = "Bars are the data, the line around them the published figures, as shares of all people."
    said += _from(male, told)
    chart = pyramid_chart(
        rows, key="ages", title="Age and sex", finding=said, sides=("men and boys", "women and girls")
    )
    yield tag("figure", chart, tag("figcaption", said))
    head = ("age", "male", "published", "female", "published")
    lines = [(name, *(f"{v:.2%}" for v in (m, pm, f, pf))) for name, m, f, pm, pf in rows]
    yield table("People by age and sex, of all people", head, lines)


def _comparison(each: Document, told: Mapping[str, str]) -> Iterator[Html]:
    figures, form = [{**f, "name": KINDS.get(f["name"], f["name"])} for f in each["figures"]], each["form"]
    shown = figures
    if len(figures) > MOST_BARS:
        shown = sorted(figures, key=lambda f: -abs(f["simulated"] - (f["published"] or 0.0)))[:FURTHEST]
    published = any(f["published"] is not None for f in figures)
    said = f"{each['title']}, {each['unit']}. "
    own = any(f["source"] for f in figures)
    said += "The upright line is the published figure" if published else "No published figures are set beside these."
    said += ", or the one assumed: see its source." if own else f".{_from(each, told)}" if published else ""
    said += f" The {FURTHEST} furthest off; the table has all." if len(shown) < len(figures) else ""
    bars = [(f["name"], f["simulated"], f["published"]) for f in shown]
    chart = bars_chart(bars, key=each["key"], title=each["title"], finding=said, form=form)
    yield tag("figure", chart, tag("figcaption", said))
    head = ("", "data", *(("beside it" if own else "published",) if published else ()), *(("source",) if own else ()),
            *(("",) if published else ()))  # fmt: skip
    lines = [
        (f["name"], form.format(f["simulated"]),
         *((form.format(f["published"]) if f["published"] is not None else None,) if published else ()),
         *((told[f["source"]],) if own else ()),
         *(("look at" if f["off"] else Html(" "),) if published else ()))
        for f in figures
    ]  # fmt: skip
    yield table(f"{each['title']}, {each['unit']}", head, lines)


def _from(each: Document, told: Mapping[str, str]) -> str:
    """Name the sources of published figures by their numbers in the table of sources."""
    keys = ", ".join(told[key] for key in each["sources"])
    return f" From {keys} in the table of sources." if keys else ""


def _curves(curves: Document) -> Iterator[Html]:
    for kind, across, axis in AXES:
        named = list(curves[kind].items())
        looks = [Look(name, HUES[i % len(HUES)], filled=i % 2 == 0) for i, (name, _) in enumerate(named)]
        said = f"Conditions on record, {axis}. The shape is the simulator's own; the level of each is above. "
        said += "Not adjusted for age: deprived places are often younger." if across == "deciles" else ""
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
        (i, s["title"], s["publisher"], s["date"], BASIS[s["basis"]], s["licence"])
        for i, s in enumerate(document["sources"].values(), start=1)
    ]
    return table("Sources", ("source", "title", "publisher", "date", "basis", "licence"), rows, captioned=False)


__all__ = [
    "AXES",
    "BASIS",
    "FURTHEST",
    "KINDS",
    "MOST_BARS",
    "PYRAMID",
    "Use",
    "beside_page",
    "beside_what",
    "use_part",
]
