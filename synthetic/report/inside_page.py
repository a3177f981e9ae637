"""The page of a node's own report on synthetic data: what attacks find, how like people the data are, for whom less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from privacy.canonical import Document
from privacy.charts import INK
from privacy.page import Html, bullets, facts, joined, page, paragraphs, section, table, tag
from synthetic.report.plots import APART, DATA, WAYS, Look, dots_chart

VERDICTS: Mapping[str, str] = {
    "passes": "No attack tells those who were used from others, and those that must be able to found the control.",
    "fails": "An attack tells those who were used from others, or finds in the data people who were held back. Do not "
    "let these data out, and ask how they were made.",
    "shows nothing": "The attacks find nothing, nor do they find the control, which they must: so this says nothing. "
    "Too few people were held back, the data have too few rows, or so few columns that many people are alike. All that "
    "speaks for the data then is the epsilon that was paid.",
}
WORST = 12  # marginals shown of all that are in the JSON
USED, OTHERS = Look("people used", filled=True), Look("people held back", INK)
REAL = Look("other real people", INK)


def inside_page(document: Document, *, title: str, foot: str) -> bytes:
    """Return the page of what ``inside_report`` found; every chart has its table."""
    return page(
        title,
        tag("p", tag("strong", "For the people of this node only."), " The figures are exact: this page must not leave "
            "the organisation. What may be told of them is a study's private sum.", class_="note"),
        section("In short", *_short(document)),
        section("What attacks tell of the people used", *_attacks(document)),
        section("How like people held back the data are", *_distances(document)),
        section("What can be learned from the data", *_tasks(document)),
        *([section("For each group", *_groups(document))] if document["groups"] else []),
        section("What this is not", _limits()),
        kind="Quality and privacy of synthetic data",
        foot=foot,
    )  # fmt: skip


def _short(document: Document) -> Iterator[Html]:
    people = document["people"]
    yield tag("p", tag("strong", document["verdict"].capitalize(), class_="mark"), " ", VERDICTS[document["verdict"]])
    yield facts(
        [
            ("Synthetic rows", f"{document['rows']:,}"),
            ("People used", f"{people['used']:,}"),
            ("People held back", f"{people['held_back']:,}"),
            ("Columns, and their keys", ", ".join(f"{c['name']} {c['keys']}" for c in document["columns"])),
        ]
    )


def _attacks(document: Document) -> Iterator[Html]:
    yield paragraphs(
        "Each attack is made on people who were used and on as many who were held back. What holds for both is "
        "knowledge of the population; the difference is what the data tell of those used. An attack breaks the "
        f"data when the difference is above {document['tolerance']:.0%}, sure in 999 of 1,000 cases. The control "
        "is the same attack on data spoilt on purpose: where it finds nothing there, finding nothing here says nothing."
    )
    rows = [
        (a["attack"], {"people used": a["data"]["used"], "people held back": a["data"]["others"]})
        for a in document["attacks"]
    ]
    told = "; ".join(f"{a['attack']}: {a['verdict']}" for a in document["attacks"])
    chart = dots_chart(rows, [USED, OTHERS], key="attacks", title="How often each attack succeeds", finding=told)
    said = "How often each attack succeeds. Where both points lie together, the data tell nothing of those used."
    yield tag("figure", chart, tag("figcaption", said))
    head = (
        "attack",
        "tried",
        "on those used",
        "on others",
        "advantage",
        "at least",
        "control",
        "control, at least",
        "",
    )
    lines = [
        (
            a["attack"], f"{a['data']['of']:,}", *figures(a["data"], "used", "others", "advantage", "at_least"),
            *figures(a["on_control"], "advantage", "at_least"), a["verdict"],
        )
        for a in document["attacks"]
    ]  # fmt: skip
    yield table("Attacks, and the controls that each must find", head, lines)
    yield paragraphs("A dash: nobody was there to try the attack on, since many are alike.")
    asked = [
        joined([tag("strong", a["attack"]), f": {a['asks']} Control: {a['control']}."]) for a in document["attacks"]
    ]
    yield bullets(asked)


def figures(tried: Document, *names: str) -> list[str | None]:
    """Return an attack's figures for people, None where it was tried on nobody."""
    return [f"{tried[name]:.3f}" if tried["of"] else None for name in names]


