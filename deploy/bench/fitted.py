"""Fitted data beside a maximum spanning tree on mbi 2.0, at the same bound to a person, on RAND HIE and flchain.

The other one runs in an environment of its own, ``var/bench/mbi``, made when it is not there: jax is not among our
dependencies. Both get epsilon 1 at delta 1e-6; of ours two per cent go to the look at the cohort, as in every study.
Distances are of 20,000 drawn rows to those fitted, each person weighing one; the classifier is tried on people who
were not fitted.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from deploy.bench.fitted_tables import DELTA, Case, flchain, randhie
from deploy.bench.processes import peak_megabytes
from deploy.bench.run import OUT, Figure
from models.variables import Table
from privacy import accountant
from privacy.arrays import Floats, Integers
from privacy.computation import PACKAGES, Finder, People
from privacy.study import Study
from privacy.terms import MASKED, UNMASKED
from synthetic.fitted.graphical import Model
from synthetic.fitted.graphical import fitted as fit
from synthetic.fitted.measured import Measured, measured
from tests.rehearsal import rehearse

EPSILON, DRAWS, ROWS, SITES = 1.0, 10, 20_000, 6
MBI, MBI_HOME = "mbi==2.0.0", OUT / "mbi"
FINDER = Finder(*PACKAGES)


def figures() -> Iterator[Figure]:
    """Yield for each table how near ours and the tree's draws are, what they are worth, and what they cost."""
    python = _other_python()
    for case in (randhie(), flchain(OUT / "flchain")):
        ours, theirs = [], []
        for seed in range(DRAWS):
            ours.append(_ours(case, seed))
            theirs.append(_tree(case, python, seed))
        yield from _compared(case, np.array(ours), np.array(theirs))
        yield from _resources(case, np.max(ours, axis=0), np.max(theirs, axis=0))
    yield from _federated(randhie())
    yield from _drawn(randhie())


def _compared(case: Case, ours: Floats, theirs: Floats) -> Iterator[Figure]:
    people, weights = case.places(fitted=True)
    rng = np.random.default_rng(99)
    again = people[rng.choice(len(people), ROWS, p=weights / weights.sum())]
    apart = np.column_stack([rng.permutation(again[:, i]) for i in range(people.shape[1])])
    floor, independent, real = far(case, again), far(case, apart), _auc(case, again)
    for ways, aim in ((3, 0.85), (2, 1.0)):
        ratio, said = _beside(ours[:, ways - 1], theirs[:, ways - 1])
        said += f"; rows drawn again {floor[ways - 1]:.3f}, independent {independent[ways - 1]:.3f}"
        yield Figure(f"{case.name}: {ways}-way distance", ratio, "of MST's", aim, "at_most", said)
    ratio, said = _beside(ours[:, 3], theirs[:, 3])
    said += f"; trained on rows that were fitted {real:.3f}"
    yield Figure(f"{case.name}: AUC, trained on it", ratio, "of MST's", 1.0, "at_least", said)


def _beside(ours: Floats, theirs: Floats) -> tuple[float, str]:
    """Return the ratio of the means of all draws, and both in words, with the ratio's standard error."""
    (one, one_se), (other, other_se) = ((x.mean(), x.std(ddof=1) / np.sqrt(len(x))) for x in (ours, theirs))
    ratio = one / other
    error = ratio * np.hypot(one_se / one, other_se / other)
    return float(ratio), f"{one:.4f} against {other:.4f}, {len(ours)} draws each, standard error {error:.3f}"


def _resources(case: Case, ours: Floats, theirs: Floats) -> Iterator[Figure]:
    said = f"of processor time {ours[5]:.1f} s; MST {theirs[4]:.1f} s, of processor time {theirs[5]:.1f} s"
    yield Figure(f"{case.name}: fit", ours[4], "s", 30, "at_most", said)
    said = f"the whole process; MST {theirs[6] / 1024:.2f} GB"
    yield Figure(f"{case.name}: memory of the fit", ours[6] / 1024, "GB", 1.5, "at_most", said)


def _ours(case: Case, seed: int) -> Floats:
    """Return three distances, an AUC, seconds, processor seconds and megabytes of one fit, in a process of its own."""
    found = _margins(case, case.study(EPSILON), [{"everyone": case.site_rows()}])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        model, seconds, megabytes = pool.apply(_fit, (found,))
    drawn = model.draw(ROWS, np.random.default_rng(seed))
    return np.array([*far(case, drawn), _auc(case, drawn), *seconds, megabytes])


