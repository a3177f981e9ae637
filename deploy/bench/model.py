"""What the shared model reaches, beside records pooled without privacy."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

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
from privacy.study import Study, from_document
from tests.rehearsal import no_noise, rehearse

SPLITS, DRAWS = 5, 3
PARTS: tuple[People, ...] = ("training", "held-back")


def figures() -> Iterator[Figure]:
    """Run the demo's study, without nodes and wire, on five splits that five split keys make."""
    document, finder = _study(), Finder("models.computations")
    rows = read_public_file()
    against = f"pooled, no privacy, same people and weights; mean of {SPLITS} splits"
    ratios: dict[str, list[float]] = {"three": [], "one": [], "off": []}
    runs: list[tuple[str, float, Noise, int]] = [
        ("three", 3.0, discrete_gaussian, DRAWS),
        ("one", 1.0, discrete_gaussian, DRAWS),
        ("off", 3.0, no_noise, 1),
    ]
    for split in range(SPLITS):
        key = bytes([split]) * 32
        sites = [{p: pooled_table(own, key, p) for p in PARTS} for _, own in rows.groupby(SITE)]
        training, held = (batch(pooled_table(rows, key, p), from_document(document).variables) for p in PARTS)
        features, outcome = (document["steps"][0]["parameters"][k] for k in ("features", "outcome"))
        pooled = auc(held, outcome, log_odds(held, features, fit_alone(training, features, outcome))) or 0.5
        for name, epsilon, noise, draws in runs:
            study = _with_epsilon(document, epsilon)
            for _ in range(draws):
                shared = rehearse(study, finder, sites, noise)["risk"].arrays
                ratios[name].append((auc(held, outcome, log_odds(held, features, shared)) or 0.5) / pooled)
    yield Figure("auc_ratio_epsilon_3", float(np.mean(ratios["three"])), "ratio", 0.97, "at_least", against)
    yield Figure("auc_ratio_epsilon_3_worst", min(ratios["three"]), "ratio", 0.97, "at_least", "the same, worst draw")
    yield Figure("auc_ratio_epsilon_1", float(np.mean(ratios["one"])), "ratio", 0.95, "at_least", against)
    off = abs(1 - float(np.mean(ratios["off"])))
    yield Figure("auc_gap_noise_off", off, "ratio - 1", 0.005, "at_most", against)


def _study() -> Document:
    document = tomllib.loads(Path("deploy/demo/study.toml").read_text(encoding="utf-8"))
    invited = [{"name": f"site-{n}", "fingerprint": str(n)} for n in range(6)]
    return {**document.pop("study"), **document, "invited": invited}


def _with_epsilon(document: Document, epsilon: float) -> Study:
    return from_document({**document, "privacy": {**document["privacy"], "epsilon": epsilon}})


__all__ = ["DRAWS", "PARTS", "SPLITS", "figures"]
