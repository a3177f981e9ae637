"""A study's terms of privacy: what each person is promised, against whom, and how many nodes that takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal, cast

from privacy.accountant import LARGEST_EPSILON
from privacy.canonical import Document
from privacy.fields import Fields
from privacy.secure_aggregation import LEAST_NODES, MOST_NODES, sets_meet

UNMASKED, MASKED = "none", "secure-aggregation"
MASKINGS = (UNMASKED, MASKED)  # full noise at each node, or a share of it under masks that only a total is free of
LARGEST_DELTA = 1e-4
MOST_SPARES = 10  # more would let a study ask for much that its plan does not show
LEAST_HONEST = 2  # of one node, the share would be the whole noise
COLLUDERS = 1  # a coordinator is often run by somebody who also runs a node
EPSILON_UNMASKED = 8.0  # our choice: the promise that is left should masks be broken is weak, and still one
WITH_MASKS = ("colluders", "epsilon_unmasked")


@dataclass(frozen=True)
class PrivacyTerms:
    """What each person is promised: at most ``epsilon`` at ``delta`` from all the study's sums together.

    Under masks each node adds a share of the noise, and that promise holds against anybody who works together with at
    most ``colluders`` of the nodes; ``epsilon_unmasked`` is what is left of it should the masks be broken. Without
    masks both are nothing, and the promise holds against everybody.
    """

    unit: Literal["person"]
    epsilon: float
    delta: float
    masking: str
    quorum: int
    spares: int
    minimum_cohort: int
    colluders: int = 0
    epsilon_unmasked: float = 0.0

    @property
    def masked(self) -> bool:
        """Say whether each node's sums are masked, so that only totals can be read."""
        return self.masking == MASKED

    @property
    def honest(self) -> int:
        """Return how many shares of noise hide a person from colluders in every total; 1 where each node adds all."""
        return self.quorum - self.colluders if self.masked else 1

    def document(self) -> Document:
        """Return the terms as plain data; without masks nothing is said of them, so older studies keep their hash."""
        return {name: value for name, value in asdict(self).items() if self.masked or name not in WITH_MASKS}


def read_terms(f: Fields) -> PrivacyTerms:
    """Return the terms that a study's table describes; what is wrong with a field goes to the table's faults."""
    masked = f.text("masking", UNMASKED, choices=MASKINGS) == MASKED
    terms = PrivacyTerms(
        unit=cast("Literal['person']", f.text("unit", "person", choices=("person",))),
        epsilon=f.number("epsilon", above=0),
        delta=f.number("delta", 1e-5, above=0),
        masking=MASKED if masked else UNMASKED,
        quorum=f.whole("quorum", least=1),
        spares=f.whole("spares", 0),
        minimum_cohort=f.whole("minimum_cohort", 100, least=1),
        colluders=f.whole("colluders", COLLUDERS, least=1) if masked else 0,
        epsilon_unmasked=f.number("epsilon_unmasked", EPSILON_UNMASKED, above=0) if masked else 0.0,
    )
    if terms.spares > MOST_SPARES:
        f.fault("spares", f"is at most {MOST_SPARES}")
    for name in ("epsilon", "epsilon_unmasked"):
        if getattr(terms, name) > LARGEST_EPSILON:
            f.fault(name, f"is at most {LARGEST_EPSILON:g}")
    if terms.delta > LARGEST_DELTA:
        f.fault("delta", f"is at most {LARGEST_DELTA:g}")
    if masked and terms.epsilon_unmasked < terms.epsilon:
        f.fault("epsilon_unmasked", "is below epsilon: masks can only add to what the noise alone promises")
    f.finish()
    return terms


def terms_faults(terms: PrivacyTerms, invited: int) -> Iterator[str]:
    """Yield what makes no sense with so many organisations invited."""
    if terms.quorum > invited:
        yield "privacy.quorum: is more than are invited"
    if not terms.masked:
        return
    if invited < LEAST_NODES or terms.quorum < LEAST_NODES:
        yield f"privacy.masking: {MASKED} takes a quorum of at least {LEAST_NODES} nodes"
    if invited > MOST_NODES:
        yield f"privacy.masking: {MASKED} is for at most {MOST_NODES} nodes"
    rosters = range(terms.quorum, invited + 1)
    if terms.honest < LEAST_HONEST or not all(sets_meet(n, terms.quorum, terms.colluders) for n in rosters):
        yield "privacy.colluders: are too many for this quorum: too few others would be left, or masks could be opened"


__all__ = [
    "COLLUDERS",
    "EPSILON_UNMASKED",
    "LARGEST_DELTA",
    "LEAST_HONEST",
    "MASKED",
    "MASKINGS",
    "MOST_SPARES",
    "UNMASKED",
    "WITH_MASKS",
    "PrivacyTerms",
    "read_terms",
    "terms_faults",
]
