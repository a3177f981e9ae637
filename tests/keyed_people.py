"""Real people by public keys: the RAND Health Insurance Experiment, one row a person, in two groups; and copies."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.datasets.randhie

from synthetic.judged.keyed import Attribute, Keyed

RAND = Path(statsmodels.datasets.randhie.__file__).parent / "src" / "randhie.csv"
EDGES = {
    "mdvis": [1, 2, 3, 5, 8, 15],
    "xage": [5, 10, 15, 18, 25, 35, 45, 55],
    "income": [4000, 7000, 10000, 13000],
    "disea": [5, 10, 15, 25],
    "mhi": [60, 70, 80, 90],
    "educdec": [9, 12, 13, 16],
    "lpi": [1, 4, 6, 6.5],
}
CODES = ["female", "hlthg", "hlthf", "idp", "physlm", "black"]
HELD_BACK = 0.25


@cache
def rand_people() -> Keyed:
    frame = pd.read_csv(RAND).groupby("zper").last()
    attributes, columns = [], []
    for name, edges in EDGES.items():
        attributes.append(Attribute(name, tuple(f"{name} {i}" for i in range(len(edges) + 2)), ordered=True))
        value = frame[name].to_numpy(float)
        columns.append(np.where(np.isnan(value), len(edges) + 1, np.searchsorted(edges, value, side="right")))
    for name in CODES:
        attributes.append(Attribute(name, ("no", "yes", "missing")))
        columns.append((frame[name] > 0.5).astype(int))
    return Keyed.of(attributes, np.column_stack(columns))


def parted(people, *, seed=1):
    """Return those used and those held back."""
    order = np.random.default_rng(seed).permutation(len(people))
    held_back = int(len(people) * HELD_BACK)
    return people.take(order[held_back:]), people.take(order[:held_back])


def bootstrap(people, count, *, seed):
    return people.take(np.random.default_rng(seed).integers(0, len(people), count))


def disturbed(people, *, seed, changed=1):
    """Return the same rows with some keys of each drawn anew from all there are."""
    rng, places = np.random.default_rng(seed), people.places.copy()
    for row in places:
        for j in rng.choice(places.shape[1], changed, replace=False):
            row[j] = rng.integers(0, len(people.attributes[j].keys))
    return Keyed.of(people.attributes, places)


def chained(people, count, *, seed):
    """Return people of whom each attribute knows only the one before it: an honest model without noise, of pairs."""
    rng = np.random.default_rng(seed)
    places = np.zeros((count, len(people.attributes)), int)
    places[:, 0] = rng.choice(people.places[:, 0], count)
    for j in range(1, places.shape[1]):
        for key in np.unique(places[:, j - 1]):
            those = people.places[people.places[:, j - 1] == key, j]
            places[:, j] = np.where(places[:, j - 1] == key, rng.choice(those, count), places[:, j])
    return Keyed.of(people.attributes, places)
