"""From a recipe to a leaderboard by typing: what each command of a hackathon prints and leaves behind."""

import csv
import json

import pytest

from tests.functional.test_synthetic_command import synthetic
from tests.handmade import reported

SEED = 731904825566172045


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A data set and its pack, made by relative paths as people type them."""
    home = tmp_path_factory.mktemp("hackathon")
    synthetic("generate", "tiny", "--seed", SEED, "--out", "people", "--processes", 1, cwd=home)
    synthetic("report", "people", cwd=home)
    words = ("--use-case", "unplanned-admission", "--hold-out", 0.4, "--out", "hack", "--json")
    done = synthetic("pack", "people", *words, cwd=home)
    return home, json.loads(done.stdout), done.stderr


def test_the_simulators_own_people_become_a_pack(here):
    home, made, progress = here
    assert made["rows"]["people"] == 1000
    assert made["rows"]["events"] > 10_000
    assert made["answers"]["unplanned-admission"]["people"] > 100
    assert progress.splitlines() == ["Writing the tables.", "Running the notebook."]
    teams = [path for path in (home / "hack/TEAMS").rglob("*") if path.is_file()]
    assert not [path.name for path in teams if str(SEED).encode() in path.read_bytes()]
    codes = (home / "hack/TEAMS/codes.csv").read_text()
    assert "events,code," in codes


def test_the_simulators_tables_and_their_pack_are_valid(here):
    home, *_ = here
    for where, kind in (("people", "a data set"), ("hack", "a pack with its answers")):
        found = json.loads(synthetic("validate", where, "--json", cwd=home).stdout)
        assert (found["kind"], found["held"]) == (kind, True)
    alone = synthetic("validate", "hack/TEAMS", cwd=home).stdout
    assert "Whole: a pack, " in alone
    assert "Not of the pack" not in alone
    (home / "hack/TEAMS/our-notes.txt").write_text("ours")
    beside = synthetic("validate", "hack/TEAMS", cwd=home).stdout
    (home / "hack/TEAMS/our-notes.txt").unlink()
    assert beside == f"{alone}Not of the pack, and not looked into:\n  our-notes.txt\n"
    assert "checksums-absent" in synthetic("validate", "people/people", cwd=home, expect=4).stderr


def test_of_converted_tables_only_the_files_are_looked_at(tmp_path):
    synthetic("generate", "tiny", "--people", 50, "--format", "omop", "--out", "omop", "--processes", 1, cwd=tmp_path)
    found = json.loads(synthetic("validate", "omop", "--json", cwd=tmp_path).stdout)
    assert (found["held"], found["rows"]["person"]) == (False, 50)


def test_predictions_are_scored_and_teams_ranked(here):
    home, *_ = here
    answers = home / "hack/ORGANISERS/answers-unplanned-admission.csv"
    rows = list(csv.DictReader(answers.read_text().splitlines()))
    for team, told in (("Truth", "probability"), ("Dice", None)):
        lines = [f"{row['nhs_number']},{row[told] if told else 0.5}" for row in rows]
        (home / "mine.csv").write_text("\n".join(["nhs_number,probability", *lines]))
        words = ("score", "mine.csv", "--organisers", "hack/ORGANISERS", "--team", team, "--leaderboard", "board.csv")
        shown = synthetic(*words, cwd=home).stdout
    assert "AUC without luck    0.500   nobody can have more than 0." in shown
    standing = shown.splitlines()[-2:]
    assert [line.split()[:2] for line in standing] == [["1", "Truth"], ["2", "Dice"]]
    scored = json.loads(synthetic("score", "mine.csv", "--organisers", "hack/ORGANISERS", "--json", cwd=home).stdout)
    assert scored["score"]["auc"] == 0.5
    assert scored["standing"] == []
    assert (
        "give both" in synthetic("score", "mine.csv", "--organisers", "hack", "--team", "x", cwd=home, expect=2).stderr
    )
    assert "key-absent" in synthetic("score", "mine.csv", "--organisers", "hack/TEAMS", cwd=home, expect=4).stderr


def test_a_guessable_seed_holds_nothing_back(here):
    home, *_ = here
    synthetic("generate", "tiny", "--people", 50, "--out", "few", "--processes", 1, cwd=home)
    assert "report-absent" in synthetic("pack", "few", "--out", "out", cwd=home, expect=5).stderr
    reported(home / "few")
    assert (
        "seed-guessable" in synthetic("pack", "few", "--use-case", "falls", "--out", "out", cwd=home, expect=5).stderr
    )
    assert not (home / "out").exists()
