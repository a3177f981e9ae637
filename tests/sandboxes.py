"""Small sandboxes, made once for all tests that look at them, and nodes that take what one of their sites has."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

from node.assemble import Node
from node.ingest.load import ingest
from node.ingest.report import LoadReport
from node.optouts import load_optouts
from privacy.contract_file import read_contract
from synthetic.recipe import Recipe
from synthetic.sandbox.making import make
from synthetic.sandbox.sandbox import Sandbox
from tests.nodes import NOW

PEOPLE, SITES, MESS = 1600, 4, 0.03
SITE = "luton"
ALONE = "bedfordshire-luton-and-milton-keynes"  # the only site, when there is one


@cache
def sandbox(
    *, people: int = PEOPLE, sites: int = SITES, mess: float = 0.0, about: str = "", provider: bool = False
) -> Path:
    """Return the folder of a sandbox."""
    home = Path(mkdtemp(prefix="hedgerow-sandbox-")) / "sandbox"
    atexit.register(shutil.rmtree, home.parent, ignore_errors=True)
    kept = "provider" if provider else "home"
    make(
        Sandbox(Recipe(people=people, seed=3), sites, mess=mess, about=about, hospital_records=kept),
        home,
        processes=1,
        tell=lambda _done, _parts: None,
    )
    return home


def read(folder: Path, name: str) -> pd.DataFrame:
    """Return a table as texts, missing ones empty."""
    return pd.read_csv(folder / f"synthetic-{name}.csv", dtype=str, keep_default_na=False)


def allow(node: Node, site: Path) -> None:
    """Load the list of those who did not opt out."""
    given = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    load_optouts(file=site / "allowed.csv", as_of=NOW.date(), **given)


def load(node: Node, site: Path, data_set: str, **more: object) -> LoadReport:
    """Load a data set of a site by its own contract, both unchanged."""
    given = {"store": node.store, "keystore": node.keystore, "now": NOW, "allow_test_numbers": True}
    contract = read_contract(site / f"contracts/{data_set}.toml")
    return ingest(
        contract=contract, location=site / f"synthetic-{data_set}.csv", optouts=node.store.optouts(), **given, **more
    )
