"""A finished risk model for tests: real receipts, signed by the keys of the nodes that its study invites."""

import dataclasses

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.version import ModelVersion
from privacy.computation import Result
from privacy.release import SignedReceipt, encode
from privacy.signing import PublicKey
from tests.builders import DOCUMENT, NOW, books, plan_of, small_study

VARIABLES = [
    {"name": "age", "column": "age", "transform": "unit", "low": 0, "high": 100, "if_missing": 50},
    {"name": "age_squared", "column": "age", "transform": "square", "low": 18, "high": 90, "if_missing": 40},
    {"name": "visits", "column": "visits", "transform": "log", "low": 0, "high": 30},
    {"name": "often", "column": "visits", "transform": "at-least", "low": 0, "high": 30, "threshold": 5},
    {"name": "later", "column": "visits", "transform": "unit", "low": 1, "high": 9, "periods_ahead": 1},
    DOCUMENT["variables"][-1],
]
FEATURES = [v["name"] for v in VARIABLES[:-1]]
WEIGHTS = np.array([1.25, -0.7, 2.0, 0.1 + 0.2, -3e-7, -2.5])
NODES = [Ed25519PrivateKey.generate() for _ in range(2)]


def study(**changes):
    steps = [dict(step) for step in DOCUMENT["steps"]]
    steps[0]["parameters"] = {**steps[0]["parameters"], "features": FEATURES}
    invited = [{"name": f"site {i}", "fingerprint": PublicKey.of(k).fingerprint} for i, k in enumerate(NODES)]
    return small_study(**{"variables": VARIABLES, "steps": steps, "invited": invited, **changes})


def releases(path, made_by):
    """Return what each node sent for the first place of each planned sum, encoded, as a journal keeps it."""
    places = [place for place in plan_of(made_by).places[1:] if place.occurrence == 0]
    sent = []
    for i, key in enumerate(NODES):
        (home := path / f"books-{i}").mkdir()
        kept = books(home, node=PublicKey.of(key).fingerprint)
        for place in places:
            charge = kept.ledger.charge(made_by.hash, place, f"request-{place.index}", at=NOW)
            numbers = np.zeros(place.mechanism.width, np.uint64)
            sent.append(encode(kept.ledger.settle(charge, numbers, data=("visits@1",), optouts="l"), key))
    return sent


def finished(path, *, made_by=None, **changes):
    """Return a model with a risk and an evaluation, and two nodes' signed receipts."""
    made_by = made_by or study()
    facts = {"features": FEATURES, "outcome": "admitted", "weights": dict.fromkeys(FEATURES, 0.5)}
    found = {"auc": 0.71, "auc_noise_sd": 0.01, "observed_to_expected": 0.98, "noise_sd": 2.0}
    found |= {"predicted": [0.1, 0.3], "observed": [0.12, None]}
    results = {
        "risk": Result("linear-risk", {"weights": WEIGHTS}, facts),
        "evaluation": Result("evaluation", {"edges": np.linspace(-4, 0, 3)}, found),
    }
    signed = tuple(map(SignedReceipt.of, releases(path, made_by)))
    keys = {PublicKey.of(key).fingerprint: PublicKey.of(key).text for key in NODES}
    return dataclasses.replace(ModelVersion(made_by, results, signed, keys, NOW), **changes)
