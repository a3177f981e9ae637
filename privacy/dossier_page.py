"""The dossier of a study as one page to read, print and sign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from privacy.canonical import Document
from privacy.observers import known_to
from privacy.page import Html, bullets, facts, joined, page, paragraphs, section, table, tag

SIGNATORIES = (
    "Information governance lead",
    "Caldicott Guardian",
    "Data protection officer",
    "Senior information risk owner",
)


def dossier_page(document: Document, *, here: Iterable[str] = ()) -> bytes:
    """Return the page of a ``dossier``; ``here`` are lines about the node that prints it, such as its budget."""
    asked, local = document["asked"], [tag("p", line) for line in here]
    return page(
        asked["title"],
        section("In short", _short(document)),
        section("Who asks, and why", _why(document)),
        section("Which data", _data(document)),
        section("Which persons", bullets(document["persons"]), tag("h3", "Opt-outs"), bullets(document["opt_outs"])),
        section("What leaves", *_leaves(document)),
        section("What it costs each person", *_costs(document)),
        *([section("At this node", *local)] if local else []),
        section("What it cannot reveal", bullets(document["cannot_reveal"])),
        section("What it may reveal", bullets(document["may_reveal"])),
        section("How long results are kept", bullets(document["keeping"])),
        section("Risks and controls", *_risks(document["risks"])),
        section("Alternatives considered", *_alternatives(document)),
        section("Software", _software(document)),
        section("Decisions", *_signatures()),
        kind="Dossier of a study, for a data protection impact assessment",
        foot=f"Made from the study {document['study']}"
        + (f", {document['hash']}." if document["hash"] else ", a draft that was not submitted: it has no hash yet."),
    )


def _short(document: Document) -> Html:
    privacy, asked = document["privacy"], document["asked"]
    sensitive = sum(v["sensitive"] is True for v in document["variables"])
    numbers = sum(s["numbers"] * s["at_most"] for step in document["leaves"] for s in step["sums"])
    read = f"{len(document['variables'])} variables" + (f", {sensitive} of them sensitive" if sensitive else "")
    return joined(
        [
            tag("p", tag("strong", asked["question"]), class_="note"),
            bullets(
                [
                    f"{asked['asked_by']} asks. The answer informs this decision: {asked['decision']}",
                    f"{read}, of {document['data']['data_set']}. No record leaves a node.",
                    f"At most {numbers} numbers leave each node, each a sum over many people, with random noise.",
                    f"A person spends at most epsilon {privacy['epsilon']:g}, at delta {privacy['delta']:g}, for life.",
                    f"It may run until {asked['ends']}, and only at nodes where two people have signed for it.",
                ]
            ),
        ]
    )


def _why(document: Document) -> Html:
    asked = document["asked"]
    shown = ("question", "decision", "intended_use", "purpose", "legal_basis", "asked_by", "ends")
    pairs = [(name.replace("_", " ").capitalize(), asked[name]) for name in shown]
    least = document["privacy"]["quorum"]
    rows = [(node["name"], node["fingerprint"]) for node in document["invited"]]
    invited = table(f"Invited nodes; at least {least} take part in every sum", ("node", "fingerprint"), rows)
    return joined([facts(pairs), invited])


def _data(document: Document) -> Html:
    data, contract = document["data"], document["data"]["contract"]
    if contract:
        named = ("title", "owner", "legal_basis", "source", "version", "hash")
        about = facts(
            [("Data set", data["data_set"])] + [(n.replace("_", " ").capitalize(), contract[n]) for n in named]
        )
    else:
        about = paragraphs(
            f"The data set is {data['data_set']}. No data contract was given, so this dossier does not say what each "
            "column holds, nor which are sensitive. Make it again with --contract."
        )
    rows = [
        (v["name"], _marked(v), v["what"], ", ".join(v["used_by"]) or "no step: it is read and not used")
        for v in document["variables"]
    ]
    variables = table("Variables", ("variable", "what the contract says", "how it is made", "used by"), rows)
    if not document["features"]:
        return joined([about, variables])
    said = paragraphs("Features are worked out at the node, for each person, from nobody else's rows:")
    return joined([about, variables, said, bullets(document["features"])])


def _marked(variable: Document) -> Html:
    kind = variable["kind"]
    mark = [tag("strong", "SENSITIVE", class_="mark"), " "] if variable["sensitive"] else []
    said = variable["description"] or ("no description" if kind else "not known")
    return joined([*mark, said, f" ({kind})" if kind and not variable["sensitive"] else ""])


def _leaves(document: Document) -> Iterable[Html]:
    yield paragraphs("About people only sums leave a node, each with random noise that the node adds itself.")
    head = ("sum", "each person adds", "numbers", "times", "at most moved by", "noise sd", "epsilon alone")
    for step in document["leaves"]:
        yield tag("h3", f"{step['step']}: {step['computes']}")
        yield paragraphs(f"Over {step['people']}.")
        rows = [
            (s["sum"], s["each_person_adds"], s["numbers"], _times(s), s["moves_by_at_most"], s["noise_sd"],
             s["epsilon_alone"])
            for s in step["sums"]
        ]  # fmt: skip
        yield table(f"Sums of {step['step']}", head, rows)
    yield paragraphs("“Epsilon alone” is what one such sum would cost were it the only one. Beside the sums leave:")
    yield bullets(document["also_leaves"])


def _times(planned: Document) -> object:
    return planned["times"] if planned["times"] == planned["at_most"] else f"{planned['times']} to {planned['at_most']}"


def _costs(document: Document) -> Iterable[Html]:
    privacy = document["privacy"]
    rows = [(k["who"], *k["epsilon"].values(), k["if_continuous"]["1"]) for k in privacy["known_to"]]
    head = ("against", *map(known_to, privacy["known_to"][0]["epsilon"]), "to 1, if noise were continuous")
    yield table(f"Epsilon at delta {privacy['delta']:g}, proven for the noise that is drawn", head, rows)
    yield paragraphs(
        _whose_noise(privacy) + " The last column is for comparison only.",
        f"In words: somebody who knows everything else, and thinks it as likely as not that a certain person's records "
        f"are there, could at the very worst become {privacy['as_sure_as']:.0%} sure.",
        f"Delta is the chance that this bound fails: one in {1 / privacy['delta']:,.0f}. It is not the chance that "
        "records leave: nothing but noisy sums ever does.",
    )


def _whose_noise(privacy: Document) -> str:
    if len(privacy["known_to"]) == 1:
        return "Sums are not masked: the coordinator sees each node's sums, and each node adds all of the noise."
    return (
        "Each node adds a share of the noise, and masks let nobody read more than the total of at least "
        f"{privacy['quorum']} nodes. The last row is what is left should somebody break the masks; it has a limit of "
        "its own, in the study and in each node's policy."
    )


def _risks(risks: Iterable[dict[str, Any]]) -> Iterable[Html]:
    yield paragraphs("Each control names the part of the software that holds it and the tests that hold it to that.")
    for number, r in enumerate(risks, start=1):
        yield tag("h3", f"{number}. {r['risk']}")
        named = [("Held by", _listed(r["modules"])), ("Tested by", _listed(r["tests"]))]
        yield facts([("What is done", r["control"]), *named, ("What remains", r["remains"])])
    yield tag("h3", "Risks of this study's own")
    yield table("To be filled in", ("risk", "control", "what remains"), [(_room(), _room(), _room())] * 3)


def _listed(names: Iterable[str]) -> Html:
    return joined(tag("div", tag("code", name.rpartition("::")[2] or name)) for name in names)


def _alternatives(document: Document) -> Iterable[Html]:
    figures = ("epsilon", "known_to_three", "numbers", "noise_in_a_number", "noise_in_all")
    rows = [(a["what"], *(a.get(name) for name in figures)) for a in document["alternatives"]]
    head = ("the study", "epsilon", "known to 3 nodes", "numbers that leave", "noise in a number", "noise in a sum")
    yield paragraphs(
        "Computed from the same study. Noise is relative to the study as asked: 2 is twice the noise, and about four "
        "times as many people would be needed for the same precision."
    )
    yield table("The same study, asked otherwise", head, rows)
    yield from (paragraphs(f"{a['what']}: not possible ({a['not_possible']}).") for a in document["alternatives"]
                if "not_possible" in a)  # fmt: skip
    ways = [(w["way"], w["why_not"]) for w in document["ways_considered"]]
    yield table("Other ways to an answer", ("way", "what speaks against it"), ways)


def _software(document: Document) -> Html:
    software = document["software"]
    if not software:
        return paragraphs("A draft: software and hash are filled in when it is submitted. Make the dossier again then.")
    uses = ", ".join(f"{name} version {version}" for name, version in software["computations"].items())
    pairs = [("Study", tag("code", document["hash"])), ("Package", tag("code", software["package"]))]
    said = "Each node runs this very software or refuses. Whoever approves signs the study's hash, which covers all."
    return joined([facts([*pairs, ("Computations", uses)]), paragraphs(said)])


def _signatures() -> Iterable[Html]:
    yield paragraphs(
        "This paper approves nothing: a study runs at a node only when two people there have signed its hash with "
        "their own keys (hedgerow-node study approve)."
    )
    rows = [(role, *(_room() for _ in range(4))) for role in SIGNATORIES]
    yield table("Who decided", ("role", "name", "decision and conditions", "date", "signature"), rows)


def _room() -> Html:
    return tag("div", Html("&#160;"), class_="room")


__all__ = ["SIGNATORIES", "dossier_page"]
