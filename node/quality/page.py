"""A load's profile as one page that stands alone, with what it was at each load before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from node.quality.drift import Drift, drift
from node.quality.telling import is_fresh, newest, noticed, share
from privacy.canonical import Document
from privacy.contract import Contract
from privacy.page import Html, bullets, facts, joined, page, paragraphs, section, table, tag

BARS = 24  # of a chart; more bins or codes are told of in the JSON
WIDTH, ROW, LEFT, RIGHT = 480, 18, 150, 60  # of a chart of bars, in its own units
LONGEST_LABEL = 22  # letters that fit to the left of a bar
Load = tuple[str, Document]


def profile_page(contract: Contract, loads: Sequence[Load], reached: Sequence[Document] = ()) -> bytes:
    """Return the page of the last of ``loads`` (name and profile, oldest first); nothing in it may leave the node.

    ``reached`` is what ``node.quality.reach`` says of it.
    """
    name, profile = loads[-1]
    changes = drift(loads[-2][1], profile) if len(loads) > 1 else []
    return page(
        contract.title,
        tag("p", tag("strong", "For the people of this node only."), " The figures are exact: this page must not leave "
            "the organisation, nor be attached to a study or a result.", class_="note"),
        section("In short", _short(name, contract, profile)),
        section("What to look at", _notices(profile, changes)),
        section("Columns", _columns(profile)),
        section("Who is in it", *_coverage(profile, reached)),
        section("How values are spread", *_spreads(profile)),
        section("How fresh it is", *_fresh(profile)),
        section("Loads before", _history(loads)),
        *([section(f"Changed since {loads[-2][0]}", *_drift(changes))] if changes else []),
        kind="Quality of a data set",
        foot=f"{name}, loaded on {profile['as_of']}, by contract version {profile['contract']}.",
    )  # fmt: skip


def _short(name: str, contract: Contract, profile: Document) -> Html:
    rows = [(label, count) for label, count in profile["rows_a_person"].items() if count]
    about = facts(
        [
            ("Load", name),
            ("Loaded on", profile["as_of"]),
            ("Owner", contract.owner),
            ("Source", contract.source),
            ("Rows", f"{profile['rows']:,}"),
            ("People", f"{profile['people']:,}"),
        ]
    )
    return joined([about, table("Rows a person", ("rows", "people"), rows)]) if contract.table == "event" else about


def _notices(profile: Document, changes: Sequence[Drift]) -> Html:
    said = [*noticed(profile), *(f"{each.column}: {', '.join(each.warnings)}" for each in changes if each.warnings)]
    return bullets(said) if said else paragraphs("Nothing: every row that was loaded passed, and nothing changed much.")


def _columns(profile: Document) -> Html:
    rows = [
        (c["name"], c["type"], c["role"] or "", share(c["complete"]), share(c["valid"]), ", ".join(c["faults"]) or None)
        for c in profile["columns"]
    ]
    said = (
        "Complete: of the rows kept, and those set aside for want of this value, how many have it. Valid: of the "
        "values given, how many passed."
    )
    return joined(
        [
            paragraphs(said),
            table("Columns", ("column", "type", "role", "complete", "valid", "set aside for"), rows, captioned=False),
        ]
    )


def _coverage(profile: Document, reached: Sequence[Document]) -> Iterator[Html]:
    if not profile["coverage"] and not reached:
        yield paragraphs("The contract gives no column the role ethnicity, deprivation or sex, nor names its people.")
    for each in reached:
        rows = [(g["group"], g["people"], g["with_events"], share(g["share"])) for g in each["groups"]]
        head = (each["column"], "people", "with an event", "share")
        yield table(f"People with an event, by {each['role']}", head, rows)
    for covered in profile["coverage"]:
        groups = covered["groups"]
        yield _bars(f"People by {covered['role']}", [(g["group"], g["people"]) for g in groups])


def _spreads(profile: Document) -> Iterator[Html]:
    for column in profile["columns"]:
        summary = column["summary"]
        if not summary or not sum(summary["counts"]):
            continue
        pairs = list(zip(summary["labels"], summary["counts"], strict=True))
        if summary["of"] == "months":
            pairs = _by_year(pairs, births=column["role"] == "birth") if len(pairs) > BARS else pairs
        rest = sum(n for _, n in pairs[BARS:]) + summary.get("others", 0)
        yield _bars(column["name"], [*pairs[:BARS], *([("all others", rest)] if rest else [])])


def _by_year(months: Sequence[tuple[str, int]], *, births: bool) -> list[tuple[str, int]]:
    """Return the newest years, and all before them in one; of births, whose newest years are few people's, decades."""
    years: Counter[str] = Counter()
    for month, count in months:
        years[f"{month[:3]}0s" if births else month[:4]] += count
    newest = sorted(years)[1 - BARS :]
    before = sum(count for year, count in years.items() if year not in newest)
    return [*([(f"before {newest[0]}", before)] if before else []), *((year, years[year]) for year in newest)]


