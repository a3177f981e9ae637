"""The main job, measured: what the shared model reaches, what an exchange takes, what a durable charge takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.bench.run import Figure
from deploy.demo.people import SITE, pooled_table, read_public_file
from models.alone import auc, fit_alone
from models.risk import log_odds
from models.variables import batch
from privacy import audit, ledger
from privacy.canonical import Document
from privacy.computation import Finder, People
from privacy.durable import Database
from privacy.noise import discrete_gaussian
from privacy.private_sum import Noise
from privacy.programme import Mechanism, Place
from privacy.study import Study, from_document
from tests.rehearsal import no_noise, rehearse

SPLITS, DRAWS = 5, 3
CHARGES = 300
PARTS: tuple[People, ...] = ("training", "held-back")


def figures() -> Iterator[Figure]:
    """Yield the main area's figures; about six minutes on two cores."""
    yield from _model()
    yield from _charges()
    yield from _exchange()
    yield from _demo()


def _model() -> Iterator[Figure]:
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


def _charges() -> Iterator[Figure]:
    """Charge as fast as one process can, each commit on the disk, and write and sync the same bytes beside it."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        database = Database(Path(name) / "node.db", [*audit.SCHEMA, *ledger.SCHEMA])
        log = audit.AuditLog(database, Ed25519PrivateKey.generate())
        book = ledger.Ledger(database, log, node="bench")
        with database.transaction() as connection:
            book.open_accounts(connection, {"outside": 10**15, "coordinator": 10**15})
        place = Place(1, "bench", "sum", 0, "training", Mechanism(20, 1.0, 512, 10**7))
        started = time.perf_counter()
        for n in range(CHARGES):
            book.charge(f"study-{n}", place, "request", at="2026-01-01T00:00:00+00:00")
        rate = CHARGES / (time.perf_counter() - started)
        synced = _syncs(Path(name) / "plain")
    yield Figure("durable_charges", rate, "a second", 100, "at_least", f"this disk's own fsync: {synced:.0f} a second")
    yield Figure("durable_charge_to_fsync", rate / synced, "ratio", 0.25, "at_least", "plain 4 KiB writes, each synced")


def _syncs(path: Path) -> float:
    with path.open("wb") as file:
        started = time.perf_counter()
        for _ in range(CHARGES):
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
        return CHARGES / (time.perf_counter() - started)


def _exchange() -> Iterator[Figure]:
    """Exchange 1,000 numbers with real node processes over TLS."""
    for nodes in (3, 6, 12):
        out = json.loads(_run("deploy/bench/exchange.py", str(nodes), "1000"))
        against = "stock Flower 1.41.0: about 7 s" if nodes == 6 else "as nodes grow"
        aim = {3: 0.2, 6: 0.4, 12: 0.8}[nodes]
        yield Figure(f"exchange_median_{nodes}_nodes", out["median_seconds"], "s", aim, "at_most", against)


def _demo() -> Iterator[Figure]:
    """Run the demo whole, both ways."""
    for name, fast, aim in (("demo_seconds", "", 120.0), ("demo_fast_seconds", "1", 20.0)):
        started = time.perf_counter()
        _run("deploy/demo/run.py", FAST=fast)
        seconds = time.perf_counter() - started
        report = json.loads(Path("var/demo/report.json").read_text(encoding="utf-8"))
        yield Figure(name, seconds, "s", aim, "at_most", f"median exchange {report['seconds_per_exchange']:.2f} s")


def _run(*arguments: str, **environ: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}).stdout


__all__ = ["figures"]
