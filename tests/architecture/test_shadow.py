"""A file of the user's that stands in the place of a room stops the start, and is named."""

import os
import subprocess
import sys

import pytest

GUARD = """
import sys
from privacy.errors import HedgerowError
from privacy.rooms import check_rooms
try:
    check_rooms()
except HedgerowError as error:
    print(error.explain())
    raise SystemExit(error.exit_status)
print(sorted({"torch", "flwr", "opacus", "models", "node"} & set(sys.modules)))
"""


def start(tree, where, *options):
    """Start Python in a directory as a user would: the directory comes first on its path."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    environ["PYTHONPATH"] = str(tree)
    command = [sys.executable, *options, "-c", GUARD]
    return subprocess.run(command, cwd=where, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("planted", ["models.py", "node/__init__.py"])
def test_a_shadowed_room_stops_the_start_and_names_the_file(tree, tmp_path, planted):
    path = tmp_path / planted
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('the guard imported what it should only look up')\n")
    found = start(tree, tmp_path)
    assert found.returncode == 5, found.stdout + found.stderr
    assert found.stdout.startswith("room-shadowed: ")
    assert str(path if path.name == "models.py" else path.parent) in found.stdout


def test_a_safe_path_keeps_the_rooms_in_place(tree, tmp_path):
    (tmp_path / "models.py").write_text("")
    found = start(tree, tmp_path, "-P")
    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr


def test_a_clean_directory_starts_without_importing_a_room(tree, tmp_path):
    found = start(tree, tmp_path)
    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr
