"""Turns the public RAND Health Insurance Experiment into six sites' folders, with made-up NHS numbers and some mess.

Source: statsmodels 0.15.0, datasets/randhie (public domain): 20,190 person-years, six sites. Each person gets an NHS
number in the 999 range. Each site's file also gets two rows that must end in quarantine, and one person in a hundred
is missing from the site's allow-list, as if opted out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import statsmodels

from deploy.demo.play import Play, Site, Yardsticks
from deploy.demo.study_file import CONTRACT, STUDY
from models.risk import log_odds
from models.variables import Table, batch
from models.version import ModelVersion
from privacy.computation import PARTS, People
from privacy.pseudonyms import held_back
from synthetic.identifiers import nhs_numbers

SEED = 20261123
OPTED_OUT_SHARE = 0.01
PERSON, PERIOD, SITE, NHS_NUMBER = "zper", "year", "site", "nhs_number"


def read_public_file() -> pd.DataFrame:
    """Return the experiment's rows with made-up NHS numbers and whether each person opted out."""
    path = Path(str(statsmodels.__file__)).parent / "datasets/randhie/src/randhie.csv"
    rows = pd.read_csv(path).sort_values([PERSON, PERIOD]).reset_index(drop=True)
    people, of = np.unique(rows[PERSON], return_inverse=True)
    rows[NHS_NUMBER] = nhs_numbers(SEED, 0, len(people)).astype(str)[of]
    rows["opted_out"] = (np.random.default_rng(SEED).random(len(people)) < OPTED_OUT_SHARE)[of]
    return rows


def write_sites(rows: pd.DataFrame, home: Path) -> list[Site]:
    """Write each site's folder and return the sites."""
    sites = []
    for number, own in rows.groupby(SITE):
        folder = home / f"site-{number}"
        site = Site(folder.name, folder, ((CONTRACT, folder / "people.csv"),))
        site.folder.mkdir(parents=True, exist_ok=True)
        records = own.drop(columns="opted_out")
        pd.concat([records, _bad_rows(records)]).to_csv(site.records, index=False)
        own.loc[~own.opted_out, [NHS_NUMBER]].drop_duplicates().to_csv(site.allowed, index=False)
        sites.append(site)
    return sites


def _bad_rows(records: pd.DataFrame) -> pd.DataFrame:
    """Return one row with a wrong check digit and one of a year that cannot be."""
    bad = records.iloc[:2].copy()
    number = str(bad.iloc[0][NHS_NUMBER])
    bad.iloc[0, bad.columns.get_loc(NHS_NUMBER)] = number[:-1] + str((int(number[-1]) + 1) % 10)
    bad.iloc[1, bad.columns.get_loc(PERIOD)] = 9
    return bad


def pooled_table(rows: pd.DataFrame, split_key: bytes, people: People) -> Table:
    """Return what one place would hold if records were pooled: those not opted out, in one part of the population."""
    rows = rows[~rows.opted_out]
    held = held_back(split_key, rows[NHS_NUMBER].to_numpy().astype(bytes))
    kept = rows[np.isin(held, [part == "held-back" for part in PARTS[people]])]
    numbers = kept.select_dtypes("number")
    person = np.unique(kept[PERSON], return_inverse=True)[1].astype(np.int64)
    columns = {str(name): numbers[name].to_numpy(np.float64) for name in numbers}
    return Table(person, kept[PERIOD].to_numpy(np.int64), columns)


def _yardsticks(_home: Path, _sites: Sequence[Site], split_key: bytes, model: ModelVersion) -> Yardsticks:
    """Work out the exact AUC of pooled records and of the shared model, from the public file: only the demo can."""
    from models.alone import auc, fit_alone  # noqa: PLC0415 - scikit-learn: two seconds

    rows, study = read_public_file(), model.study
    training, held = (batch(pooled_table(rows, split_key, p), study.variables) for p in ("training", "held-back"))
    parameters: Mapping[str, Any] = study.steps[0].parameters
    features, outcome = parameters["features"], parameters["outcome"]
    pooled = auc(held, outcome, log_odds(held, features, fit_alone(training, features, outcome)))
    shared = auc(held, outcome, log_odds(held, features, model.results["risk"].arrays))
    return Yardsticks(float(pooled or 0), float(shared or 0))


RAND = Play(
    said="six sites' records, with made-up NHS numbers, from a public data set",
    study=STUDY,
    write=lambda home: write_sites(read_public_file(), home),
    yardsticks=_yardsticks,
)


__all__ = [
    "NHS_NUMBER",
    "OPTED_OUT_SHARE",
    "PERIOD",
    "PERSON",
    "RAND",
    "SEED",
    "SITE",
    "pooled_table",
    "read_public_file",
    "write_sites",
]
