"""Settings of the demo's learner, chosen on people who are not the demo's: two made-up populations and an open survey.

    python deploy/bench/elsewhere.py        (about six minutes; belongs to no area)

The survey is Fair's (1978) of 6,366 women, in statsmodels, public domain. Each population is split over six sites, a
quarter of it held back. Printed are the AUC of the shared model over that of a plain fit, without privacy, of the same
people, and how far its mean risk would be from what happened were there no noise: a clip that is too small makes risks
too low, which no AUC shows. The best is of the settings that are within ``FARTHEST``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from statsmodels.datasets import fair

from models.alone import auc, fit_alone
from models.risk import log_odds
from models.variables import Table, batch
from privacy.arrays import Floats, Integers
from privacy.canonical import Document
from privacy.computation import Finder
from privacy.study import Study, from_document
from privacy.terms import MASKED
from tests.rehearsal import no_noise, rehearse

SITES, SPLITS, DRAWS, EPSILONS = 6, 3, 12, (1.0, 3.0)
CLIPS, DAMPINGS = (0.35, 0.45, 0.6), (0.6, 0.8, 1.0)
FARTHEST = 0.1  # of mean risk over what happened, without noise
OUTCOME = "y"
TEXTS = ("title", "question", "decision", "intended_use", "legal_basis", "asked_by")


@dataclass(frozen=True)
class Population:
    """People's rows: whose each is, numbers between 0 and 1, and the outcome; ``base_rate`` is a public guess at it."""

    name: str
    person: Integers
    x: Floats
    y: Floats
    base_rate: float

    def table(self, kept: np.typing.NDArray[np.bool_]) -> Table:
        """Return the rows of the people that are kept, numbered anew."""
        rows = kept[self.person]
        person = np.unique(self.person[rows], return_inverse=True)[1].astype(np.int64)
        columns = {name: self.x[rows, i] for i, name in enumerate(self.features)} | {OUTCOME: self.y[rows]}
        return Table(person, np.zeros(len(person), np.int64), columns)

    @property
    def features(self) -> list[str]:
        """Return the names of the numbers."""
        return [f"x{i}" for i in range(self.x.shape[1])]

    def study(self, epsilon: float, parameters: Mapping[str, Any]) -> Study:
        """Return a masked study of one model of these people."""
        used: Document = {"features": self.features, "outcome": OUTCOME, "base_rate": self.base_rate, **parameters}
        invited = [{"name": f"site-{i}", "fingerprint": f"{i:040x}"} for i in range(SITES)]
        step: Document = {"name": "risk", "use": "linear-risk", "people": "training", "parameters": used}
        variables = [{"name": name, "column": name, "low": 0, "high": 1} for name in [*self.features, OUTCOME]]
        document: Document = {**dict.fromkeys(TEXTS, "Settings"), "ends": "2030-01-01", "variables": variables}
        document |= dict.fromkeys(("name", "purpose", "data_set"), "settings") | {"steps": [step], "invited": invited}
        return from_document(document | {"privacy": {"epsilon": epsilon, "quorum": SITES, "masking": MASKED}})


def made_up(seed: int, people: int, width: int) -> Population:
    """Return people with one to four rows of flags, shares and skewed amounts that go together, one in eleven ill."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), rng.integers(1, 5, people))
    n = len(person)
    together = rng.normal(size=(people, 4)) @ rng.normal(0, 0.6, size=(4, width))
    latent = (together + rng.normal(0, 0.8, size=(people, width)))[person] + rng.normal(0, 0.6, size=(n, width))
    kinds = (latent > rng.uniform(-0.5, 1.8, width), 1 / (1 + np.exp(-latent)), np.clip(np.expm1(latent) / 8, 0, 1))
    x = np.choose(np.arange(width) % 3, kinds)
    risk = (x - x.mean(axis=0)) @ rng.normal(0, 0.8, width) - 2.6
    return Population(f"made up, {width} numbers", person, x, (rng.random(n) < 1 / (1 + np.exp(-risk))) * 1.0, 0.09)


def survey() -> Population:
    """Return Fair's survey: eight answers of each of 6,366 women, and whether there was an affair."""
    answers = fair.load_pandas().data
    x = answers.drop(columns="affairs")
    scaled = ((x - x.min()) / (x.max() - x.min())).to_numpy(np.float64)
    outcome = (answers["affairs"] > 0).to_numpy(np.float64)
    return Population("Fair's survey", np.arange(len(answers)), scaled, outcome, 0.3)


def ratios(people: Population, parameters: Mapping[str, Any], epsilon: float) -> Iterator[float]:
    """Yield the AUC of the shared model over the plain one's, for each split and draw."""
    study, finder = people.study(epsilon, parameters), Finder("models.computations")
    for split in range(SPLITS):
        rng, count = np.random.default_rng(split), int(people.person.max()) + 1
        held, site = rng.random(count) < 0.25, rng.integers(0, SITES, count)
        training, others = (batch(people.table(kept), study.variables) for kept in (~held, held))
        plain = auc(others, OUTCOME, log_odds(others, people.features, fit_alone(training, people.features, OUTCOME)))
        sites = [{"training": people.table((site == s) & ~held)} for s in range(SITES)]
        for _ in range(DRAWS):
            shared = rehearse(study, finder, sites)["risk"].arrays
            yield (auc(others, OUTCOME, log_odds(others, people.features, shared)) or 0.5) / (plain or 0.5)


def miscalibration(people: Population, parameters: Mapping[str, Any]) -> float:
    """Return how far mean risk over mean outcome is from one, on the very people of a model without noise."""
    everybody = people.table(np.ones(int(people.person.max()) + 1, np.bool_))
    study = people.study(EPSILONS[-1], parameters)
    weights = rehearse(study, Finder("models.computations"), [{"training": everybody}], no_noise)["risk"].arrays
    rows = batch(everybody, study.variables)
    risk = 1 / (1 + np.exp(-log_odds(rows, people.features, weights)))
    return abs(1 - float((risk * rows.weights).sum() / (rows.variable(OUTCOME) * rows.weights).sum()))


def main() -> None:
    """Print each setting's mean ratio over all populations, splits and draws, and the best of them."""
    populations = (made_up(11, 5600, 19), made_up(12, 5600, 12), survey())
    means: dict[tuple[float, float], float] = {}
    for clip, damping in itertools.product(CLIPS, DAMPINGS):
        settings = {"clip": clip, "damping": damping}
        found = [list(ratios(p, settings, epsilon)) for p in populations for epsilon in EPSILONS]
        mean, off = float(np.mean(found)), max(miscalibration(p, settings) for p in populations)
        by_one = "  ".join(f"{np.mean(each):.4f}" for each in found)
        print(f"clip {clip:<5} damping {damping:<4} mean {mean:.4f} off by {off:.3f}   {by_one}", flush=True)
        if off <= FARTHEST:
            means[clip, damping] = mean
    clip, damping = max(means, key=lambda each: means[each])
    print(f"the best: clip {clip:g}, damping {damping:g}")


if __name__ == "__main__":
    main()

__all__ = [
    "CLIPS",
    "DAMPINGS",
    "DRAWS",
    "EPSILONS",
    "FARTHEST",
    "SITES",
    "SPLITS",
    "Population",
    "made_up",
    "miscalibration",
    "ratios",
    "survey",
]
