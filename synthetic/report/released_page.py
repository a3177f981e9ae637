"""The page of a fitted data set where no record is: its margins beside those that nodes released, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator

from privacy.canonical import Document
from privacy.charts import GREY, INK
from privacy.page import Html, bullets, facts, page, paragraphs, section, table, tag
from synthetic.report.beside_page import Use, use_part
from synthetic.report.plots import APART, DATA, WAYS, Look, dots_chart

PERFECT, EVERYBODY = Look("perfect data", INK), Look("everybody", GREY)
WORST = 15
OF = {
    "held-back": "These people were held back: nothing was learned from them.",
    "training": "The model was fitted to these very people. Other people of the population may be further off.",
    "everyone": "The model was fitted to these very people. Other people of the population may be further off.",
}


def released_page(document: Document, *, title: str, use: Use, foot: str) -> bytes:
    """Return the page of what ``released_report`` found; every chart has its table."""
    return page(
        title,
        tag("p", tag("strong", "Nobody's records."), f" {use['says']}", class_="note"),
        section("In short", *_short(document)),
        section("How like the released margins the data are", *_means(document)),
        section("Margin by margin", *_margins(document)),
        *([section("Group by group", *_groups(document))] if document["groups"] else []),
        *([section("Trained on the data, tested on people", *_tried(document))] if _asked(document) else []),
        section("What it cost", *_cost(document)),
        section("What the data may be used for", *use_part(use)),
        section("What this is not", _limits()),
        kind="Report on a fitted data set",
        foot=foot,
    )


def _short(document: Document) -> Iterator[Html]:
    off = sum(each["off"] for each in document["margins"])
    yield facts(
        [
            ("Study", document["title"]),
            ("Made-up people", f"{document['people_of_data']:,}"),
            ("Compared with", f"step {document['step']}: about {document['people_of_margins']:,} people"),
            ("Margins", f"{len(document['margins']):,}, further off than noise and chance explain: {off:,}"),
        ]
    )
    yield paragraphs(OF[document["people"]])


def _means(document: Document) -> Iterator[Html]:
    yield paragraphs(
        "Total variation: the share of people who would have to move for the data to have the released margin. The "
        "margins carry privacy noise, and are of finitely many people: even data drawn from the very population, the "
        "perfect ones, would be this far off. Unrelated columns are the data's own, each by itself."
    )
    rows = [
        (WAYS[m["columns"]], {DATA.name: m["data"], PERFECT.name: m["perfect"], APART.name: m["independent"]})
        for m in document["means"]
    ]
    said = "; ".join(f"{WAYS[m['columns']]} {m['data']:.3f}, perfect {m['perfect']:.3f}" for m in document["means"])
    chart = dots_chart(rows, [DATA, PERFECT, APART], key="means", title="Mean total variation", finding=said)
    yield tag("figure", chart, tag("figcaption", "Mean total variation from the released margins."))
    head = ("margins of", "the data", "perfect data", "of that, privacy noise", "unrelated columns")
    lines = [(WAYS[m["columns"]], m["data"], m["perfect"], m["noise"], m["independent"]) for m in document["means"]]
    yield table("Mean total variation", head, lines)


def _margins(document: Document) -> Iterator[Html]:
    each = sorted(document["margins"], key=lambda m: (m["perfect"] - m["data"], m["columns"]))
    shown = each[:WORST]
    rows = [(" × ".join(m["columns"]), {DATA.name: m["data"], PERFECT.name: m["perfect"]}) for m in shown]
    said = f"The {len(shown)} margins furthest above what perfect data would show; report.json has all."
    chart = dots_chart(rows, [DATA, PERFECT], key="margins", title="Margins furthest off", finding=said)
    yield tag("figure", chart, tag("figcaption", said))
    head = ("columns", "the data", "perfect data", "unrelated columns", "")
    lines = [
        (" × ".join(m["columns"]), m["data"], m["perfect"], m["independent"], "look at" if m["off"] else Html(" "))
        for m in shown
    ]
    yield table("Margins furthest off", head, lines)


def _groups(document: Document) -> Iterator[Html]:
    yield paragraphs(
        "The share of each group, and how far the other columns are within it: the mean total variation of each other "
        "column, and of each two where three were counted together. Perfect data would show as much as stands beside "
        "it; the data of everybody, taken for the group's, as much as stands last. Of a group that is past telling, "
        "noise and chance would move even perfect data by a fifth: nothing is known of how like it the data are."
    )
    told = [(f"{g['column']}: {g['key']}", each) for g in document["groups"] for each in g["within"][:1]]
    rows = [
        (name, {DATA.name: m["data"], PERFECT.name: m["perfect"], EVERYBODY.name: m["everybody"]}) for name, m in told
    ]
    if rows := [row for row in rows if row[1][DATA.name] is not None]:
        past = sum(not g["told"] for g in document["groups"])
        said = f"{len(rows)} groups, and {past} that are past telling." if past else f"{len(rows)} groups."
        chart = dots_chart(rows, [DATA, PERFECT, EVERYBODY], key="groups", title="Within each group", finding=said)
        yield tag("figure", chart, tag("figcaption", said))
    head = ("group", "people", "share", "in the data", "within it, of", "the data", "perfect data", "everybody", "")
    yield table("Groups", head, [line for g in document["groups"] for line in _lines_of(g)])


def _lines_of(group: Document) -> Iterator[tuple[object, ...]]:
    """Yield a line for what is known within a group; one that says so where nothing is."""
    head = (f"{group['column']}: {group['key']}", group["people"], group["share"], group["share_in_data"])
    share = "share: look at" if group["share_off"] else ""
    if not group["told"]:
        yield (*head, "past telling", None, None, None, share or Html(" "))
        return
    for each in group["within"]:
        off = ", ".join(" × ".join(columns) for columns in each["off"])
        look = f"look at {off}" if off else ""
        away = (each["data"], each["perfect"], each["everybody"])
        yield (*head, WAYS[each["columns"]], *away, "; ".join(filter(None, (share, look))) or Html(" "))


def _asked(document: Document) -> bool:
    return bool(document["tried"] or document["trained"])


def _tried(document: Document) -> Iterator[Html]:
    yield paragraphs(
        "A scorecard, which is logistic regression in whole points, was trained on the data and tried on people. The "
        "AUC on people is from noisy counts: noise and chance are what each does to it, one standard deviation. The "
        "AUC on the data is of the very rows that the scorecard was trained on, in the same bands of scores."
    )
    if trained := document["trained"]:
        yield paragraphs(
            f"For {trained['predicted']} ({', '.join(trained['event'])}) it has an AUC of "
            f"{trained['auc_on_data']:.3f} on the data. discrimination.toml is the step that tries it on people."
        )
    head = ("foretold", "step", "AUC on people", "noise", "chance", "AUC on the data", "")
    lines = [
        (f"{t['predicted']}: {', '.join(t['event'])}", f"{t['step']}, {t['people']}", t["auc_on_people"],
         t["noise_sd"], t["chance_sd"], t["auc_on_data"], "look at" if t["off"] else Html(" "))
        for t in document["tried"]
    ]  # fmt: skip
    if lines:
        yield table("Trained on the data, tested on people", head, lines)
    yield paragraphs(
        "What a scorecard that was trained on people would reach is not here. The margins that were released hold the "
        "pairs with the outcome, and a naive Bayes score follows from them; but the data were fitted to those very "
        "pairs, so it would be no other judge. A node's own report has this reference, and it stays there; a study "
        "can pay for one, with steps of linear-risk and evaluation."
    )


def _cost(document: Document) -> Iterator[Html]:
    provenance = document["provenance"]
    yield facts(
        [
            ("Epsilon", f"{provenance['epsilon']:.4g}, of one person-record, by what its node signed"),
            ("At most", f"{provenance['epsilon_at_most']:.4g}, which the study allows a node, failed tries included"),
            ("Delta", f"{provenance['delta']:g}"),
            ("Figures signed by", tag("code", provenance["coordinator"])),
            ("Receipts", f"{len(provenance['receipts']):,}, each signed by its node"),
            ("Study", tag("code", document["study"])),
        ]
    )


def _limits() -> Html:
    return bullets(
        [
            "No comparison with records. A node makes one, with `hedgerow-node synthetic report`, and it stays there.",
            "No word on relations that were not measured, such as of four columns.",
            "No ground to publish a finding on: confirm it on the records, by a study.",
        ]
    )


__all__ = ["EVERYBODY", "OF", "PERFECT", "WORST", "released_page"]
