"""This node's flows, from what its people have signed and loaded: contracts, linkage agreements, approved studies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from node.data_version import DataVersion
from node.governance import Governance
from node.linkage.agreements import Standing
from node.policy import APPROVALS_NEEDED
from privacy.canonical import Document
from privacy.computation import Finder
from privacy.dossier import dossier
from privacy.errors import HedgerowError
from privacy.flows import Flow, inflow, linked, outflow
from privacy.programme import programme
from privacy.study import Study
from privacy.uses import Use, uses_of


def flows(
    *,
    versions: Iterable[DataVersion],
    agreements: Iterable[Standing],
    governance: Governance,
    finder: Finder,
    events: Iterable[Document],
    coordinator: str,
    delta: float,
    type_1_optouts: bool,
) -> list[Flow]:
    """Return all flows: in by data set, linked by agreement, out by study; ``type_1_optouts`` is the policy's.

    A study is in it from its last approval on, for good, whatever became of it: how it stands could depend on
    patients (a cohort that was too small), and that it was approved does not. So is each that ``events``, the audit
    log, tells a charge of: what they say of approvals and charges is told of it, at ``delta``.
    """
    uses = uses_of(events)
    newest = {version.data_set: version.contract for version in versions}  # oldest first
    whole = {standing.agreement.name: standing.agreement for standing in agreements if not standing.missing}
    studies = [
        outflow(
            study,
            coordinator=coordinator,
            outputs=_outputs(study, finder),
            until=until,
            record=uses.get(study.hash, Use()).sentences(delta),
        )
        for study, until in _approved(governance, [study for study, use in uses.items() if use.charges])
    ]
    loaded = [inflow(contract, type_1_optouts=type_1_optouts) for contract in newest.values()]
    return [*loaded, *map(linked, whole.values()), *studies]


def _approved(governance: Governance, charged: Collection[str]) -> Iterator[tuple[Study, str]]:
    """Give each study that was charged for or has all the approvals it needs, and until when: its end, or people's."""
    for record in governance.register.all():
        decisions, study = governance.register.decisions(record.hash), record.study()
        approvers = [decision.person for decision in decisions if decision.decision == "approve"]
        whole = len(approvers) >= APPROVALS_NEEDED and not _waits_for(governance, study, approvers)
        if whole or record.hash in charged:
            ended = [decision.at[:10] for decision in decisions if decision.decision == "refuse"]
            yield study, f"withdrawn on {ended[0]}" if ended else study.ends


def _waits_for(governance: Governance, study: Study, approvers: list[str]) -> list[str]:
    """Return the controllers of linked records who have yet to approve; an agreement that ended asks nobody more."""
    try:
        return governance.lacking(study, approvers)
    except HedgerowError:
        return []


def _outputs(study: Study, finder: Finder) -> list[str]:
    """Return what each step computes; its name alone where the computation is not installed any more."""
    try:
        steps = dossier(programme(study, finder), finder)["leaves"]
    except HedgerowError:
        return [f"{step.name}: {step.use}." for step in study.steps]
    return [
        f"{step['step']}: {step['computes']}; at most {sum(s['numbers'] * s['at_most'] for s in step['sums'])} numbers "
        f"in {sum(s['at_most'] for s in step['sums'])} sums."
        for step in steps
    ]


__all__ = ["flows"]
