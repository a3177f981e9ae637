"""Solves how many households of each kind every authority has, so that its people have the published ages.

    .venv/bin/python deploy/priors/households.py

England first: its ages by sex, and the census figures in living_shares.csv (whose log_weight this writes). Then each
authority: its ages (household_weights.csv). Newton's method on the dual of the relative entropy, which is smooth and
convex and has one number for each figure. Nobody needs this to use Hedgerow: what it writes ships.
"""

from __future__ import annotations

import csv

import numpy as np
import scipy.sparse as sp

from synthetic.geography import ENGLAND, geography, males
from synthetic.population.households import MEMBERS, Library, cells, census, library, start
from synthetic.published import PRIORS, table

DIGITS = 3  # of a log weight: a share is then within one in two thousand for each member


def main() -> None:
    """Write both tables."""
    held, known = library(), geography(ENGLAND).authorities
    members, people = members_by_cell(held), cells(known.ages, males())
    england = people.sum(axis=0, keepdims=True)
    write_figures(np.zeros(len(census(held))))
    both = sp.vstack([members, sp.csr_matrix(census(held))]).tocsr()
    dual = solved(both, start(held, england)[0], np.concatenate([england[0], np.zeros(len(census(held)))]))
    write_figures(dual[MEMBERS:])
    starts = start(held, people)
    rows = [solved(members, own, wanted) for own, wanted in zip(starts, people, strict=True)]
    with (PRIORS / "household_weights.csv").open("w", encoding="utf-8", newline="") as file:
        file.write("# source: solved-households, ons-population-2020, ons-population-2023\n")
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["local_authority", *range(MEMBERS)])
        for code, row in zip(known.code, rows, strict=True):
            lines.writerow([code, *(f"{number:.{DIGITS}f}".replace("-0.000", "0") for number in row)])


def members_by_cell(held: Library) -> sp.csr_matrix:
    """Return how many members of each cell each household has."""
    household = np.repeat(np.arange(len(held.kind)), held.size)
    return sp.csr_matrix((np.ones(len(household)), (held.cell, household)), (MEMBERS, len(held.kind)))


def solved(sums: sp.csr_matrix, log_start: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the dual whose weights, exp(log_start + sums' dual), have the wanted sums."""
    dual, scale = np.zeros(len(wanted)), wanted.sum()

    def loss(at: np.ndarray) -> float:
        return float(np.exp(log_start + sums.T @ at).sum() - at @ wanted) / scale

    for _ in range(200):
        weights = np.exp(log_start + sums.T @ dual)
        gap = (sums @ weights - wanted) / scale
        if np.abs(gap).max() < 1e-9:
            return dual
        curvature = (sums.multiply(weights) @ sums.T).toarray() / scale
        step = np.linalg.solve(curvature + 1e-12 * np.eye(len(wanted)), gap)
        length = min(1.0, 3.0 / np.abs(step).max())
        now = loss(dual)
        while loss(dual - length * step) > now and length > 1e-6:
            length /= 2
        dual = dual - length * step
    raise ArithmeticError("no weights have these sums")


def write_figures(log_weights: np.ndarray) -> None:
    """Write the census figures with their log weights."""
    columns = dict(table("living_shares").columns)
    columns["log_weight"] = tuple(f"{number:.6f}" for number in log_weights)
    with (PRIORS / "living_shares.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(columns)
        lines.writerows(zip(*columns.values(), strict=True))


if __name__ == "__main__":
    main()
