"""What the architecture tests look at: this tree, its five rooms, and the wheel built from it."""

import subprocess
import sys
from pathlib import Path

import pytest

from privacy.rooms import ROOMS


@pytest.fixture(scope="session")
def tree() -> Path:
    """The checkout that these tests stand in."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def sources(tree: Path) -> dict[str, str]:
    """Text of every module in the five rooms, by its path from the top."""
    paths = sorted(path for room in ROOMS for path in (tree / room).rglob("*.py"))
    return {path.relative_to(tree).as_posix(): path.read_text() for path in paths}


@pytest.fixture(scope="session")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built with what is installed (no registry)."""
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-P",
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(out),
        str(tree),
    ]
    built = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("*.whl"))
