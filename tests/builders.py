"""Small studies, tables and books that tests share; the RAND Health Insurance Experiment as six sites in memory."""

import copy
import functools
import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import statsmodels
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.variables import Table
from privacy import audit, ledger
from privacy.audit import AuditLog
from privacy.computation import PACKAGES, Batch, Finder
from privacy.durable import Database
from privacy.ledger import Ledger
from privacy.programme import Mechanism, Place, programme
from privacy.signing import PublicKey
from privacy.spending import VIEWS
from privacy.study import from_document

ROOT = Path(__file__).resolve().parent.parent
FINDER = Finder(*PACKAGES)
NOW = "2027-03-01T12:00:00+00:00"
FEATURES = ["age", "visits"]
RISK = {"features": FEATURES, "outcome": "admitted", "base_rate": 0.1}

DOCUMENT = {
    "name": "small",
    "title": "A small study",
    "question": "Who will be admitted?",
    "decision": "Whom to review.",
    "intended_use": "To order a list.",
    "purpose": "testing",
    "legal_basis": "None needed: made-up people",
    "asked_by": "The tests",
    "ends": "2030-01-01",
    "data_set": "visits",
    "variables": [
        {"name": "age", "column": "age", "transform": "unit", "low": 0, "high": 100, "if_missing": 50},
        {"name": "visits", "column": "visits", "transform": "log", "low": 0, "high": 30},
        {
            "name": "admitted",
            "column": "admissions",
            "transform": "at-least",
            "low": 0,
            "high": 10,
            "threshold": 1,
            "periods_ahead": 1,
        },
    ],
    "steps": [
        {"name": "risk", "use": "linear-risk", "people": "training", "budget": 1.0, "parameters": RISK},
        {"name": "evaluation", "use": "evaluation", "of": "risk", "people": "held-back"},
    ],
    "privacy": {"epsilon": 3.0, "delta": 1e-5, "quorum": 2, "spares": 1},
    "invited": [{"name": f"site {i}", "fingerprint": f"{i:040x}"} for i in range(1, 4)],
}


def document(**changes):
    """Return the small study's document; ``privacy__epsilon=1`` changes a field of a table inside it."""
    changed = copy.deepcopy(DOCUMENT)
    for path, value in changes.items():
        *tables, name = path.split("__")
        functools.reduce(dict.__getitem__, tables, changed)[name] = value
    return changed


def small_study(**changes):
    return from_document(document(**changes))


def demo_study(**privacy):
    """Return the demo's study with six nodes invited."""
    table = tomllib.loads((ROOT / "deploy/demo/study.toml").read_text())
    head = table.pop("study")
    invited = [{"name": f"site-{i}", "fingerprint": f"{i:040x}"} for i in range(1, 7)]
    return from_document({**head, **table, "privacy": {**table["privacy"], **privacy}, "invited": invited})


def random_table(people, *, seed, periods=4, missing=0.1, shuffle_periods=True):
    """Return a table of ``visits``: one to ``periods`` rows a person, some numbers missing, some out of bounds."""
    rng = np.random.default_rng(seed)
    person, period = [], []
    for p in range(people):
        present = rng.choice(periods, size=rng.integers(1, periods + 1), replace=False)
        person += [p] * len(present)
        period += list(present if shuffle_periods else sorted(present))
    n = len(person)
    columns = {
        "age": rng.uniform(-20, 120, n),
        "visits": rng.uniform(-3, 40, n),
        "admissions": rng.poisson(0.4, n) * 1.0,
    }
    for values in columns.values():
        values[rng.random(n) < missing] = np.nan
    return Table(np.array(person, np.int64), np.array(period, np.int64) + 2020, columns)


def batch_of(rows_a_person, variables):
    """Return a batch of people with the given numbers of rows."""
    person = np.repeat(np.arange(len(rows_a_person)), rows_a_person)
    return Batch(len(rows_a_person), person, {n: np.asarray(v, np.float64) for n, v in variables.items()})


def without(batch, gone):
    """Return the batch as it would have been, had person ``gone`` never been there."""
    kept = batch.person != gone
    person = batch.person[kept] - (batch.person[kept] > gone)
    return Batch(batch.people - 1, person, {n: v[kept] for n, v in batch.variables.items()})


def books(path, *, ceiling=10**12, node="ab" * 20, key=None):
    """Return a node's ledger and audit log in one database, with both accounts open."""
    kept = _opened(path, key or Ed25519PrivateKey.generate(), dict.fromkeys(VIEWS, ceiling), node)
    with kept.database.transaction() as connection:
        kept.ledger.open_accounts(connection, kept.ceilings)
    return kept


def reopened(old):
    """Return the same books as a new process would find them."""
    return _opened(old.path, old.key, old.ceilings, "ab" * 20)


def _opened(path, key, ceilings, node):
    database = Database(path / "state.db", [*audit.SCHEMA, *ledger.SCHEMA])
    log = AuditLog(database, key)
    kept = Ledger(database, log, node=node)
    return SimpleNamespace(
        path=path, key=key, database=database, audit=log, ledger=kept, public=PublicKey.of(key), ceilings=ceilings
    )


def a_place(index=1, *, people="training", width=3, sigma_squared=10_000, clip_units=64, honest=1):
    return Place(index, "risk", "gradient", index - 1, people, Mechanism(width, 0.6, clip_units, sigma_squared, honest))


def plan_of(study):
    return programme(study, FINDER)


@functools.cache
def rand_sites(seed=0):
    """Return six sites, each with its people trained on and its quarter held back, and everybody in one place."""
    file = Path(str(statsmodels.__file__)).parent / "datasets/randhie/src/randhie.csv"
    rows = pd.read_csv(file).sort_values(["zper", "year"])
    rows["person"] = np.unique(rows["zper"], return_inverse=True)[1]
    held = np.random.default_rng(seed).random(rows["person"].max() + 1) < 0.25
    rows["part"] = np.where(held[rows["person"]], "held-back", "training")
    sites = [
        {p: _rand_table(own[own["part"] == p]) for p in ("training", "held-back")} for _, own in rows.groupby("site")
    ]
    pooled = {p: _rand_table(rows[rows["part"] == p]) for p in ("training", "held-back")}
    return sites, pooled


def _rand_table(rows):
    columns = {n: rows[n].to_numpy(np.float64) for n in rows.columns if n not in ("person", "part")}
    return Table(rows["person"].to_numpy(np.int64), rows["year"].to_numpy(np.int64), columns)
