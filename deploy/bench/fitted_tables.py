"""The two tables on which fitted data are held against others: RAND HIE and flchain, with public keys.

RAND's Health Insurance Experiment comes with statsmodels (public domain): ten columns of 20,190 person-years. flchain
(Dispenzieri and others 2012: free light chains and survival, 7,874 people) is read out of the package scikit-survival:
nine columns. Bands are round numbers chosen from what a column means. Seven of ten people are fitted.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deploy.demo.people import read_public_file
from models.variables import Table, batch
from privacy.arrays import Floats, Integers
from privacy.canonical import Document
from privacy.counting import places
from privacy.study import Study, from_document

SURVIVAL = "scikit-survival==0.28.0"
DELTA, FITTED = 1e-6, 0.7
TEXTS = ("title", "question", "decision", "intended_use", "legal_basis", "asked_by")


@dataclass(frozen=True)
class Case:
    """A table of people's rows, which of its people are fitted, and which column is to be predicted from the others."""

    name: str
    variables: list[Document]
    rows: Table
    site: Integers
    outcome: str
    above: int
    may_miss: tuple[str, ...] = ()

    def study(self, epsilon: float, *, sites: int = 1, masking: str = "none") -> Study:
        """Return a study of margins that so many sites are invited to."""
        by = [variable["name"] for variable in self.variables]
        step = {"name": "margins", "use": "marginals", "people": "everyone", "parameters": {"by": by}}
        invited = [{"name": f"site-{i}", "fingerprint": f"{i:040x}"} for i in range(sites)]
        terms = {"epsilon": epsilon, "delta": DELTA, "quorum": sites, "masking": masking}
        document = {**dict.fromkeys(TEXTS, "Bench"), **dict.fromkeys(("name", "purpose", "data_set"), "bench")}
        document |= {"ends": "2030-01-01", "variables": self.variables, "steps": [step], "invited": invited}
        return from_document({**document, "privacy": terms})

    @cached_property
    def fitted(self) -> np.typing.NDArray[np.bool_]:
        """Say of each row whether its person is fitted."""
        people = int(self.rows.person.max()) + 1
        return (np.random.default_rng(0).random(people) < FITTED)[self.rows.person]

    def site_rows(self, site: int | None = None) -> Table:
        """Return the fitted rows, or those of one site."""
        kept = self.fitted if site is None else self.fitted & (self.site == site)
        rows = self.rows.take(np.flatnonzero(kept))
        return Table(np.unique(rows.person, return_inverse=True)[1].astype(np.int64), rows.period, rows.columns)

    @cached_property
    def possible(self) -> list[np.typing.NDArray[np.bool_]]:
        """Say of each column's keys which can be: what is missing only where the table's description lets it be."""
        variables = self.study(1.0).variables
        return [np.array([*(True for _ in v.keys[1:]), v.name in self.may_miss]) for v in variables]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Return how many keys each column has that can be: those that cannot come last."""
        return tuple(int(each.sum()) for each in self.possible)

    def places(self, *, fitted: bool) -> tuple[Integers, Floats]:
        """Return the places of keys, a column each, and the weights of the fitted rows or of the others."""
        study = self.study(1.0)
        rows = batch(self.rows.take(np.flatnonzero(self.fitted == fitted)), study.variables)
        found = places(rows, {variable.name: variable.keys for variable in study.variables})
        return np.column_stack(found), rows.weights


def randhie() -> Case:
    """Return the Health Insurance Experiment: more than two visits to a doctor in the year are predicted."""
    rows = read_public_file()
    columns = {name: rows[name].to_numpy(np.float64) for name in _RAND}
    variables = [_variable(name, *said) for name, said in _RAND.items()]
    person = np.unique(rows["zper"], return_inverse=True)[1].astype(np.int64)
    table = Table(person, rows["year"].to_numpy(np.int64), _coded(columns, variables))
    return Case("RAND HIE", variables, table, rows["site"].to_numpy(np.int64) - 1, "mdvis", 2)


def flchain(folder: Path) -> Case:
    """Return the survival of 7,874 people; the package is fetched to ``folder`` where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (wheels := list(folder.glob("scikit_survival-*.whl"))):
        words = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder), SURVIVAL]
        subprocess.run(words, check=True)
        wheels = list(folder.glob("scikit_survival-*.whl"))
    text = zipfile.ZipFile(wheels[0]).read("sksurv/datasets/data/flchain.arff").decode()
    names = [line.split()[1] for line in text.splitlines() if line.startswith("@attribute")]
    lines = text.partition("@data\n")[2].splitlines()
    rows = pd.DataFrame([line.split(",") for line in lines if line], columns=[n.replace(".", "_") for n in names])
    rows["sex"], rows["mgus"] = (rows["sex"] == "M") * 1, (rows["mgus"] == "yes") * 1
    rows["death"] = (rows["death"] == "dead") * 1
    columns = {name: pd.to_numeric(rows[name], errors="coerce").to_numpy(np.float64) for name in _FLCHAIN}
    variables = [_variable(name, *said) for name, said in _FLCHAIN.items()]
    people = np.arange(len(rows))
    table = Table(people, np.zeros(len(rows), np.int64), _coded(columns, variables))
    return Case("flchain", variables, table, people % 6, "death", 0, ("creatinine",))


_FLAG = (0, 1, None)
_RAND: Mapping[str, tuple[float, float, Any]] = {
    "mdvis": (0, 366, [1, 2, 3, 4, 6, 9, 13]),
    "logc": (0, 5, [0.5, 3.3, 4]),
    "idp": _FLAG,
    "lpi": (0, 10, [0.5, 5.5, 6, 6.5, 7]),
    "fmde": (0, 10, [0.5, 5, 6, 7, 8]),
    "physlm": (0, 1, [0.001, 0.999]),
    "disea": (0, 100, [4, 7, 10, 13, 16, 20, 25]),
    "hlthg": _FLAG,
    "hlthf": _FLAG,
    "hlthp": _FLAG,
}
_FLCHAIN: Mapping[str, tuple[float, float, Any]] = {
    "age": (50, 110, [55, 60, 65, 70, 75, 80, 85, 90]),
    "sex": _FLAG,
    "sample_yr": (1995, 2003, [year + 0.5 for year in range(1995, 2003)]),
    "kappa": (0, 30, [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 4]),
    "lambda": (0, 30, [0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 5]),
    "flc_grp": (1, 10, [group + 0.5 for group in range(1, 10)]),
    "creatinine": (0, 15, [0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.7]),
    "mgus": _FLAG,
    "death": _FLAG,
}


def _variable(name: str, low: float, high: float, edges: list[float] | None) -> Document:
    if edges is None:
        return {"name": name, "column": name, "transform": "code", "codes": ["0", "1"]}
    return {"name": name, "column": name, "transform": "band", "low": low, "high": high, "edges": edges}


def _coded(columns: Mapping[str, Floats], variables: list[Document]) -> dict[str, Floats]:
    coded = {v["name"] for v in variables if v["transform"] == "code"}
    return {f"code.{name}" if name in coded else name: values for name, values in columns.items()}


__all__ = ["DELTA", "FITTED", "SURVIVAL", "TEXTS", "Case", "flchain", "randhie"]
