"""A finished study's result as one page for people: what was asked and found, what it cost, where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coordinator.charts import DEVIATIONS, calibration_chart, roc_chart
from coordinator.exports import Table, tables_of
from coordinator.tables_page import tables_part
from models.computations import evaluation, linear_risk
from models.curves import auc_chance_sd, calibration, roc
from models.version import ModelVersion
from privacy.canonical import Document
from privacy.computation import Result
from privacy.explain import PEOPLE
from privacy.observers import known_to
from privacy.page import Html, bullets, facts, joined, page, paragraphs, section, table, tag
from privacy.study import Step, Study
from privacy.variables import Variable

SECOND = len("2027-03-01T12:00:00")  # of a time; all are UTC
RECEIPTS_SHOWN = 200  # more are in the CSV and the JSON


def result_page(document: Document, model: ModelVersion) -> bytes:
    """Return the page; ``document`` is the export that it shows, so that each figure is the same in both."""
    study, tables = model.study, {t.name: t for t in tables_of(document, model)}
    return page(
        study.title,
        section("What was asked", _asked(study)),
        *(
            joined(_step(study, step, model.results[step.name], tables, found))
            for step, found in zip(study.steps, document["steps"], strict=True)
        ),
        section("What it cost", _cost(document)),
        section("Who took part", _shown(tables["nodes"])),
        section("Receipts", _receipts(tables["receipts"])),
        section("Where it came from", _provenance(document)),
        section("What these figures are not", _limits()),
        kind="Result of a study",
        foot=f"Study {study.hash}. Model {document['version']}, made {document['made_at']}.",
    )


def _asked(study: Study) -> Html:
    return facts(
        [
            ("Question", study.question),
            ("Decision", study.decision),
            ("Intended use", study.intended_use),
            ("Purpose", study.purpose),
            ("Legal basis", study.legal_basis),
            ("Asked by", study.asked_by),
            ("Data set", study.data_set),
        ]
    )


def _step(study: Study, step: Step, result: Result, tables: dict[str, Table], found: Document) -> Iterator[Html]:
    yield tag("h2", f"What was found: {step.name}")
    verb = "Learned from" if result.kind == linear_risk.KIND else "Measured on"
    yield paragraphs(f"{verb} {PEOPLE[step.people]}.")
    if result.kind == linear_risk.KIND:
        yield _weights(study, result)
    elif result.kind == evaluation.KIND:
        yield from _evaluation(step, result, tables)
    elif "tables" in found:
        yield tables_part(found)
    else:
        yield from (_shown(t) for name, t in tables.items() if name.startswith(f"{step.name}-"))


def _weights(study: Study, result: Result) -> Html:
    weights = result.facts.get("weights")
    named = weights if isinstance(weights, dict) else {}
    known = {v.name: v for v in study.variables}
    largest = sorted(named.items(), key=lambda each: -abs(float(each[1])))
    rows = [(name, weight, *_made_of(known.get(name))) for name, weight in largest]
    head = ("variable", "weight", "column", "transform", "range")
    outcome = known.get(str(result.facts.get("outcome")))
    what = f"The outcome is {outcome.name}: {outcome.column} of at least {outcome.threshold:g}. " if outcome else ""
    return joined(
        [
            paragraphs(
                f"{what}A weight is what the log odds of the outcome rise by as the variable goes from the lowest to "
                "the highest value of its range, the others unchanged. The weights carry the privacy noise."
            ),
            table("Weights of the model", head, rows),
        ]
    )


def _made_of(variable: Variable | None) -> tuple[str, str, str]:
    return (v.column, v.transform, f"{v.low:g} to {v.high:g}") if (v := variable) else ("", "", "")


def _evaluation(step: Step, result: Result, tables: dict[str, Table]) -> Iterator[Html]:
    auc, noise, chance = result.facts.get("auc"), result.facts.get("auc_noise_sd"), auc_chance_sd(result)
    if not isinstance(auc, float) or not isinstance(noise, float):
        yield paragraphs("The noise leaves nothing to say: too few people, or too small an epsilon.")
        return
    ratio = result.facts.get("observed_to_expected")
    spread = f"{DEVIATIONS * noise:.3f} from the privacy noise"
    spread += f", and {DEVIATIONS * chance:.3f} from chance, at most" if chance is not None else ""
    ranked = f"AUC {auc:.3f}, give or take {spread}."
    yield tag("p", tag("strong", ranked), " Of two people, one with the outcome and one without, the model ranks the "
              f"one with it higher in {min(max(auc, 0), 1):.0%} of pairs.", class_="note")  # fmt: skip
    points, bins = roc(result), calibration(result)
    title = f"{step.name}: who is found, and who is called by mistake"
    chart = roc_chart(points, key=f"{step.name}-roc", title=title, finding=ranked)
    said = "The line joins the thresholds. The band around it is how far the privacy noise may have moved it (two "
    said += "standard deviations each way); chance comes on top. The dashed line is a model that knows nothing."
    yield _figure("How well it tells people apart", chart, said, tables[f"{step.name}-roc"])
    if isinstance(ratio, float):
        high = "fewer" if ratio < 1 else "more"
        judged = f"In all, {ratio:.2f} times as many people had the outcome as predicted: {high} than expected."
    else:
        judged = "Too few people to compare predicted and observed rates in all."
    chart = calibration_chart(bins, key=f"{step.name}-calibration", title=f"{step.name}: calibration", finding=judged)
    said = f"{judged} Points on the dashed line are as predicted. The broad bar is the privacy noise, the thin line "
    said += "noise and chance together (two standard deviations each way). Bins that the noise drowns are left out."
    yield _figure("Do the predicted risks come true?", chart, said, tables[f"{step.name}-calibration"])


def _figure(title: str, chart: Html, said: str, twin: Table) -> Html:
    return joined([tag("h3", title), tag("figure", chart, tag("figcaption", said)), _shown(twin)])


def _shown(each: Table) -> Html:
    return table(each.caption, [name.replace("_", " ") for name in each.head], each.rows)


def _cost(document: Document) -> Html:
    spent, asked = document["epsilon_spent"], document["epsilon"]
    return joined(
        [
            facts(
                [
                    ("Epsilon spent", f"{spent:.4f} of {asked:g}, by the person who spent most at one node"),
                    ("Delta", f"{document['delta']:g}"),
                    ("Exchanges", f"{document['exchanges']}, {document['seconds_total']:.0f} seconds in all"),
                ][: None if document["exchanges"] else -1]
            ),
            _against(document["epsilon_against"]),
            paragraphs("The charge is for life: no node gives it back."),
        ]
    )


def _against(against: Sequence[Document]) -> Html:
    head = ("against", *map(known_to, against[0]["epsilon"]))
    return table("Epsilon spent, by who looks", head, [(each["who"], *each["epsilon"].values()) for each in against])


def _receipts(each: Table) -> Html:
    first = [
        (*start, str(charged)[:SECOND], leaf, str(released).removeprefix("sha256:")[:12])
        for *start, charged, leaf, released in each.rows[:RECEIPTS_SHOWN]
    ]
    shown = Table(each.name, each.caption, each.head, tuple(first))
    rest = len(each.rows) - RECEIPTS_SHOWN
    more = paragraphs(f"{rest} more are in the CSV and JSON exports.") if rest > 0 else Html()
    said = "A node signs a receipt for each sum before it computes it. Cost is in 10⁻¹² rho (zCDP); times are UTC."
    return joined([paragraphs(said), _shown(shown), more])


def _provenance(document: Document) -> Html:
    made = document["provenance"]
    software = made["software"] or {"package": "", "computations": {}}
    uses = ", ".join(f"{name} version {version}" for name, version in software["computations"].items())
    pairs = [
        ("Model", tag("code", made["model"])),
        ("Study", tag("code", made["study"])),
        ("Signed by", joined(["the coordinator whose key is ", tag("code", made["signed_by"])])),
        ("Software", tag("code", software["package"])),
        ("Computations", uses),
        ("Made", document["made_at"]),
    ]
    return facts(pairs)


def _limits() -> Html:
    return bullets(
        [
            "They say what goes together, not what causes what.",
            "They hold for people like those in the data, at that time; try the model anew before using it elsewhere.",
            "A person whose records several nodes hold counts once at each of them.",
            "Bands show the privacy noise. Missing data, coding habits and who uses services are not in them.",
        ]
    )


__all__ = ["RECEIPTS_SHOWN", "SECOND", "result_page"]
