"""The researcher's program: what each command prints, and what it says when something is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "pandas", "pyarrow", "duckdb", "torch", "flwr")


def synthetic(*words, expect=0, cwd=None):
    """Run the program as a process of its own; return what it said."""
    command = [sys.executable, "-c", "from synthetic.command import main; main()", *map(str, words)]
    environ = {**os.environ, "PYTHONPATH": str(TREE), "PYTHONSAFEPATH": "1", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done


def test_help_loads_nothing_heavy():
    code = "import sys\nsys.argv[1:] = ['--help']\nfrom synthetic.command import main\ntry:\n    main()\nfinally:\n"
    code += f"    print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    environ = {**os.environ, "PYTHONPATH": str(TREE)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert "Exit status" in done.stdout
    assert done.stderr == "[]\n"


def test_the_presets_are_listed_for_people_and_for_programs():
    listed = json.loads(synthetic("list", "--json").stdout)["presets"]
    shown = synthetic("list").stdout.splitlines()
    assert shown[0].split() == ["PRESET", "PEOPLE", "WHAT", "IT", "IS"]
    assert [line.split()[0] for line in shown[1:]] == [each["name"] for each in listed]
    assert {"name", "title", "people", "place"} <= set(listed[0])


@pytest.mark.parametrize(("words", "said"), [(["lisst"], "No such command"), (["list", "--sites"], "No such option")])
def test_a_wrong_command_line_is_status_2_and_no_traceback(words, said):
    done = synthetic(*words, expect=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
