"""The researcher's program: what each command prints, and what it says when something is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synthetic.manifest import read_manifest

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


def test_places_are_listed():
    listed = json.loads(synthetic("list", "--places", "--json").stdout)["places"]
    assert len(listed) == 43
    assert "blmk" in listed


def test_a_population_is_generated_and_never_overwritten(tmp_path):
    words = ["generate", "tiny", "--people", "300", "--seed", "5", "--out", "people", "--json"]
    said = json.loads(synthetic(*words, cwd=tmp_path).stdout)
    assert (said["data_set"], said["rows"]["people"], said["provenance"]) == ("people", 300, "public-priors")
    command = read_manifest(tmp_path / "people").plan.command
    again = command.removeprefix("hedgerow-synthetic ").split()
    synthetic(*again, "--out", "again", cwd=tmp_path)
    manifests = [(tmp_path / name / "manifest.json").read_bytes() for name in ("people", "again")]
    assert manifests[0] == manifests[1]
    assert json.loads(synthetic(*words, cwd=tmp_path, expect=5).stderr)["code"] == "data-set-exists"


@pytest.mark.parametrize(
    ("words", "code", "faults"),
    [
        (["tin"], "preset-unknown", "tiny"),
        (["--format", "xml"], "data-set-format-unknown", "csv"),
        (["--place", "atlantis"], "recipe-malformed", "place: one of england"),
        (["--people", "0", "--unseen", "-1"], "recipe-malformed", "unseen: from 0 to 2"),
        (["--inequality", "most-deprived:2:1"], "recipe-malformed", "inequality"),
        (["--inequality", "most-deprived"], "recipe-malformed", "GROUP:RECORDED:SERVED"),
    ],
)
def test_what_cannot_be_made_is_told_with_the_next_step(tmp_path, words, code, faults):
    told = synthetic("generate", *words, "--json", "--out", "people", cwd=tmp_path, expect=3)
    said = json.loads(told.stderr)
    assert said["code"] == code
    assert any(faults in fault for fault in said["faults"])
    assert said["next"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("words", "said"), [(["lisst"], "No such command"), (["list", "--sites"], "No such option")])
def test_a_wrong_command_line_is_status_2_and_no_traceback(words, said):
    done = synthetic(*words, expect=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
