"""The law of the five rooms holds, and a breach of any line of it is caught."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from privacy.rooms import ROOMS

# contract, a file to plant, what it imports
PLANTED = [
    ("rooms", "coordinator/planted.py", "import node"),
    ("rooms", "node/planted.py", "from coordinator import planted"),
    ("rooms", "models/planted.py", "import synthetic"),
    ("rooms", "synthetic/planted.py", "import models"),
    ("rooms", "models/planted.py", "import node"),
    ("rooms", "synthetic/planted.py", "def later():\n    import coordinator"),
    ("rooms", "privacy/planted.py", "import models"),
    ("rooms", "privacy/planted.py", "from synthetic import planted"),
    *(
        ("privacy-alone", "privacy/planted.py", f"import {name}")
        for name in ("torch", "flwr", "fastapi", "httpx", "opacus", "uvicorn", "requests", "socket", "time")
    ),
    ("synthetic-layers", "synthetic/population/planted.py", "from synthetic.lives import simulator"),
    ("synthetic-layers", "synthetic/judged/planted.py", "from synthetic.lives import simulator"),
    ("synthetic-layers", "synthetic/recipe.py", "def later():\n    from synthetic.population import people"),
    ("privacy-alone", "privacy/planted.py", "from urllib.request import urlopen"),
    ("flwr-in-federation", "node/planted.py", "from flwr.app import Message"),
    ("flwr-in-federation", "coordinator/web/planted.py", "import flwr"),
    ("flwr-in-federation", "models/planted.py", "import flwr"),
    ("fastapi-in-web", "coordinator/federation/planted.py", "import fastapi"),
    ("fastapi-in-web", "node/planted.py", "from starlette.responses import Response"),
    ("torch-in-models", "node/planted.py", "from torch import nn"),
    ("torch-in-models", "synthetic/planted.py", "import opacus"),
    ("uvicorn-in-the-hub", "coordinator/planted.py", "import uvicorn"),
    ("uvicorn-in-the-hub", "node/federation/planted.py", "import uvicorn"),
    ("uvicorn-in-the-hub", "node/planted.py", "import uvicorn"),
]
ALLOWED = [
    ("coordinator/planted.py", "import models, privacy"),
    ("node/planted.py", "import synthetic, privacy"),
    ("models/planted.py", "import torch, opacus, privacy"),
    ("node/federation/planted.py", "import flwr"),
    ("coordinator/federation/planted.py", "import flwr, uvicorn"),
    ("coordinator/web/planted.py", "import fastapi, uvicorn"),
    ("node/web/planted.py", "import fastapi, uvicorn"),
]
BREACHES = [  # a file for each, so that one tree holds them all
    (contract, path.replace("planted", f"planted_{at}"), line) for at, (contract, path, line) in enumerate(PLANTED)
]
CLOCKS = {"now", "utcnow", "today", "gmtime", "localtime", "monotonic", "perf_counter"}


def lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-cache", "--no-logo", *options]
    environ = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, check=False)


def copy_with(tree: Path, copy: Path, planted: Iterable[tuple[str, str]]) -> Path:
    for room in ROOMS:
        shutil.copytree(tree / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(tree / "pyproject.toml", copy)
    for path, line in planted:
        (copy / path).parent.mkdir(exist_ok=True)
        (copy / path).parent.joinpath("__init__.py").touch()
        (copy / path).write_text(line + "\n")
    return copy


def module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


@pytest.fixture(scope="module")
def breached(tree, tmp_path_factory):
    """What each contract says of a tree with every breach in it: one look a contract, however many breaches."""
    copy = copy_with(tree, tmp_path_factory.mktemp("breached"), [(path, line) for _, path, line in BREACHES])
    return {contract: lint(copy, "--contract", contract) for contract in {contract for contract, _, _ in BREACHES}}


@pytest.fixture(scope="module")
def permitted(tree, tmp_path_factory):
    return lint(copy_with(tree, tmp_path_factory.mktemp("permitted"), ALLOWED))


def clock_reads(source: str) -> list[int]:
    """Return the lines on which the source asks what time it is."""
    calls = [call for call in ast.walk(ast.parse(source)) if isinstance(call, ast.Call)]
    return [call.lineno for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in CLOCKS]


def test_the_law_holds(tree):
    found = lint(tree)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(("contract", "path", "line"), BREACHES)
def test_a_planted_breach_is_caught(breached, contract, path, line):
    found = breached[contract]
    assert found.returncode == 1, found.stdout + found.stderr
    assert f"{module(path)} -> " in found.stdout


@pytest.mark.parametrize(("path", "line"), ALLOWED)
def test_what_the_law_allows_passes(permitted, path, line):
    assert "Contracts: " in permitted.stdout, permitted.stdout + permitted.stderr
    assert f"{module(path)} -> " not in permitted.stdout


def test_every_line_of_the_law_has_a_planted_breach(tree):
    contracts = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == {contract for contract, _, _ in BREACHES}


def test_privacy_has_no_clock_of_its_own(sources):
    found = {path: clock_reads(text) for path, text in sources.items() if path.startswith("privacy/")}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_planted_clock_is_caught():
    assert clock_reads("import datetime\nat = datetime.datetime.now(datetime.UTC)\n") == [2]


TWINS = [("node/web/health.py", "coordinator/web/health.py"), ("node/logs.py", "coordinator/command/logs.py")]


@pytest.mark.parametrize("twins", TWINS, ids=lambda pair: pair[0])
def test_what_two_rooms_must_both_have_is_one_text(twins, tree):
    # node and coordinator never import each other, and privacy has no network: so these exist twice, and alike
    assert len({(tree / path).read_bytes() for path in twins}) == 1
