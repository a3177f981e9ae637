"""What the shared model reaches, beside records pooled without privacy."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deploy.bench.run import Figure
from deploy.demo.people import SITE, pooled_table, read_public_file
from models.alone import auc, fit_alone
from models.risk import log_odds
from models.variables import batch
from privacy.canonical import Document
from privacy.computation import Finder, People
from privacy.noise import discrete_gaussian
from privacy.private_sum import Noise
from privacy.study import from_document
from privacy.terms import UNMASKED, WITH_MASKS
from tests.rehearsal import no_noise, rehearse

SPLITS, DRAWS = 5, 3
PARTS: tuple[People, ...] = ("training", "held-back")
AGAINST = f"pooled, no privacy, same people and weights; mean of {SPLITS} splits"


@dataclass(frozen=True)
class Run:
    """The demo's study with other terms of privacy, and what became of its AUC over the pooled one, a draw each.

    ``exact`` is of the shared model on the people held back, ``evaluated`` what its own private evaluation says.
    """

    terms: Mapping[str, Any]
    noise: Noise = discrete_gaussian
    draws: int = DRAWS
    exact: list[float] = field(default_factory=list)
    evaluated: list[float] = field(default_factory=list)


def figures() -> Iterator[Figure]:
    """Run the demo's study, without nodes and wire, on five splits that five split keys make."""
    three, one, off = Run({"epsilon": 3.0}), Run({"epsilon": 1.0}), Run({"epsilon": 3.0}, no_noise, 1)
    measure((three, one, off))
    yield Figure("auc_ratio_epsilon_3", float(np.mean(three.exact)), "ratio", 0.97, "at_least", AGAINST)
    yield Figure("auc_ratio_epsilon_3_worst", min(three.exact), "ratio", 0.97, "at_least", "the same, worst draw")
    yield Figure("auc_ratio_epsilon_1", float(np.mean(one.exact)), "ratio", 0.95, "at_least", AGAINST)
    gap = abs(1 - float(np.mean(off.exact)))
    yield Figure("auc_gap_noise_off", gap, "ratio - 1", 0.005, "at_most", AGAINST)


def measure(runs: Sequence[Run]) -> None:
    """Run each study on each split, and write what it reached into it."""
    document, finder, rows = _study(), Finder("models.computations"), read_public_file()
    for split in range(SPLITS):
        key = bytes([split]) * 32
        sites = [{p: pooled_table(own, key, p) for p in PARTS} for _, own in rows.groupby(SITE)]
        training, held = (batch(pooled_table(rows, key, p), from_document(document).variables) for p in PARTS)
        features, outcome = (document["steps"][0]["parameters"][k] for k in ("features", "outcome"))
        pooled = auc(held, outcome, log_odds(held, features, fit_alone(training, features, outcome))) or 0.5
        for run in runs:
            terms = {**document["privacy"], **run.terms}
            if terms["masking"] == UNMASKED:
                terms = {name: value for name, value in terms.items() if name not in WITH_MASKS}
            study = from_document({**document, "privacy": terms})
            for _ in range(run.draws):
                found = rehearse(study, finder, sites, run.noise)
                exact = auc(held, outcome, log_odds(held, features, found["risk"].arrays))
                run.exact.append((exact or 0.5) / pooled)
                run.evaluated.append((found["evaluation"].facts["auc"] or 0.5) / pooled)


def _study() -> Document:
    document = tomllib.loads(Path("deploy/demo/study.toml").read_text(encoding="utf-8"))
    invited = [{"name": f"site-{n}", "fingerprint": str(n)} for n in range(6)]
    return {**document.pop("study"), **document, "invited": invited}


__all__ = ["AGAINST", "DRAWS", "PARTS", "SPLITS", "Run", "figures", "measure"]