def _fresh(profile: Document) -> Iterator[Html]:
    days = [c for c in profile["columns"] if newest(c) and c["role"] != "birth"]
    if not days:
        yield paragraphs("No column holds days.")
    for column in days:
        agreed = column["freshness_days"]
        promised = f"; at most {agreed} days are agreed" if agreed else ""
        late = "" if is_fresh(column) else " It is not fresh."
        yield paragraphs(f"{column['name']}: the newest is of {newest(column)}{promised}.{late}")
        yield _bars(f"{column['name']}: how old rows were when loaded", list(column["summary"]["lags"].items()))


def _history(loads: Sequence[Load]) -> Html:
    names = [c["name"] for c in loads[-1][1]["columns"]]
    rows = [(name, p["as_of"], p["rows"], p["people"], *_complete(p, names)) for name, p in loads]
    return table(
        "Loads, and how complete each column was", ("load", "on", "rows", "people", *names), rows, captioned=False
    )


def _complete(profile: Document, names: Sequence[str]) -> list[str]:
    known = {c["name"]: share(c["complete"]) for c in profile["columns"]}
    return [known.get(name, "-") for name in names]


def _drift(changes: Sequence[Drift]) -> Iterator[Html]:
    yield paragraphs(
        "The population stability index compares how values are spread: below 0.1 is little, above 0.25 much (Siddiqi "
        "2006). Total variation is the share of rows that would have to move. What chance alone may do is allowed for."
    )
    rows = [(d.column, d.stability_index, d.total_variation, ", ".join(d.warnings) or None) for d in changes]
    yield table("Drift", ("column", "stability index", "total variation", "look at"), rows, captioned=False)


def _bars(title: str, pairs: Sequence[tuple[str, int]]) -> Html:
    """Return a chart of bars that is read without seeing it too: each bar has its label and its number beside it."""
    most = max((count for _, count in pairs), default=0) or 1
    room = WIDTH - LEFT - RIGHT
    parts = []
    for i, (label, count) in enumerate(pairs):
        y, width = i * ROW, room * count / most
        parts += [
            tag("text", _short_label(label), x=LEFT - 6, y=y + 13, text_anchor="end"),
            tag("rect", x=LEFT, y=y + 2, width=f"{width:.1f}", height=ROW - 4, fill="#005eb8"),
            tag("text", f"{count:,}", x=f"{LEFT + width + 4:.1f}", y=y + 13),
        ]
    height = len(pairs) * ROW
    chart = tag("svg", *parts, viewBox=f"0 0 {WIDTH} {height}", font_size="12", fill="#212b32")
    return tag("figure", tag("h3", title), chart)


def _short_label(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


__all__ = ["BARS", "LEFT", "RIGHT", "ROW", "WIDTH", "profile_page"]
