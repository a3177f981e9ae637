"""The researcher's program: what each command prints, and what it says when something is wrong."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from privacy.errors import Invalid, Unreachable
from synthetic import load
from synthetic.command import STOPPED
from synthetic.command.program import app
from synthetic.generating import plan_for
from synthetic.identifiers import IN_TEST_RANGE
from synthetic.lives.truth import USE_CASES
from synthetic.manifest import read_manifest
from synthetic.recipe import Recipe
from tests.synthetic_people import RECIPE, data_set

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


@pytest.mark.parametrize("command", [each.name for each in app.registered_commands])
def test_each_command_shows_an_example_and_no_sign_that_a_terminal_cannot_print(command):
    shown = CliRunner().invoke(app, [command, "--help"]).output
    assert f"hedgerow-synthetic {command}" in shown
    assert "\\b" not in shown
    assert "\b" not in shown


def test_who_stops_a_command_is_told_and_gets_the_status_of_an_interrupt():
    code = "import os, signal, sys\nimport synthetic.geography as geography\nsys.argv[1:] = ['list', '--places']\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored, where tests run in the background
    code += "geography.places = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
    code += "from synthetic.command import main\nmain()"
    environ = {**os.environ, "PYTHONPATH": str(TREE)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, STOPPED)


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


def test_a_data_set_is_described_with_the_best_that_a_model_could_do():
    found = json.loads(synthetic("describe", data_set(), "--json").stdout)
    assert found["provenance"]["kind"] == "public-priors"
    assert sum(band["male"] + band["female"] for band in found["people"]) == RECIPE.people
    assert sum(each["events"] for each in found["events"]) == found["tables"]["events"]["rows"]
    truth = {each["use_case"]: each for each in found["truth"]}
    assert set(truth) == set(USE_CASES)
    assert 0.6 < truth["falls"]["attainable_auc"] < 0.95
    assert abs(truth["places"]["expected"] - truth["places"]["happened"]) < 5 * truth["places"]["expected"] ** 0.5
    said = synthetic("describe", data_set()).stdout
    assert "You may not:" in said
    assert "ATTAINABLE AUC" in said
    assert f"Events of {RECIPE.history_years} years before {RECIPE.index_date} and one from it on" in said


def test_what_nobody_would_expect_is_told_and_written_down(tmp_path):
    words = ["generate", "tiny", "--people", "300", "--unseen", "0.5", "--out", "people"]
    told = synthetic(*words, cwd=tmp_path)
    (note,) = read_manifest(tmp_path / "people").plan.notes
    assert "only a bound" in note
    assert note in told.stderr
    assert note in (tmp_path / "people/README.txt").read_text()
    assert note in synthetic("describe", "people", cwd=tmp_path).stdout
    (note,) = plan_for(Recipe(people=IN_TEST_RANGE + 1), "parquet").notes
    assert "900 to 998" in note
    assert plan_for(Recipe(people=IN_TEST_RANGE), "parquet").notes == ()


@pytest.mark.parametrize("kind", ["omop", "fhir", "duckdb"])
def test_a_converted_data_set_is_described_by_its_manifest(kind):
    found = json.loads(synthetic("describe", data_set(kind), "--json").stdout)
    assert (found["format"], "truth" in found) == (kind, False)


def test_a_changed_data_set_is_not_described(tmp_path):
    shutil.copytree(data_set(), tmp_path / "changed")
    victim = next((tmp_path / "changed/people").iterdir())
    victim.write_bytes(victim.read_bytes() + b" ")
    said = json.loads(synthetic("describe", tmp_path / "changed", "--json", expect=6).stderr)
    assert (said["code"], said["faults"]) == ("data-set-tampered", [f"people/{victim.name}"])
    assert json.loads(synthetic("describe", tmp_path, "--json", expect=4).stderr)["code"] == "manifest-absent"


def test_a_notebook_loads_a_data_set_or_a_preset_which_it_keeps(tmp_path, monkeypatch):
    assert len(load(str(data_set()))) == RECIPE.people
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    people = load("tiny")
    (kept,) = (tmp_path / "hedgerow-synthetic").iterdir()
    before = (kept / "manifest.json").stat().st_mtime_ns
    events = load("tiny", "events")
    assert (kept / "manifest.json").stat().st_mtime_ns == before
    assert set(events["nhs_number"]) <= set(people["nhs_number"])
    assert [str(people[name].dtype)[:8] for name in ("birth_date", "sex")] == ["datetime", "category"]
    with pytest.raises(Invalid, match="preset-unknown") as unknown:
        load("tinny")
    assert "  - small\n" in unknown.value.__notes__[0]
    assert "Next: " in unknown.value.__notes__[0]
    with pytest.raises(Invalid, match="table-unknown"):
        load("tiny", "falls")
    (tmp_path / "people.unfinished").mkdir()
    for path in (tmp_path / "people.unfinished", tmp_path / "nowhere"):
        with pytest.raises(Unreachable, match="manifest-absent"):
            load(str(path))


@pytest.mark.parametrize(
    ("words", "code", "faults"),
    [
        (["tin"], "preset-unknown", "tiny"),
        (["--format", "xml"], "data-set-format-unknown", "csv"),
        (["--place", "atlantis"], "recipe-malformed", "list --places"),
        (["--sites", "2", "--format", "omop"], "recipe-malformed", "format: does not go with sites"),
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
