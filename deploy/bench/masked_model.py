"""What the demo's model reaches when six nodes share its noise, beside full noise at each and records pooled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deploy.bench.model import AGAINST, Run, measure
from deploy.bench.run import Figure
from privacy.terms import MASKED, UNMASKED

QUORUM, DRAWS = 6, 4


def figures() -> Iterator[Figure]:
    """Yield the model's AUC and what its own private evaluation says of it, at epsilon 3 and 1."""
    masked = {"masking": MASKED, "quorum": QUORUM}
    for epsilon, aim in ((3.0, 0.985), (1.0, 0.97)):
        shared = Run({**masked, "epsilon": epsilon}, draws=DRAWS)
        full = Run({"masking": UNMASKED, "quorum": QUORUM, "epsilon": epsilon}, draws=DRAWS)
        measure((shared, full))
        name = f"masked_auc_ratio_epsilon_{epsilon:g}"
        yield Figure(name, float(np.mean(shared.exact)), "ratio", aim, "at_least", AGAINST)
        yield Figure(f"{name}_worst", min(shared.exact), "ratio", aim, "at_least", "the same, worst draw")
        against = "the same, by the study's own private evaluation of the model"
        yield Figure(f"{name}_evaluated", float(np.mean(shared.evaluated)), "ratio", aim, "at_least", against)
        full_mean, against = float(np.mean(full.exact)), "the same, with full noise at each node"
        yield Figure(f"{name}_full_noise", full_mean, "ratio", aim, "at_least", against)


__all__ = ["DRAWS", "QUORUM", "figures"]