def _margins(case: Case, study: Study, sites: list[Mapping[People, Table]]) -> Measured:
    return measured(rehearse(study, FINDER, sites)["margins"]).of_possible(case.possible)


def _fit(found: Measured) -> tuple[Model, list[float], float]:
    started, cpu = time.perf_counter(), time.process_time()
    model = fit(found)
    return model, [time.perf_counter() - started, time.process_time() - cpu], peak_megabytes(os.getpid())


def _tree(case: Case, python: Path, seed: int) -> Floats:
    rho = accountant.units_for(EPSILON, DELTA) / accountant.UNITS_A_RHO
    people, weights = case.places(fitted=True)
    with tempfile.TemporaryDirectory() as folder:
        table, rows = Path(folder) / "table.npz", Path(folder) / "rows.npz"
        np.savez(table, places=people, weights=weights, shape=case.shape, rho=rho, seed=seed, rows=ROWS)
        subprocess.run([python, "-W", "ignore", Path(__file__).with_name("spanning_tree.py"), table, rows], check=True)
        done = np.load(rows)
        return np.array(
            [*far(case, done["places"]), _auc(case, done["places"]), *done["seconds"], done["peak"] / 2**20]
        )


def far(case: Case, drawn: Integers) -> list[float]:
    """Return the mean total variation of all margins of one, two and three columns to those fitted."""
    people, weights = case.places(fitted=True)
    return [
        float(np.mean([_apart(case.shape, people, weights, drawn, clique) for clique in _cliques(case, ways)]))
        for ways in (1, 2, 3)
    ]


def _cliques(case: Case, ways: int) -> list[tuple[int, ...]]:
    return list(itertools.combinations(range(len(case.shape)), ways))


def _apart(
    shape: tuple[int, ...], people: Integers, weights: Floats, drawn: Integers, clique: tuple[int, ...]
) -> float:
    size = [shape[i] for i in clique]
    one, other = (np.ravel_multi_index(tuple(each[:, i] for i in clique), size) for each in (people, drawn))
    true = np.bincount(one, weights=weights, minlength=int(np.prod(size)))
    made = np.bincount(other, minlength=int(np.prod(size)))
    return float(np.abs(true / true.sum() - made / made.sum()).sum() / 2)


def _auc(case: Case, drawn: Integers) -> float:
    """Return how well a classifier trained on drawn rows tells people apart who were not fitted."""
    others, weights = case.places(fitted=False)
    place = [variable["name"] for variable in case.variables].index(case.outcome)
    train, trial = (np.delete(each, place, axis=1) for each in (drawn, others))
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(train, drawn[:, place] > case.above)
    scores = model.predict_proba(trial)[:, 1]
    return float(roc_auc_score(others[:, place] > case.above, scores, sample_weight=weights))


def _federated(case: Case) -> Iterator[Figure]:
    """Yield how far the draws of six sites are from the people, against those of one place that has all of them."""
    alone = _distance(case, case.study(EPSILON), [{"everyone": case.site_rows()}])
    sites: list[Mapping[People, Table]] = [{"everyone": case.site_rows(site)} for site in range(SITES)]
    for masking, aim in ((MASKED, 1.1), (UNMASKED, 2.0)):
        study = case.study(EPSILON, sites=SITES, masking=masking)
        there = _distance(case, study, sites)
        said = f"3-way distance {there:.3f} against {alone:.3f} pooled, {DRAWS} draws each"
        name = "six sites, masked" if masking == MASKED else "six sites, not masked"
        yield Figure(f"{case.name}: {name}", there / alone, "of pooled", aim, "at_most", said)


def _distance(case: Case, study: Study, sites: list[Mapping[People, Table]]) -> float:
    found = [
        far(case, fit(_margins(case, study, sites)).draw(ROWS, np.random.default_rng(seed)))[2] for seed in range(DRAWS)
    ]
    return float(np.mean(found))


def _drawn(case: Case) -> Iterator[Figure]:
    model = fit(_margins(case, case.study(EPSILON), [{"everyone": case.site_rows()}]))
    started = time.perf_counter()
    for block in range(13):
        model.draw(8192, np.random.default_rng(block))
    yield Figure("100,000 rows of keys drawn", time.perf_counter() - started, "s", 30, "at_most", "13 blocks of 8,192")


def _other_python() -> Path:
    python = MBI_HOME / "bin/python"
    if not python.exists():
        print(f"making {MBI_HOME}, once", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", MBI_HOME], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--prefer-binary", MBI], check=True)
    return python


__all__ = ["DRAWS", "EPSILON", "MBI", "MBI_HOME", "ROWS", "SITES", "far", "figures"]
