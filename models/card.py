"""A model card, generated: what a model is, for what, from which data, how private, how good, and what nobody measured.

The headings are those of the NHS RAP template; who is in the data and how each group fares follows STANDING Together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models.pages import Bullets, Section, Table
from models.standing import Statement
from models.version import FORMAT, ModelVersion
from privacy.canonical import JSON
from privacy.contract import Contract
from privacy.feature_words import explained
from privacy.lineage import epsilons, releases_by_node
from privacy.observers import apart, who
from privacy.programme import NODES_A_PERSON
from privacy.study import Step
from privacy.variables import KEYED, TRANSFORMS, Variable

NOT_MEASURED = "not measured"
GROUPS = ("sex", "age band", "ethnicity", "index of multiple deprivation")
UNMEASURED = (
    "calibration slope and intercept",
    "sensitivity and specificity at a working threshold",
    "net benefit (decision curve)",
    "the uncertainty from who happened to be in the data",
    "how it does in other places or later years",
)

CAVEATS = (
    "This is not a medical device, and nothing here says that it may be used as one.",
    "Software that informs the care of individuals is likely to be one (Medical Devices Regulations 2002): ask first.",
    "Who supplies it needs a safety case (DCB0129), who deploys it a risk assessment (DCB0160): neither is here.",
    "It orders people; a clinician decides. Never use it to refuse or delay care.",
    "Noise is in every weight: another run of the same study would give other weights.",
    "Pin the version. A model learns nothing after it was made, and it ages: drift is not watched.",
)


@dataclass(frozen=True)
class Subject:
    """What a card is about: a model, its version, what was said of it, and the data contract where it is at hand."""

    model: ModelVersion
    version: str
    coordinator: str
    published: Statement | None = None
    withdrawn: Statement | None = None
    contract: Contract | None = None


def card(about: Subject) -> tuple[str, tuple[Section, ...]]:
    """Return a card's title and sections: no number of people is in it; the same model in the same state, same card."""
    sections = (
        Section("Specification", tuple(_specification(about))),
        Section("Intended Use", tuple(_intended_use(about))),
        Section("Data", tuple(_data(about))),
        Section("Methodology and Training", tuple(_methodology(about))),
        Section("Evaluation and Performance", tuple(_evaluation(about))),
        Section("Ethical Considerations", tuple(_ethics(about))),
        Section("Caveats", tuple(_caveats(about))),
    )
    return f"Model card: {about.model.study.title}", sections


def _specification(about: Subject) -> Iterator[str | Table]:
    model, study = about.model, about.model.study
    if about.withdrawn:
        yield f"WITHDRAWN on {about.withdrawn.at}: {about.withdrawn.reason} Do not use this model."
    state = about.withdrawn or about.published
    software = study.software
    facts = [
        ("Study", study.name),
        ("Version (SHA-256 of the model file)", about.version),
        ("State", f"{state.standing} {state.at}" if state else "made, not published"),
        ("Takes the place of", (about.published.supersedes if about.published else "") or "no other model"),
        ("Made", model.made_at),
        ("Coordinator's key", about.coordinator),
        ("Study's hash", study.hash),
        ("Form", f"{FORMAT['name']} {FORMAT['number']}"),
        ("Software (hash of the package)", software.package if software else "not stated"),
        ("Results", ", ".join(f"{step} ({result.kind})" for step, result in model.results.items())),
    ]
    yield Table(("what", "which"), tuple(facts))
    for step, result in model.results.items():
        weights = result.facts.get("weights")
        if isinstance(weights, dict):
            rows = tuple((str(name), f"{value:.6g}") for name, value in weights.items())
            yield f"Weights of {step}, on variables as the data section scales them:"
            yield Table(("variable", "weight"), rows)


def _intended_use(about: Subject) -> Iterator[str | Table]:
    study = about.model.study
    facts = [
        ("Question", study.question),
        ("Decision it informs", study.decision),
        ("Intended use", study.intended_use),
        ("Purpose", study.purpose),
        ("Legal basis", study.legal_basis),
        ("Asked by", study.asked_by),
        ("Limits stated by the publisher", (about.published.reason if about.published else "") or "none"),
    ]
    yield Table(("what", "as approved at each node"), tuple(facts))
    yield "Any other use is out of scope: two people at each node approved this one and no other."


def _data(about: Subject) -> Iterator[str | Table]:
    model, study, contract = about.model, about.model.study, about.contract
    names = {organisation.fingerprint: organisation.name for organisation in study.invited}
    if contract:
        facts = [
            ("Data set", f"{contract.name}, contract version {contract.version}"),
            ("What it is", contract.title),
            ("Source", contract.source),
            ("Owner of the contract", contract.owner),
            ("Rows", "one a person" if contract.table == "person" else "several a person"),
        ]
        yield Table(("what", "which"), tuple(facts))
    else:
        yield f"Data set: {study.data_set}. Its contract was not at hand when this card was made."
    heads = ("variable", "column", "transform", "range", "missing counts as", "periods ahead")
    yield Table(heads, tuple(_variable(v) for v in study.variables))
    if study.features:
        yield "Columns that are features are made of events, for each person from their own:"
        said = (line.partition(": ") for line in explained(study.features))
        yield Table(("feature", "how it is made"), tuple((name, how) for name, _, how in said))
    yield "Organisations whose releases went in, with the versions of data and opt-out list that these used:"
    rows = [
        (
            names[node],
            node,
            ", ".join(sorted({d for r in own for d in r.data})),
            ", ".join(sorted({r.optouts for r in own})),
        )
        for node, own in releases_by_node(model.study, model.receipts).items()
    ]
    yield Table(("organisation", "key", "data versions", "opt-out lists"), tuple(rows))
    yield "How many people, and who they are (age, sex, ethnicity, deprivation): not stated, or not measured."


