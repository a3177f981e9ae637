"""The demo on people who never were: four places of a care system, falls, and the best that any model could do."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from deploy.demo.play import Play, Site, Yardsticks
from models.alone import auc, fit_alone
from models.risk import log_odds
from models.variables import batch
from models.version import ModelVersion
from node.assemble import open_node
from node.cohort import Cohort, cohorts, together
from node.features import Features
from node.optouts import current_optouts
from privacy.computation import PARTS, People
from privacy.pseudonyms import held_back
from privacy.study import Study
from synthetic.recipe import Recipe
from synthetic.sandbox.making import make
from synthetic.sandbox.sandbox import Sandbox

PEOPLE, SEED, PLACES = 60_000, 20261123, 4
USE_CASE = "falls"
DATA_SETS = ("gp-people", "gp-events", "emergency-care")
STUDY = Path(__file__).with_name("ics.toml")


def play(people: int = PEOPLE) -> Play:
    """Return the demo on so many people, of whom about one in six is old enough to be in it."""
    return Play(
        said=f"four places of a care system that never was: those aged 65 and over of {people:,} made-up people",
        study=STUDY,
        write=lambda home: _sites(home, people),
        yardsticks=_yardsticks,
    )


def _sites(home: Path, people: int) -> list[Site]:
    """Make up four places, of which only people aged 65 and over are in the sources, and return the sites."""
    sandbox = Sandbox(Recipe(people=people, seed=SEED), PLACES, about=USE_CASE)
    make(sandbox, home, processes=2, tell=lambda _done, _parts: None)
    sites = []
    for name in sandbox.places.names:
        folder = home / name
        data = tuple((folder / f"contracts/{d}.toml", folder / f"synthetic-{d}.csv") for d in DATA_SETS)
        sites.append(Site(name, folder, data))
    return sites


def _yardsticks(home: Path, sites: Sequence[Site], split_key: bytes, model: ModelVersion) -> Yardsticks:
    """Work out exact figures from every node's own records, and the AUC of the true risks of the same people."""
    study = model.study
    features, outcome = study.steps[0].parameters["features"], study.steps[0].parameters["outcome"]
    training, held = (
        batch(together(each for site in sites for each in _cohorts(home, site, study, part)).table, study.variables)
        for part in ("training", "held-back")
    )
    pooled = auc(held, outcome, log_odds(held, features, fit_alone(training, features, outcome)))
    shared = auc(held, outcome, log_odds(held, features, model.results["risk"].arrays))
    truth = _truth(home / "sites", sites, split_key)
    return Yardsticks(
        float(pooled or 0),
        float(shared or 0),
        float(roc_auc_score(truth.happened, truth.probability)),
        {str(name): float(roc_auc_score(own.happened, own.probability)) for name, own in truth.groupby("site")},
    )


def _cohorts(home: Path, site: Site, study: Study, people: People) -> list[Cohort]:
    """Return a node's own people of one part of the population, with their features."""
    node = open_node(home / "nodes" / site.name, {}, lambda: datetime.datetime.now(datetime.UTC))
    optouts = current_optouts(node.store, now=node.now(), at_most_days=node.policy.optouts_at_most_days)
    version = node.store.latest(study.data_set)
    found = Features().of(study, node.store, version)
    table = found.table if found else None
    return list(cohorts(node.store, version, optouts, study.variables, people, features=table))


def _truth(home: Path, sites: Sequence[Site], split_key: bytes) -> pd.DataFrame:
    """Return site, true risk and outcome of everybody who is held back and did not opt out."""
    texts = {"nhs_number": str}
    truth = pd.read_csv(home / f"truth/synthetic-{USE_CASE}.csv", dtype=texts)
    truth = truth.merge(pd.read_csv(home / "truth/synthetic-sites.csv", dtype=texts), on="nhs_number")
    allowed = pd.concat([pd.read_csv(site.allowed, dtype=texts) for site in sites])
    kept = held_back(split_key, truth.nhs_number.to_numpy().astype(bytes))
    wanted = np.isin(kept, [part == "held-back" for part in PARTS["held-back"]])
    return truth[wanted & truth.nhs_number.isin(allowed.nhs_number).to_numpy()]


__all__ = ["DATA_SETS", "PEOPLE", "PLACES", "SEED", "STUDY", "USE_CASE", "play"]
