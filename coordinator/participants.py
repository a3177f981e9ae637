"""Who takes part in a run: those who approved and are online, or just those whom the operator names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coordinator.studies import Decision
from privacy.canonical import parse
from privacy.errors import Invalid, Refusal
from privacy.fields import Fields
from privacy.study import Study

LONGEST_DEADLINE_SECONDS = 86_400.0
FOR_GOOD = ("refused", "withdrawn")


@dataclass(frozen=True)
class Wish:
    """What the operator asks of a run: named participants, a least number of them, a deadline for each exchange."""

    nodes: tuple[str, ...] = ()
    at_least: int = 1
    deadline_seconds: float = 0.0

    @classmethod
    def of(cls, content: bytes) -> Wish:
        """Return the wish in a request's body, which may be empty; all faults at once as ``run-malformed``."""
        faults: list[str] = []
        fields = Fields(parse(content) if content else {}, "", faults)
        wish = cls(
            tuple(node.text("node") for node in fields.tables("nodes")),
            fields.whole("at_least", 1, least=1),
            fields.number("deadline_seconds", 1.0, above=0.0) if "deadline_seconds" in fields else 0.0,
        )
        if wish.deadline_seconds > LONGEST_DEADLINE_SECONDS:
            fields.fault("deadline_seconds", f"is at most {LONGEST_DEADLINE_SECONDS:g}")
        fields.finish()
        if faults:
            raise Invalid("run-malformed", faults=faults)
        return wish


def participants(study: Study, decisions: Sequence[Decision], online: Collection[str], wish: Wish) -> tuple[str, ...]:
    """Return the fingerprints of the nodes that a new run begins with, at least the quorum.

    Each named node must be invited (``node-not-invited``), have approved (``node-not-approved``) and be online
    (``node-offline``). Without names all that approved and are online take part; too few are ``study-not-ready``.
    """
    if not wish.nodes:
        ready = [d.node for d in decisions if d.state == "approved" and d.node in online]
        if len(ready) < max(study.privacy.quorum, wish.at_least):
            raise Refusal("study-not-ready", f"{study.name}: {len(ready)} nodes")
        return tuple(ready)
    named = {d.node: d for name in wish.nodes for d in [_find(decisions, name)]}
    if len(named) < max(study.privacy.quorum, wish.at_least):
        raise Refusal("quorum-impossible", f"{len(named)} of {study.privacy.quorum} nodes are named")
    if gone := [f"{d.name} {d.state} {d.code}".rstrip() for d in named.values() if d.state in FOR_GOOD]:
        raise Refusal("quorum-impossible", ", ".join(gone))
    if unsaid := [d.name for d in named.values() if d.state != "approved"]:
        raise Refusal("node-not-approved", ", ".join(unsaid))
    if away := [d.name for d in named.values() if d.node not in online]:
        raise Refusal("node-offline", ", ".join(away))
    return tuple(named)


def same_nodes(study: Study, decisions: Sequence[Decision], roster: Collection[str], wish: Wish) -> None:
    """Return if the wish names nobody, or just the nodes that the run began with; else ``run-began``."""
    if wish.nodes and {_find(decisions, name).node for name in wish.nodes} != set(roster):
        names = {d.node: d.name for d in decisions}
        raise Refusal("run-began", f"{study.name}: {', '.join(names.get(node, node) for node in roster)}")


def _find(decisions: Sequence[Decision], name: str) -> Decision:
    """Return an invited node by its name in the study, or by its fingerprint."""
    for decision in decisions:
        if name in (decision.name, decision.node):
            return decision
    raise Refusal("node-not-invited", name)


__all__ = ["FOR_GOOD", "LONGEST_DEADLINE_SECONDS", "Wish", "participants", "same_nodes"]
