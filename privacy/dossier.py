"""Everything that an information governance lead needs of a study for a DPIA, as plain data."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from privacy import accountant
from privacy.canonical import Document
from privacy.computation import Finder
from privacy.contract import Contract
from privacy.errors import HedgerowError
from privacy.explain import PEOPLE, contract_of, spelt, sure
from privacy.feature_words import explained
from privacy.observers import apart, known
from privacy.programme import Programme, programme
from privacy.study import Step, Study

FORMAT = "hedgerow-dossier/1"
HALF, DOUBLE = 0.5, 2.0


def dossier(plan: Programme, finder: Finder, *contracts: Contract) -> Document:
    """Return the dossier; with the contracts of what it reads also what they say of columns, sensitive ones marked."""
    study = plan.study
    contract = contract_of(study.data_set, contracts)
    named = ("title", "question", "decision", "intended_use", "purpose", "legal_basis", "asked_by", "ends")
    return {
        "format": FORMAT,
        "study": study.name,
        "hash": study.hash if study.software else None,
        "software": asdict(study.software) if study.software else None,
        "asked": {name: getattr(study, name) for name in named},
        "invited": [asdict(invited) for invited in study.invited],
        "data": _data(study, contract),
        "variables": [_variable(study, i, contract) for i in range(len(study.variables))],
        "features": list(explained(study.features, study.data_set, contracts)) if study.features else [],
        "persons": list(_persons(study)),
        "leaves": [_step(plan, step, finder) for step in study.steps],
        "also_leaves": list(ALSO_LEAVES),
        "privacy": _privacy(plan),
        "cannot_reveal": list(CANNOT),
        "may_reveal": [MAY[0], ORGANISATION[study.privacy.masked], MAY[1]],
        "keeping": list(KEEPING),
        "opt_outs": list(OPT_OUTS),
        "risks": risks(),
        "alternatives": alternatives(plan, finder),
        "ways_considered": [dict(zip(("way", "why_not"), way, strict=True)) for way in WAYS],
    }


def risks() -> list[dict[str, Any]]:
    """Return what could go wrong, what is done about it, and which modules and tests hold it."""
    table = tomllib.loads(Path(__file__).with_name("risks.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = table["risks"]
    return found


def alternatives(plan: Programme, finder: Finder) -> list[Document]:
    """Return what the same study would cost, and how noisy it would be, were it asked otherwise.

    ``noise_in_a_number`` and ``noise_in_all`` are relative to the study as asked: the first compares the noise's
    standard deviation in one number, the second that of all numbers of a sum together, both averaged over its sums.
    """
    found = [_alternative("as asked", plan, plan)]
    for what, study in _otherwise(plan.study):
        try:
            found.append(_alternative(what, programme(study, finder), plan))
        except HedgerowError as error:  # nothing is left to pay some sum with
            found.append({"what": what, "not_possible": error.code})
    return found


def _otherwise(study: Study) -> Iterator[tuple[str, Study]]:
    terms = study.privacy
    yield "half the epsilon", replace(study, privacy=replace(terms, epsilon=terms.epsilon * HALF))
    if terms.epsilon * DOUBLE <= accountant.LARGEST_EPSILON:
        yield "double the epsilon", replace(study, privacy=replace(terms, epsilon=terms.epsilon * DOUBLE))
    fewer = tuple(_with_fewer(step) for step in study.steps)
    if fewer != study.steps:
        yield "half the variables", replace(study, steps=fewer)
    if terms.spares:
        yield "no spare places", replace(study, privacy=replace(terms, spares=0))
    if len(study.steps) > 1:
        yield f"only the first step, {study.steps[0].name}", replace(study, steps=study.steps[:1])


def _with_fewer(step: Step) -> Step:
    """Return the step with the first half of its ``features``, by the convention that they are named so."""
    features = step.parameters.get("features")
    if not isinstance(features, Sequence) or isinstance(features, str) or len(features) < 2:
        return step
    return replace(step, parameters={**step.parameters, "features": list(features[: (len(features) + 1) // 2])})


def _alternative(what: str, plan: Programme, asked: Programme) -> Document:
    delta = plan.study.privacy.delta
    before = {(p.step, p.sum, p.occurrence): p.mechanism for p in asked.places}
    pairs = [(p.mechanism, before[p.step, p.sum, p.occurrence]) for p in plan.places[1:]]
    in_one = [new.noise_sd / old.noise_sd for new, old in pairs]
    in_all = [ratio * math.sqrt(new.width / old.width) for ratio, (new, old) in zip(in_one, pairs, strict=True)]
    return {
        "what": what,
        "epsilon": accountant.epsilon(plan.cost_to_a_person, delta),
        "known_to_three": accountant.epsilon(plan.cost_at(3), delta),
        "sums": len(plan.places) - 1,
        "numbers": sum(p.mechanism.width for p in plan.places[1:]),
        "noise_in_a_number": sum(in_one) / len(in_one),
        "noise_in_all": sum(in_all) / len(in_all),
    }


def _data(study: Study, contract: Contract | None) -> Document:
    if contract is None:
        return {"data_set": study.data_set, "contract": None}
    named = ("title", "owner", "legal_basis", "source", "version", "hash")
    return {"data_set": study.data_set, "contract": {name: getattr(contract, name) for name in named}}


def _variable(study: Study, index: int, contract: Contract | None) -> Document:
    variable = study.variables[index]
    known = {column.name: column for column in contract.stored} if contract else {}
    column = known.get(variable.column)
    used = [step.name for step in study.steps if variable.name in set(_texts_in(study.parameters(step)))]
    return {
        "name": variable.name,
        "column": variable.column,
        "what": spelt(variable, study.features),
        "description": column.description if column else "",
        "kind": column.kind if column else "",
        "sensitive": column.kind == "sensitive" if column else None,
        "used_by": used,
    }


def _texts_in(value: object) -> Iterator[str]:
    """Yield the texts in a step's parameters: by convention the variables that it uses are among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(each)


