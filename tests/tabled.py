"""A study that counts, and made-up rows for it: people by sex, age and area, with visits to average."""

import numpy as np

from coordinator.disclosed import Disclosure
from models.variables import Table
from models.version import ModelVersion
from privacy.noise import discrete_gaussian
from privacy.release import SignedReceipt
from tests.builders import DOCUMENT, FINDER, NOW, a_place, books, small_study
from tests.rehearsal import rehearse

VARIABLES = [
    {"name": "sex", "column": "sex", "transform": "code", "codes": ["F", "M"]},
    {"name": "age_band", "column": "age", "transform": "band", "low": 0, "high": 100, "edges": [18, 40, 65]},
    {"name": "age_fine", "column": "age", "transform": "band", "low": 0, "high": 100, "bands": 50},
    {"name": "area", "column": "area", "transform": "code", "codes": ["N", "S", "W"]},
    {"name": "visits", "column": "visits", "low": 0, "high": 20},
]
STEPS = [
    {
        "name": "groups",
        "use": "tables",
        "people": "everyone",
        "parameters": {"by": ["sex", "age_band", "area"], "means": ["visits"]},
    },
    {
        "name": "spread",
        "use": "distributions",
        "people": "everyone",
        "parameters": {"by": ["age_fine", "age_band"], "quantiles": [0.1, 0.5, 0.9]},
    },
]

MARGINALS = {
    "name": "made-up",
    "use": "marginals",
    "people": "everyone",
    "parameters": {
        "by": ["sex", "age_band", "area"],
        "own": ["sex"],
        "rows": [1, 2, 4],
        "sequence": "area",
        "order": "age",
    },
}

DISCRIMINATION = {
    "name": "tried",
    "use": "discrimination",
    "people": "everyone",
    "parameters": {
        "by": ["sex", "age_band", "area"],
        "predicted": "area",
        "event": ["S", "W"],
        "points": {"sex": [0, 40, 7], "age_band": [0, -30, 80, 120, 5]},
        "cuts": [0, 50, 90, 140],
    },
}


def table_study(**changes):
    return small_study(**{"name": "groups", "variables": VARIABLES, "steps": STEPS, **changes})


def every_computation():
    """Return a study with a step for each computation that there is."""
    others = [v for v in VARIABLES if v["name"] != "visits"]
    averaged = {**VARIABLES[-1], "name": "visits_averaged"}
    groups = {**STEPS[0], "parameters": {**STEPS[0]["parameters"], "means": ["visits_averaged"]}}
    variables = [*DOCUMENT["variables"], *others, averaged]
    return small_study(variables=variables, steps=[*DOCUMENT["steps"], groups, STEPS[1], MARGINALS, DISCRIMINATION])


def rows(people, *, seed):
    """Return a table of one to three rows a person, some values missing."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), rng.integers(1, 4, people))
    n = len(person)
    age = np.clip(rng.normal(45, 22, people), 0, 99)[person]
    columns = {
        "age": np.where(rng.random(n) < 0.03, np.nan, age),
        "visits": rng.poisson(3 + age / 20) * 1.0,
        "code.sex": np.where(rng.random(people) < 0.02, np.nan, rng.integers(0, 2, people))[person],
        "code.area": rng.choice(3, people, p=[0.7, 0.25, 0.05])[person] * 1.0,
    }
    return Table(person, np.zeros(n, np.int64), columns)


def site(people, *, seed):
    """Return a site of a rehearsal whose people are all in the same part."""
    return {"everyone": rows(people, seed=seed)}


def exact(table, names):
    """Return people by the keys of some variables, the slow and obvious way: a person at a time."""
    found = {}
    for i, p in enumerate(table.person):
        key = tuple(_key(name, table, i) for name in names)
        found[key] = found.get(key, 0.0) + 1 / (table.person == p).sum()
    return found


def _key(name, table, i):
    if name in ("sex", "area"):
        code = table.columns[f"code.{name}"][i]
        return "other or missing" if np.isnan(code) else {"sex": "FM", "area": "NSW"}[name][int(code)]
    age = table.columns["age"][i]
    if np.isnan(age):
        return "missing"
    return ["under 18", "18 to under 40", "40 to under 65", "65 or over"][
        int(age >= 18) + int(age >= 40) + int(age >= 65)
    ]


def counted_model(directory, sites, *, made_at=NOW, noise=discrete_gaussian, **changes):
    """Return a finished model of a study that counts, over sites in memory, with one node's receipt."""
    study, kept = table_study(**changes), books(directory)
    charge = kept.ledger.charge(study.hash, a_place(), "request", at=NOW)
    receipt = kept.ledger.settle(charge, np.zeros(3, np.uint64), data=("visits@1",), optouts="l").receipt
    results, signed = rehearse(study, FINDER, sites, noise), (SignedReceipt(receipt, "a signature"),)
    kept.database.close()
    return ModelVersion(study, results, signed, {receipt.node: "its key"}, made_at)


def shown(models, profile="opensafely-like"):
    """Return what a hub that made these models in this order shows of the last."""
    by_hash = {model.study.hash: model for model in models}
    disclosure = Disclosure(profile, lambda _: list(by_hash), by_hash.__getitem__)
    return disclosure.of(models[-1].study)
