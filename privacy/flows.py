"""The register of flows: what comes into a node, what is linked there, what leaves it, for whom and on what basis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from privacy.canonical import Document
from privacy.columns import Column
from privacy.contract import Contract
from privacy.errors import Invalid
from privacy.feature_words import explained
from privacy.linkage import Agreement, Extract
from privacy.study import Study

Direction = Literal["in", "linked", "out"]
NOT_SAID = "not said in the contract"
OPT_OUTS = "The national data opt-out and Type 1 opt-outs are applied before anything else is looked at."
NATIONAL_ONLY = (
    "The national data opt-out is applied before anything else is looked at. The node's policy leaves Type 1 opt-outs "
    "to the practices that send records."
)
INSIDE = "Encrypted at rest in this node. Its people see records only by name, with a purpose, on the record."
SUMS = "Only sums over many people, each with random noise; no record, no exact count."
DOOR = "Computed inside each node, which answers through one door, and only what two of its people approved."
TREATED = {
    "drop": "dropped",
    "keep": "kept as it is",
    "month": "kept as its month",
    "year": "kept as its year",
    "outward": "kept as its outward part",
    "band": "kept as its band",
}


@dataclass(frozen=True)
class Field:
    """One field of a flow, and what is done with it."""

    name: str
    kind: str
    treatment: str
    description: str = ""


@dataclass(frozen=True)
class Flow:
    """One flow, in the terms of the five safes. All of it is what people wrote down; nothing depends on patients."""

    direction: Direction
    name: str
    title: str
    source: str
    recipient: str
    controller: str
    purpose: str
    legal_basis: str
    until: str
    people: str
    setting: str
    data: tuple[str, ...]
    outputs: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    record: tuple[str, ...] = ()  # what the audit log tells of it

    def document(self) -> Document:
        """Return the flow as plain data."""
        return asdict(self)


def check_registered(contract: Contract) -> None:
    """Return when a contract says for what and for whom its records come; otherwise ``flow-unregistered``."""
    absent = [name for name in ("purpose", "recipient") if not getattr(contract, name).strip()]
    if absent:
        raise Invalid("flow-unregistered", contract.name, faults=[f"contract.{name}: is not said" for name in absent])


def inflow(contract: Contract, *, type_1_optouts: bool) -> Flow:
    """Return what comes in under a contract: each field with what is done with it before anything is stored.

    ``type_1_optouts``: whether the node's policy lets no list in that was not cleaned of Type 1 objections too.
    """
    kept = "for good" if contract.keep_days is None else f"{contract.keep_days} days after each load"
    return Flow(
        direction="in",
        name=contract.name,
        title=contract.title,
        source=contract.source,
        recipient=contract.recipient or NOT_SAID,
        controller=contract.owner,
        purpose=contract.purpose or NOT_SAID,
        legal_basis=contract.legal_basis,
        until=kept,
        people="The node's own people, by the roles of its signed policy",
        setting=INSIDE,
        data=(OPT_OUTS if type_1_optouts else NATIONAL_ONLY, *_linked(contract)),
        outputs=("Nothing: records stay. What is learned from them is each study's own flow.",),
        fields=tuple(_field(column, contract) for column in contract.columns),
    )


def linked(agreement: Agreement) -> Flow:
    """Return what a linkage agreement brings together, in memory, and what it leaves behind."""
    targets = ", ".join(target.name for target in agreement.targets)
    return Flow(
        direction="linked",
        name=agreement.name,
        title=f"Linkage of {targets} with {agreement.reference.name}",
        source=targets,
        recipient="this node",
        controller=", ".join(controller.name for controller in agreement.controllers),
        purpose=agreement.purpose,
        legal_basis=agreement.legal_basis,
        until=agreement.expires,
        people="One person of each controller signs the agreement; the same people approve studies on what was linked",
        setting="Compared in memory inside this node; no name, date of birth, address or id stays.",
        data=tuple(_compared(extract) for extract in (agreement.reference, *agreement.targets)),
        outputs=("Which keyed id is which pseudonym, and how surely; it stays in this node.",),
    )


def outflow(study: Study, *, coordinator: str, outputs: Sequence[str], until: str, record: Sequence[str] = ()) -> Flow:
    """Return what leaves under a study that two people approved; ``outputs`` say what is computed, in words.

    ``record`` is what the audit log tells of it: approvals and charges.
    """
    nodes = ", ".join(invited.name for invited in study.invited)
    terms = study.privacy
    return Flow(
        direction="out",
        name=study.name,
        title=study.title,
        source=f"{_read(study)}, at this node",
        recipient=f"{coordinator}, the coordinator; results also go to the nodes invited: {nodes}",
        controller=study.asked_by,
        purpose=f"{study.purpose}: {study.question}",
        legal_basis=study.legal_basis,
        until=until,
        people=f"Asked by {study.asked_by}. Two people of this node approved it with their own keys.",
        setting=DOOR,
        data=(
            f"Variables: {', '.join(variable.name for variable in study.variables)}, of {_read(study)}.",
            *(explained(study.features) if study.features else ()),
        ),
        outputs=(
            SUMS,
            *outputs,
            f"At most epsilon {terms.epsilon:g} at delta {terms.delta:g} a person, for life.",
            f"At least {terms.quorum} nodes take part in every sum.",
            f"For this decision: {study.decision}",
        ),
        record=tuple(record),
    )


def named(flows: Iterable[Flow], name: str) -> list[Flow]:
    """Return the flows of one name; ``flow-unknown`` when there is none."""
    found = [flow for flow in flows if flow.name == name]
    if not found:
        raise Invalid("flow-unknown", name[:100])
    return found


def _field(column: Column, contract: Contract) -> Field:
    other = [text for text, usual in ((column.owner, contract.owner), (column.legal_basis, contract.legal_basis))
             if text and text != usual]  # fmt: skip
    return Field(column.name, column.kind, _treated(column), "; ".join([column.description, *other]).strip("; "))


def _treated(column: Column) -> str:
    if column.treatment == "pseudonym":
        return "replaced by a keyed pseudonym" if column.is_person else "replaced by a keyed text"
    return TREATED[column.treatment or "keep"]


def _read(study: Study) -> str:
    return ", ".join(dict.fromkeys((study.data_set, *(study.features.data_sets if study.features else ()))))


def _linked(contract: Contract) -> tuple[str, ...]:
    return (f"Its people come by the linkage agreement {contract.linkage}.",) if contract.linkage else ()


def _compared(extract: Extract) -> str:
    names = ", ".join(name.replace("_", " ") for name, _ in extract.columns)
    return f"{extract.name}, of {extract.controller}: {names}"


__all__ = [
    "DOOR",
    "INSIDE",
    "NOT_SAID",
    "OPT_OUTS",
    "SUMS",
    "TREATED",
    "Direction",
    "Field",
    "Flow",
    "check_registered",
    "inflow",
    "linked",
    "named",
    "outflow",
]