def _variable(v: Variable) -> tuple[str, ...]:
    if v.transform in KEYED:
        return (
            v.name,
            v.column,
            f"{TRANSFORMS[v.transform]}: {'; '.join(v.keys)}",
            "-",
            v.keys[-1],
            str(v.periods_ahead),
        )
    at = f" (threshold {v.threshold:g})" if v.transform == "at-least" else ""
    return (
        v.name,
        v.column,
        TRANSFORMS[v.transform] + at,
        f"{v.low:g} to {v.high:g}",
        f"{v.if_missing:g}",
        str(v.periods_ahead),
    )


def _methodology(about: Subject) -> Iterator[str | Table]:
    study, spent = about.model.study, epsilons(about.model.study, about.model.receipts)
    steps = [(step.name, step.use, step.of or "-", step.people, _parameters(step)) for step in study.steps]
    yield Table(("step", "computation", "works on", "people", "parameters"), tuple(steps))
    yield (
        "Nothing but private sums left an organisation: each person adds one bounded vector, each organisation adds "
        "discrete Gaussian noise to its sum before it leaves. Every sum was charged to a ledger before it was computed."
    )
    terms = study.privacy
    limits = {"coordinator": terms.epsilon_unmasked if terms.masked else terms.epsilon}
    yield Table(
        (f"epsilon at delta {terms.delta:g} against", "promised", *(f"spent, known to {m}" for m in NODES_A_PERSON)),
        tuple(
            (who(observer, terms), f"{limits.get(observer, terms.epsilon):g}", *_figures(spent[observer]))
            for observer in apart(terms)
        ),
    )
    signed = ", each signed by its organisation; the model file holds the signatures"
    yield f'Lineage: {len(about.model.receipts)} releases{signed}. "hedgerow-node models verify" checks them offline.'


def _figures(epsilons: Mapping[int, float]) -> Iterator[str]:
    return (f"{epsilon:.4f}" for epsilon in epsilons.values())


def _parameters(step: Step) -> str:
    lists = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in step.parameters.items()}
    return "; ".join(f"{name}: {value}" for name, value in lists.items()) or "as by default"


def _evaluation(about: Subject) -> Iterator[str | Table | Bullets]:
    evaluated = [(step, r.facts) for step, r in about.model.results.items() if r.kind == "evaluation"]
    if not evaluated:
        yield f"Discrimination and calibration: {NOT_MEASURED}. The study has no evaluation."
    for step, facts in evaluated:
        yield f"{step}: on people held back for life, who took no part in training. Noise is in every figure."
        auc, noise = facts.get("auc"), facts.get("auc_noise_sd")
        ratio = facts.get("observed_to_expected")
        rows = [
            (
                "AUC",
                _number(auc) + (f" ± {_number(noise)} (standard deviation of the noise)" if auc is not None else ""),
            ),
            ("Observed to expected", _number(ratio)),
        ]
        yield Table(("figure", "value"), tuple(rows))
        yield from _calibration(facts)
    yield "Not measured:"
    yield Bullets(UNMEASURED)


def _calibration(facts: Mapping[str, JSON]) -> Iterator[Table]:
    predicted, observed = facts.get("predicted"), facts.get("observed")
    if isinstance(predicted, list) and isinstance(observed, list) and len(predicted) == len(observed):
        rows = tuple(
            (_number(p), _number(o) if o is not None else "too few to say")
            for p, o in zip(predicted, observed, strict=True)
        )
        yield Table(("predicted risk, middle of the bin", "observed rate"), rows)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else NOT_MEASURED


def _ethics(about: Subject) -> Iterator[str | Table | Bullets]:
    yield "Fairness: how the model does for each of these groups, and what privacy's noise costs each, is not known."
    rows = tuple((group, NOT_MEASURED, NOT_MEASURED, NOT_MEASURED) for group in GROUPS)
    yield Table(("group", "discrimination", "calibration", "sensitivity at threshold"), rows)
    yield 'Before use, compare with your own people ("hedgerow-node compare") and look at each group that you serve.'
    features = sorted({str(f) for r in about.model.results.values() for f in _listed(r.facts.get("features"))})
    if features:
        yield f"Judge whether any of these stands in for a protected characteristic: {', '.join(features)}."
    yield "People who opted out were left out at each organisation, at load and again at every sum."


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _caveats(about: Subject) -> Iterator[Bullets]:
    yield Bullets((*CAVEATS, f"The study's last day is {about.model.study.ends}; ask for a newer model after that."))


__all__ = ["CAVEATS", "GROUPS", "NOT_MEASURED", "UNMEASURED", "Subject", "card"]
