"""The base install works from nothing but the wheel: no torch, no flwr, and the same software by its hash."""

import json
import os
import subprocess
import sys

import pytest

from privacy.software import package_sha256

HEAVY = {"fastapi", "flwr", "opacus", "pandas", "scikit-learn", "torch", "uvicorn"}
IMPORT_ALL = """
import importlib, pkgutil, privacy
from privacy.rooms import check_rooms
from privacy.software import package_sha256
check_rooms()
names = [found.name for found in pkgutil.walk_packages(privacy.__path__, "privacy.")]
for name in names:
    importlib.import_module(name)
print(len(names), package_sha256())
"""


def run(*command, cwd):
    """Run a program away from the checkout, with nothing of ours on its path; return what it printed."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def base(tree, wheel, tmp_path_factory):
    """A fresh environment holding the wheel and what it asks for, at the pinned versions."""
    home = tmp_path_factory.mktemp("base")
    run(sys.executable, "-m", "venv", "env", cwd=home)
    pip = [str(home / "env/bin/pip"), "install", "--quiet", "--prefer-binary"]
    run(*pip, "--constraint", str(tree / "constraints.txt"), str(wheel), cwd=home)
    return home


@pytest.mark.services
def test_nothing_heavy_came_along(base):
    listed = json.loads(run("env/bin/pip", "list", "--format=json", cwd=base))
    assert {package["name"].lower() for package in listed} & HEAVY == set()


@pytest.mark.services
def test_every_module_of_privacy_imports_and_the_hash_is_the_trees(base, sources):
    count, digest = run("env/bin/python", "-c", IMPORT_ALL, cwd=base).split()
    assert int(count) == sum(path.startswith("privacy/") for path in sources) - 1  # its own __init__
    assert digest == package_sha256()


@pytest.fixture(scope="module")
def researcher(tree, wheel, tmp_path_factory):
    """A fresh environment holding the wheel and what researchers need beside it, at the pinned versions."""
    home = tmp_path_factory.mktemp("researcher")
    run(sys.executable, "-m", "venv", "env", cwd=home)
    pip = [str(home / "env/bin/pip"), "install", "--quiet", "--prefer-binary"]
    run(*pip, "--constraint", str(tree / "constraints.txt"), f"{wheel}[synthetic]", cwd=home)
    return home


@pytest.mark.services
def test_a_researcher_makes_people_without_torch_and_flwr(researcher):
    listed = json.loads(run("env/bin/pip", "list", "--format=json", cwd=researcher))
    assert {package["name"].lower() for package in listed} & (HEAVY - {"pandas"}) == set()
    made = run("env/bin/hedgerow-synthetic", "generate", "tiny", "--out", "people", "--json", cwd=researcher)
    assert json.loads(made)["rows"]["people"] == 1000
    for form in ("duckdb", "omop", "fhir", "contract"):
        run("env/bin/hedgerow-synthetic", "generate", "tiny", "--out", form, "--format", form, cwd=researcher)
    found = json.loads(run("env/bin/hedgerow-synthetic", "describe", "people", "--json", cwd=researcher))
    assert found["provenance"]["kind"] == "public-priors"
    head = 'from synthetic import load; print(len(load("people")), list(load("people", "events"))[:2])'
    assert run("env/bin/python", "-P", "-c", head, cwd=researcher) == "1000 ['nhs_number', 'record_id']\n"
