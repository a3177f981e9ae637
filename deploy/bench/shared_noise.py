"""The noise of a total when nodes share it: measured, beside what was promised and beside full noise at each node."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deploy.bench.run import Figure
from privacy import accountant
from privacy.canonical import Document
from privacy.computation import Finder
from privacy.private_sum import PrivateSum, total
from privacy.programme import NODES_A_PERSON, OBSERVERS, Place, programme
from privacy.secure_aggregation import threshold_of
from privacy.study import Study, from_document
from privacy.terms import MASKED

NODES, COLLUDERS, BINS = (3, 6, 42, 215), 1, 1000
DELTA = 1e-5
VARIABLE = {"name": "age", "column": "age", "low": 0, "high": 100}
OUTCOME = {"name": "admitted", "column": "admitted", "low": 0, "high": 1}


@dataclass(frozen=True)
class Terms:
    """What a study says of masks; the quorum is the least threshold that so many nodes can have."""

    nodes: int
    epsilon: float
    epsilon_unmasked: float

    @property
    def quorum(self) -> int:
        """Return how many nodes are sure to be in a total."""
        return threshold_of(self.nodes, 3)

    def place(self, *, masked: bool) -> Place:
        """Return a sum of ``2 * BINS`` numbers of an evaluation, whose noise is what is looked at."""
        return programme(self.study(masked=masked), Finder("models.computations")).of("scores", "scores-by-outcome")[0]

    def study(self, *, masked: bool) -> Study:
        """Return a study of one model and its evaluation among so many nodes."""
        terms: Document = {"epsilon": self.epsilon, "delta": DELTA, "quorum": self.quorum}
        if masked:
            terms |= {"masking": MASKED, "colluders": COLLUDERS, "epsilon_unmasked": self.epsilon_unmasked}
        words = ("name", "purpose", "data_set")
        texts = ("title", "question", "decision", "intended_use", "legal_basis", "asked_by")
        risk = {"features": ["age"], "outcome": "admitted", "base_rate": 0.1}
        return from_document(
            {
                **dict.fromkeys(words, "bench"),
                **dict.fromkeys(texts, "Bench"),
                "ends": "2030-01-01",
                "variables": [VARIABLE, OUTCOME],
                "steps": [
                    {"name": "risk", "use": "linear-risk", "people": "training", "parameters": risk},
                    {
                        "name": "scores",
                        "use": "evaluation",
                        "of": "risk",
                        "people": "held-back",
                        "parameters": {"bins": BINS},
                    },
                ],
                "privacy": terms,
                "invited": [{"name": f"n{i}", "fingerprint": f"{i:040x}"} for i in range(self.nodes)],
            }
        )


def figures() -> Iterator[Figure]:
    """Yield the noise of totals for four sizes of federation, and the promises' epsilons over the continuous ones."""
    for nodes in NODES:
        yield from _noise(nodes)
    yield from _promises()


def _noise(nodes: int) -> Iterator[Figure]:
    terms = Terms(nodes, epsilon=1.0, epsilon_unmasked=accountant.LARGEST_EPSILON)
    honest = terms.quorum - COLLUDERS
    sigma = terms.place(masked=False).mechanism.noise_sd
    masked, full = (_measured(terms.place(masked=m), nodes) for m in (True, False))
    against = f"sigma x root of ({nodes} survivors / {honest} honest); measured, epsilon 1, no cap in the way"
    yield Figure(
        f"total_noise_{nodes}", masked / (sigma * math.sqrt(nodes / honest)), "ratio", 1.05, "at_most", against
    )
    aim, against = 1.05 / math.sqrt(honest), "the total's noise over that of full noise at each node; both measured"
    yield Figure(f"total_noise_over_full_{nodes}", masked / full, "ratio", aim, "at_most", against)
    capped = Terms(nodes, epsilon=3.0, epsilon_unmasked=8.0)
    over = capped.place(masked=True).mechanism.noise_sd / capped.place(masked=False).mechanism.noise_sd
    against = "the same by the plan at epsilon 3, and at most 8 against a coordinator that broke the masks"
    yield Figure(f"total_noise_over_full_{nodes}_capped", over, "ratio", 1.0, "at_most", against)


def _measured(place: Place, nodes: int) -> float:
    """Return the standard deviation of what a total of so many nodes over nobody really holds."""
    return float(np.std(total([PrivateSum(place.mechanism).noised() for _ in range(nodes)], place.mechanism).values))


def _promises() -> Iterator[Figure]:
    """Yield, for a frozen plan, the largest and least ratio of an epsilon that is reported to the continuous one."""
    for epsilon in (1.0, 3.0):
        plan = programme(Terms(42, epsilon, 8.0).study(masked=True), Finder("models.computations"))
        units = [plan.cost_at(m, observer) for m in NODES_A_PERSON for observer in OBSERVERS]
        ratios = [accountant.epsilon(u, DELTA) / accountant.epsilon_if_continuous(u, DELTA) for u in units]
        against = "continuous Gaussian loss distribution at equal delta; four who look, one to three nodes"
        yield Figure(f"epsilon_over_pld_{epsilon:g}", max(ratios), "ratio", 1.1, "at_most", against)
        yield Figure(f"epsilon_over_pld_{epsilon:g}_least", min(ratios), "ratio", 1.0, "at_least", against)


__all__ = ["BINS", "COLLUDERS", "DELTA", "NODES", "Terms", "figures"]
