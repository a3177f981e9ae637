"""One small simulated population for all tests: made once, by the formats that they ask for."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import pandas as pd

from synthetic import load
from synthetic.generating import generate
from synthetic.recipe import Recipe

RECIPE = Recipe(people=1500, seed=3)


@functools.cache
def data_set(format="parquet") -> Path:  # noqa: A002 - as in the product
    """Return the directory of the population's data set; nobody changes it."""
    home = Path(tempfile.mkdtemp(prefix="synthetic-people-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    generate(RECIPE, home / format, format=format, processes=1, tell=lambda done, of: None)
    return home / format


@functools.cache
def frame(table="people") -> pd.DataFrame:
    """Return one of its tables; nobody changes it."""
    return load(str(data_set()), table)