def _distances(document: Document) -> Iterator[Html]:
    means, each = document["distances"]["means"], document["distances"]["each"]
    yield paragraphs(
        "Total variation: the share of rows that would have to move for the data to have the same marginal as people "
        "held back. Other real people, as many as the data have rows, are not at zero either: that is the floor. "
        "Columns drawn each by itself are what data reach that know of no relation."
    )
    rows = [
        (WAYS[m["columns"]], {DATA.name: m["data"], REAL.name: m["floor"], APART.name: m["independent"]}) for m in means
    ]
    found = "; ".join(f"{WAYS[m['columns']]} {m['data']:.3f}, floor {m['floor']:.3f}" for m in means)
    chart = dots_chart(rows, [DATA, REAL, APART], key="distances", title="Mean total variation", finding=found)
    yield tag(
        "figure", chart, tag("figcaption", "Mean total variation of all marginals of one, two and three columns.")
    )
    head = ("marginals of", "the data", "other real people", "unrelated columns")
    lines = [(WAYS[m["columns"]], m["data"], m["floor"], m["independent"]) for m in means]
    yield table("Mean total variation from people held back", head, lines)
    worst = sorted(each, key=lambda d: d["floor"] - d["data"])[:WORST]
    lines = [(", ".join(d["attributes"]), d["data"], d["floor"], d["independent"]) for d in worst]
    yield table("The marginals furthest above the floor", ("columns", *head[1:]), lines)
    if document["distances"]["left_out"]:
        yield paragraphs(
            f"{document['distances']['left_out']:,} more marginals were not looked at: too many, or too wide."
        )


def _tasks(document: Document) -> Iterator[Html]:
    tasks = document["tasks"]
    if not tasks:
        yield paragraphs("Too few people were held back to judge what is learned.")
        return
    yield paragraphs(
        "Boosted trees learn each outcome from all other columns: once from the data, once from the people used. Both "
        "are tried on people held back. Of two of them, one with the outcome and one without, how often does the one "
        "with it rank higher (AUC)? From columns that know nothing of each other nothing is learned: 0.5."
    )
    rows = [(t["outcome"], {DATA.name: t["data"], "people used": t["real"]}) for t in tasks]
    mean = {name: sum(t[name] for t in tasks) / len(tasks) for name in ("data", "real")}
    said = f"Mean AUC: {mean['data']:.3f} learned from the data, {mean['real']:.3f} from the people used."
    looks = [DATA, Look("people used", INK)]
    chart = dots_chart(rows, looks, key="tasks", title="AUC on people held back", finding=said, low=0.4, high=1.0)
    yield tag("figure", chart, tag("figcaption", said))
    lines = [(t["outcome"], t["data"], t["real"]) for t in tasks]
    yield table("AUC on people held back, by what it was learned from",
                ("outcome", "the data", "people used"), lines)  # fmt: skip


def _groups(document: Document) -> Iterator[Html]:
    groups = document["groups"]
    yield paragraphs("The share of each group, and the mean distance of its pairs. Small groups have a higher floor.")
    rows = [(f"{g['attribute']}: {g['key']}", {DATA.name: g["data"], REAL.name: g["floor"]}) for g in groups]
    worst = max(groups, key=lambda g: g["data"] - g["floor"])
    said = f"Furthest above its floor: {worst['attribute']}, {worst['key']}."
    chart = dots_chart(rows, [DATA, REAL], key="groups", title="Mean distance of pairs, by group", finding=said)
    yield tag("figure", chart, tag("figcaption", said))
    head = ("group", "people held back", "share of them", "share of the data", "the data", "other real people")
    lines = [
        (f"{g['attribute']}: {g['key']}", round(g["people"]), g["share"], g["share_in_data"], g["data"], g["floor"])
        for g in groups
    ]
    yield table("Groups", head, lines)


def _limits() -> Html:
    return bullets(
        [
            "A proof: the proof is the epsilon that was paid. Attacks find mistakes that a proof does not know of.",
            "A measure of attacks that nobody thought of, or of somebody who knows more than the data.",
            "A filter: no row was or may be left out for being like somebody's. What is missing would tell whose.",
        ]
    )


__all__ = ["OTHERS", "REAL", "USED", "VERDICTS", "WORST", "figures", "inside_page"]
