"""Where synthetic records come from, of which there are two kinds, and what each may and may not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any, ClassVar

from privacy.errors import Invalid


@dataclass(frozen=True)
class PublicPriors:
    """Made by the simulator from published figures alone: no patient's record had any part in it.

    ``version`` is the SHA-256 of the tables of figures that it was made from.
    """

    version: str

    kind: ClassVar[str] = "public-priors"
    says: ClassVar[str] = "Simulated from published figures. No record of any patient had a part in it."
    may: ClassVar[tuple[str, ...]] = (
        "teach, run hackathons, and build and test software and pipelines",
        "compare methods with each other and with the known truth",
        "plan the size and the steps of a study before asking for real data",
    )
    may_not: ClassVar[tuple[str, ...]] = (
        "learn anything about real people, places, organisations or services: relations are the simulator's own",
        "estimate how common something is, or what an intervention does, beyond the published figures it began with",
        "decide on care, services or money",
    )
    cost: ClassVar[str] = ""  # no budget was touched


@dataclass(frozen=True)
class Fitted:
    """Drawn from a model of noisy sums that nodes released for it, each charged to a node's privacy budget.

    ``study`` is its hash, ``receipts`` those of the releases, ``epsilon`` and ``delta`` what one person-record was
    exposed by all of them together; ``epsilon_at_most`` is what the study, which each receipt names, lets any node
    charge, tries that failed included. ``coordinator`` is the fingerprint of who signed the result.
    """

    study: str
    receipts: tuple[str, ...]
    epsilon: float
    epsilon_at_most: float
    delta: float
    coordinator: str

    kind: ClassVar[str] = "fitted"
    says: ClassVar[str] = "Drawn from noisy sums of real records, paid for in privacy budgets. No row is a person's."
    may: ClassVar[tuple[str, ...]] = (
        "develop and test an analysis before it is run on the real records",
        "explore the relations that were measured, as closely as the report says that they are kept",
    )
    may_not: ClassVar[tuple[str, ...]] = (
        "publish a finding that was not confirmed on the real records",
        "rely on a relation that was not measured, or on a small group",
        "try to learn about any real person",
    )

    @property
    def cost(self) -> str:
        """Return what it cost, in a sentence."""
        return (
            f"What was released of one person-record costs epsilon {self.epsilon:.4g} at delta {self.delta:g}, by what "
            f"its node signed, and at most {self.epsilon_at_most:.4g}."
        )


Provenance = PublicPriors | Fitted
KINDS: Mapping[str, type[Provenance]] = {each.kind: each for each in (PublicPriors, Fitted)}


def to_document(provenance: Provenance) -> dict[str, Any]:
    """Return it as plain data for a manifest, with its use statement."""
    facts = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(provenance).items()}
    use = {"may": list(provenance.may), "may_not": list(provenance.may_not)}
    return {"kind": provenance.kind, **facts, "says": provenance.says, "use": use}


def from_document(document: Mapping[str, Any]) -> Provenance:
    """Return what ``to_document`` was given; ``manifest-malformed`` for anything else."""
    kind = KINDS.get(str(document.get("kind")))
    try:
        if kind is PublicPriors:
            found: Provenance = PublicPriors(str(document["version"]))
        elif kind is Fitted:
            epsilon, at_most, delta = (float(document[name]) for name in ("epsilon", "epsilon_at_most", "delta"))
            receipts, coordinator = tuple(map(str, document["receipts"])), str(document["coordinator"])
            found = Fitted(str(document["study"]), receipts, epsilon, at_most, delta, coordinator)
        else:
            raise Invalid("manifest-malformed", "provenance.kind")
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("manifest-malformed", "provenance") from error
    if isinstance(found, Fitted) and not (0 <= found.epsilon <= found.epsilon_at_most < inf and 0 < found.delta < 1):
        raise Invalid("manifest-malformed", "provenance: what was paid is no epsilon and delta")
    if to_document(found) != document:
        raise Invalid("manifest-malformed", "provenance: the use statement is not the one of its kind")
    return found


__all__ = ["KINDS", "Fitted", "Provenance", "PublicPriors", "from_document", "to_document"]
