"""What is asked of patients' records, as data: frozen, checked, hashed, so that two people can approve just this."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from privacy.canonical import Document, hash_of
from privacy.computation import PARTS, People
from privacy.demands import Demand, demand_faults, read_demands
from privacy.errors import Invalid, Refusal, Unreachable
from privacy.feature_reading import completed, features_of
from privacy.features import FeatureSet
from privacy.fields import Fields
from privacy.terms import PrivacyTerms, read_terms, terms_faults
from privacy.toml_file import table_of
from privacy.unfinished import unfinished
from privacy.variables import KEYED, Variable, read_variable

NUMBERS = (
    "features",
    "outcome",
    "means",
    "order",
)  # parameters that by convention name variables as numbers,
DECLARED = ("by", "means", "order")  # and those of which a computation is told what the study says of them


@dataclass(frozen=True)
class Step:
    """One computation of a study: which (``use``), on whom (``people``), for which share of the budget.

    ``of`` names an earlier step whose result this one works on, such as the model that an evaluation evaluates.
    """

    name: str
    use: str
    of: str
    people: People
    budget: float
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Invited:
    """An organisation that may take part; it is its key's fingerprint, whatever it is called."""

    name: str
    fingerprint: str


@dataclass(frozen=True)
class Software:
    """Exactly what will run: the hash of the package, and each computation's version."""

    package: str
    computations: Mapping[str, int]


@dataclass(frozen=True)
class Study:
    """A whole study. ``hash`` covers all of it, defaults included; whoever approves signs the hash."""

    name: str
    title: str
    question: str
    decision: str
    intended_use: str
    purpose: str
    legal_basis: str
    asked_by: str
    ends: str
    data_set: str
    variables: tuple[Variable, ...]
    steps: tuple[Step, ...]
    privacy: PrivacyTerms
    invited: tuple[Invited, ...]
    software: Software | None = None
    quality: tuple[Demand, ...] = ()
    features: FeatureSet | None = None

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the canonical document."""
        return hash_of(self.document())

    def document(self) -> Document:
        """Return the study as plain data, every default filled in; ``from_document`` reads it back.

        Of ``software``, ``quality`` and ``features`` only what the study says is there: older studies keep their hash.
        """
        head = asdict(replace(self, features=None))
        head["variables"] = [variable.document() for variable in self.variables]
        said = {name: v for name, v in head.items() if v or name not in ("software", "quality", "features")}
        said["privacy"] = self.privacy.document()
        return said | (self.features.document() if self.features else {})

    def variable(self, name: str) -> Variable:
        """Return a variable by name; ``variable-unknown`` when the study has none of it."""
        if variable := next((v for v in self.variables if v.name == name), None):
            return variable
        raise Invalid("variable-unknown", name)

    def parameters(self, step: Step) -> Mapping[str, Any]:
        """Return what a step's computation is given: its parameters and, as ``of``, those of the step it works on.

        Where they name variables as ``by``, ``means`` or ``order``, what the study says of these comes too, as
        ``variables``: keys and bounds are public, and a computation counts by no others.
        """
        of = {"of": self.step(step.of).parameters} if step.of else {}
        declared = {name: v.document() | {"keys": list(v.keys)} for name, v in self.named(step, DECLARED).items()}
        return {**step.parameters, **of, **({"variables": declared} if declared else {})}

    def named(self, step: Step, which: tuple[str, ...]) -> dict[str, Variable]:
        """Return the variables that some of a step's parameters name; others find out who is not there."""
        found = [name for each in which for name in listed(step.parameters.get(each))]
        return {v.name: v for v in self.variables if v.name in found}

    def step(self, name: str) -> Step:
        """Return a step by name; ``step-unknown`` when there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise Invalid("step-unknown", name)

    def check_not_ended(self, today: datetime.date) -> None:
        """Return if the study may still run; afterwards ``study-expired``."""
        if today.isoformat() > self.ends:
            raise Refusal("study-expired", f"ended on {self.ends}")


def read_study(path: Path) -> Study:
    """Return the study in a TOML file, with the code lists that it names; all faults at once as ``study-malformed``."""
    try:
        table = table_of(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    except ValueError as error:  # no TOML, or no UTF-8 text
        raise Invalid("study-malformed", str(path), faults=[str(error)]) from error
    head = table.pop("study", {})
    return from_document(completed({**(head if isinstance(head, dict) else {}), **table}, path.parent))


def from_document(document: Mapping[str, Any]) -> Study:
    """Return the study that plain data describes; unknown, missing and wrong fields are all listed."""
    faults = [f"{place}: is still to be filled in" for place in unfinished(document)]
    fields = Fields(document, "", faults)
    study = _study(fields)
    fields.finish()
    _check_references(study, faults)
    if faults:
        raise Invalid("study-malformed", study.name, faults=faults)
    return study


def _study(f: Fields) -> Study:
    return Study(
        name=f.name("name"),
        title=f.text("title"),
        question=f.text("question"),
        decision=f.text("decision"),
        intended_use=f.text("intended_use"),
        purpose=f.name("purpose"),
        legal_basis=f.text("legal_basis"),
        asked_by=f.text("asked_by"),
        ends=f.date("ends"),
        data_set=f.name("data_set"),
        variables=tuple(read_variable(v) for v in f.tables("variables")),
        steps=tuple(_step(s) for s in f.tables("steps")),
        privacy=read_terms(f.table("privacy")),
        invited=tuple(_invited(i) for i in f.tables("invited")),
        software=_software(f.table("software")) if "software" in f else None,
        quality=read_demands(f.tables("quality")),
        features=features_of(f),
    )


def _step(f: Fields) -> Step:
    step = Step(
        name=f.name("name"),
        use=f.name("use"),
        of=f.text("of", ""),
        people=cast("People", f.text("people", choices=PARTS)),
        budget=f.number("budget", 1.0, above=0),
        parameters=f.anything("parameters"),
    )
    f.finish()
    return step


def _invited(f: Fields) -> Invited:
    invited = Invited(f.text("name"), f.text("fingerprint"))
    f.finish()
    return invited


def _software(f: Fields) -> Software:
    software = Software(f.text("package"), f.anything("computations"))
    f.finish()
    return software


def listed(value: object) -> list[object]:
    """Return a list as it is, anything else as the one of a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _check_references(study: Study, faults: list[str]) -> None:
    for what, names in (
        ("variables", [v.name for v in study.variables]),
        ("steps", [s.name for s in study.steps]),
        ("invited", [i.fingerprint for i in study.invited]),
    ):
        if not names:
            faults.append(f"{what}: at least one is needed")
        faults += [f"{what}: {name} is there twice" for name in sorted({n for n in names if names.count(n) > 1})]
    for i, step in enumerate(study.steps):
        if step.of and step.of not in [s.name for s in study.steps[:i]]:
            faults.append(f"steps[{i + 1}].of: no earlier step is called {step.of}")
        keyed = [name for name, v in study.named(step, NUMBERS).items() if v.transform in KEYED]
        faults += [f"steps[{i + 1}].parameters: {name} says a key, and is no number" for name in keyed]
    faults += demand_faults(study.quality)
    faults += terms_faults(study.privacy, len(study.invited))
    try:
        hash_of(study.document())
    except (TypeError, ValueError, RecursionError):  # a date, a huge whole number, NaN: nothing that RFC 8785 can write
        faults.append("parameters and software: are texts, numbers, truth values, lists and tables")


__all__ = [
    "DECLARED",
    "NUMBERS",
    "Invited",
    "Software",
    "Step",
    "Study",
    "from_document",
    "listed",
    "read_study",
]