def _persons(study: Study) -> Iterator[str]:
    yield f"Everybody in the data set {study.data_set} at each node, less those who opted out as of each request."
    if any(v.periods_ahead for v in study.variables):
        yield "Rows whose later period is not recorded are left out, and so are people who have no other rows."
    for step in study.steps:
        yield f"{step.name}: {PEOPLE[step.people]}."
    yield "Who is held back is worked out from the NHS number under a key, alike at every node, and never changes."
    for demand in study.quality:
        yield f"A node where {demand.column} seems to be less than {demand.at_least:.0%} complete does not take part."
    yield f"A node that seems to hold fewer than {study.privacy.minimum_cohort} such people does not take part."


def _step(plan: Programme, step: Step, finder: Finder) -> Document:
    computation, delta = finder.find(step.use), plan.study.privacy.delta
    sums = []
    for planned in computation.plan(plan.study.parameters(step)):
        places = plan.of(step.name, planned.name)
        sums.append(
            {
                "sum": planned.name,
                "each_person_adds": planned.meaning,
                "numbers": planned.width,
                "times": planned.times,
                "at_most": len(places),
                "moves_by_at_most": planned.clip,
                "noise_sd": places[0].mechanism.noise_sd,
                "epsilon_alone": accountant.epsilon(places[0].mechanism.cost, delta),
            }
        )
    return {"step": step.name, "computes": computation.title, "people": PEOPLE[step.people], "sums": sums}


def _privacy(plan: Programme) -> Document:
    terms = plan.study.privacy
    return {
        **terms.document(),
        "known_to": [
            {
                "observer": each.observer,
                "who": each.who,
                "epsilon": {str(nodes): epsilon for nodes, epsilon in each.epsilon.items()},
                "if_continuous": {str(nodes): epsilon for nodes, epsilon in each.if_continuous.items()},
            }
            for each in known(plan)
            if each.observer in apart(terms)
        ],
        "as_sure_as": sure(terms.epsilon),
    }


ALSO_LEAVES = (
    "receipts: what was paid, which version of the data and of the opt-out list was used",
    "the node's decision on the study, and codes of refusals, without anybody's name or reason",
    "the size and a fingerprint of the node's audit log",
)
CANNOT = (
    "A row, an identifier, a pseudonym, a date of birth, a free text: none of these is ever sent.",
    "An exact count, a smallest or a largest value: every number carries noise.",
    "Exactly how many people took part at a node: the count that it takes for itself stays there.",
    "Whether a certain person's records are there, beyond what epsilon allows, whatever anybody else knows.",
)
MAY = (
    "What is true of people in general, which is the question; it is then also said of people who are not in the data.",
    "With a chance of delta, more about a person than epsilon allows.",
)
ORGANISATION = {
    False: "Roughly, the organisation's own totals: the noise hides a person, not an organisation.",
    True: "The total of all organisations that take part. Masks hide each one's own, unless they are broken.",
}
KEEPING = (
    "At the node: receipts, charges and the log are kept for as long as the node is, as evidence.",
    "At the coordinator: the noisy sums and the finished model, which hold no person's record. Nothing deletes them.",
    "How long the coordinator's people keep them is for you and them to agree, and to write here.",
    "A model that should be used no more is withdrawn; nodes hear of it.",
    "The charge is for life: a budget is not renewed when results are deleted.",
)
OPT_OUTS = (
    "The list of who may be used is loaded by the node's people (national data opt-out, Type 1) and has an age limit.",
    "It is applied when data are loaded, and again at each request; a stale list stops every request.",
    "Somebody who opts out during the study is in no later sum. Sums that left before cannot be called back.",
)
WAYS: tuple[tuple[str, str], ...] = (
    ("Send the records to one place", "Everything leaves, and whoever holds the place can read everything."),
    ("Send exact tables with small numbers hidden", "No bound holds for a person when tables are compared."),
    ("Use synthetic people", "They answer what their maker put in; they suit methods and training, not this question."),
    ("Do not ask", "The decision named above is then taken without the answer. Weigh it here."),
)


__all__ = [
    "ALSO_LEAVES",
    "CANNOT",
    "DOUBLE",
    "FORMAT",
    "HALF",
    "KEEPING",
    "MAY",
    "OPT_OUTS",
    "ORGANISATION",
    "WAYS",
    "alternatives",
    "dossier",
    "risks",
]
