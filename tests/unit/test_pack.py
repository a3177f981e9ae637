"""A pack is whole, reads in its own standards' libraries, ran its notebook, and tells nobody what was held back."""

import hashlib
import json
import resource
import shutil
import signal
import subprocess

import nbformat
import numpy as np
import pandas as pd
import pytest

from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from synthetic.pack import notebook, packing
from synthetic.pack.answers import read_answers, read_key
from synthetic.pack.hold_out import LEAST_SECRET_SEED
from synthetic.pack.questions import questions
from tests.handmade import CONTRACTS, INDEX, PEOPLE, SEED, data_set, edited, reported, tables

DAY = pd.Timestamp(INDEX)


def packed(home, **more):
    options = {"contracts": CONTRACTS, "meanings": {}, "use_cases": ["falls"], "share": 0.2, "format": "csv"}
    done = packing.pack(data_set=home, out=home.parent / "out", tell=lambda _: None, **{**options, **more})
    return home.parent / "out", done


def quickly(monkeypatch):
    """Leave out the notebook, whose running takes seconds, where a test is of something else."""
    monkeypatch.setattr(packing, "execute", lambda _: None)


def bytes_of(home):
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def hashes_of(home):
    return {path: hashlib.sha256(content).hexdigest() for path, content in bytes_of(home).items()}


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return packed(data_set(tmp_path_factory.mktemp("pack") / "data", format="parquet"))[0]


@pytest.fixture(scope="module")
def told(pack):
    """What teams have, as tables."""
    texts = {"nhs_number": "str"}
    return {
        path.stem.removeprefix("synthetic-"): pd.read_csv(path, dtype=texts)
        for path in (pack / "TEAMS").rglob("*.csv")
        if path.stem.startswith("synthetic-")
    }


def test_the_same_data_are_the_same_pack(pack, tmp_path):
    again, _ = packed(data_set(tmp_path / "data"))
    assert hashes_of(again) == hashes_of(pack)


def test_the_tables_are_the_same_whichever_format_the_data_lay_in(pack, tmp_path, monkeypatch):
    quickly(monkeypatch)
    other, _ = packed(data_set(tmp_path / "data", format="csv"))
    for folder in ("TEAMS/data", "TEAMS/challenge"):
        assert hashes_of(other / folder) == hashes_of(pack / folder)


def test_every_file_is_as_its_sum_says(pack):
    for folder in ("TEAMS", "ORGANISERS"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=pack / folder, check=True)
        listed = {line.split("  ")[1] for line in (pack / folder / "SHA256SUMS").read_text().splitlines()}
        assert listed == set(bytes_of(pack / folder)) - {"SHA256SUMS"}


def test_the_notebook_ran_from_top_to_bottom(pack):
    ran = nbformat.read(pack / "TEAMS/starter.ipynb", as_version=4)
    nbformat.validate(ran)
    code = [cell for cell in ran.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    shown = [out for cell in code for out in cell.outputs]
    assert {out.output_type for out in shown} == {"stream", "execute_result"}
    said = "".join(out.text for out in shown if out.output_type == "stream")
    assert f"{PEOPLE:,} people" in said
    assert 0.7 < float(said.rpartition("did not see: ")[2]) < 0.95  # the signal is there
    assert not (pack / "TEAMS/my-predictions.csv").exists()


def test_a_notebook_that_fails_is_told_by_cell_and_kind_never_by_value(tmp_path):
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": "{}['9990000018']"}
    document = {"cells": [{**cell, "id": "cell-01"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / notebook.NAME).write_text(json.dumps(document))
    with pytest.raises(Unreachable, match="notebook-failed") as caught:
        notebook.execute(tmp_path)
    assert caught.value.faults == ("cell-01: KeyError",)
    assert "9990000018" not in str(caught.value)


def test_frictionless_finds_nothing_wrong_and_a_planted_fault(pack, tmp_path):
    import frictionless

    report = frictionless.validate(str(pack / "TEAMS/datapackage.json"))
    assert report.valid, report.flatten(["title", "note"])
    assert report.stats["tasks"] == 4
    copy = shutil.copytree(pack / "TEAMS", tmp_path / "copy")
    people = copy / "data/synthetic-people.csv"
    head, first, *rest = people.read_text().splitlines()
    planted = first.replace('"1"', '"9"').replace('"2"', '"9"')
    people.write_text("\n".join([head, planted, *rest]) + "\n")
    found = frictionless.validate(str(copy / "datapackage.json")).flatten(["type"])
    assert {kind for (kind,) in found} == {"constraint-error", "hash-count"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, inside mlcroissant
def test_croissant_reads_every_table(pack, told):
    import mlcroissant

    issues = mlcroissant.Dataset(str(pack / "TEAMS/croissant.json")).metadata.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    records = mlcroissant.Dataset(str(pack / "TEAMS/croissant.json")).records("people")
    people = list(records)
    assert len(people) == PEOPLE
    assert people[0]["people/nhs_number"].decode() == told["people"]["nhs_number"][0]


def test_what_teams_have_ends_at_the_index_date_for_those_held_back(pack, told):
    made, foretold = tables(), set(told["falls-to-predict"]["nhs_number"])
    events, people = told["events"], told["people"]
    theirs = events[events["nhs_number"].isin(foretold)]
    assert pd.to_datetime(theirs["date"]).max() < DAY
    assert not (pd.to_datetime(theirs["until"]) >= DAY).any()
    assert not (pd.to_datetime(people[people["nhs_number"].isin(foretold)]["died_on"]) >= DAY).any()
    # the same people have all of it in the data set, and others keep it: the rule above has something to hide
    real = made["events"].to_pandas()
    hidden = real["nhs_number"].isin(foretold) & (pd.to_datetime(real["date"]) >= DAY)
    assert hidden.sum() > 300
    assert (pd.to_datetime(real[real["nhs_number"].isin(foretold)]["until"]) >= DAY).any()
    later = pd.to_datetime(real["date"]) >= DAY
    assert len(events) == len(real) - int((later & real["nhs_number"].isin(held(pack))).sum())
    assert int((pd.to_datetime(events["date"]) >= DAY).sum()) > 1000


def held(pack):
    """Everybody held back, also those whom no question is about."""
    seen = pd.read_csv(pack / "TEAMS/data/synthetic-events.csv", dtype={"nhs_number": "str"})
    real = tables()["events"].to_pandas()
    return set(real["nhs_number"][pd.to_datetime(real["date"]) >= DAY]) - set(
        seen["nhs_number"][pd.to_datetime(seen["date"]) >= DAY]
    )


def test_record_ids_have_no_gaps_that_tell_how_much_was_taken_away(pack, told):
    assert told["events"]["record_id"].tolist() == list(range(1, len(told["events"]) + 1))
    # the control: with the old ids, the gap behind a person held back is what happened to them
    real, gone = tables()["events"].to_pandas(), held(pack)
    taken = real["nhs_number"].isin(gone) & (pd.to_datetime(real["date"]) >= DAY)
    gaps = np.diff(real["record_id"][~taken])
    assert gaps.max() > 1


def test_teams_are_told_neither_the_seed_nor_the_truth(pack, told):
    for path, content in bytes_of(pack / "TEAMS").items():
        assert str(SEED).encode() not in content, path
    assert str(SEED) in (pack / "ORGANISERS/key.json").read_text()
    assert list(told["falls-outcomes"].columns) == ["nhs_number", "happened"]
    assert json.loads((pack / "TEAMS/pack.json").read_text())["recipe"]["seed"] == "WITHHELD"
    report = json.loads((pack / "TEAMS/report.json").read_text())
    assert (report["seed"], report["command"].count("--seed WITHHELD ")) == ("WITHHELD", 1)
    assert "--seed WITHHELD " in (pack / "TEAMS/report.html").read_text()
    assert "--seed WITHHELD " in (pack / "TEAMS/README.md").read_text()


def test_a_paper_that_tells_the_seed_stops_the_pack(tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "execute", lambda home: (home / "starter.ipynb").write_text(f"seed = {SEED}"))
    with pytest.raises(Refusal, match="seed-told") as caught:
        packed(data_set(tmp_path / "data"))
    assert caught.value.faults == ("starter.ipynb",)
    assert not (tmp_path / "out").exists()


def test_the_answers_are_the_truth_about_all_who_are_to_be_foretold(pack, told):
    key = read_key(pack / "ORGANISERS")
    answers = read_answers(pack / "ORGANISERS", key.answers["falls"])
    truth = tables()["truth/falls"].to_pandas().set_index("nhs_number")
    foretold = told["falls-to-predict"]["nhs_number"]
    assert answers.numbers.astype(str).tolist() == foretold.tolist()
    assert answers.happened.tolist() == truth.loc[foretold, "happened"].tolist()
    assert answers.probability == pytest.approx(truth.loc[foretold, "probability"].to_numpy(), abs=1e-6)
    learned = told["falls-outcomes"].set_index("nhs_number")["happened"].astype(bool)
    assert (learned == truth.loc[learned.index, "happened"]).all()
    assert sorted([*learned.index, *foretold]) == sorted(truth.index)
    assert 0.15 < len(foretold) / len(truth) < 0.25
    born = tables()["people"].to_pandas().set_index("nhs_number")["birth_date"]
    ages = (DAY - pd.to_datetime(born.loc[foretold])).dt.days // 365.25
    assert [label == "85 and over" for label in answers.groups["age"]] == (ages >= 85).tolist()
    assert set(answers.groups) == {"sex", "age", "ethnic group", "deprivation"}
    assert set(answers.groups["ethnic group"]) == {"White", "Asian"}


def test_the_organisers_folder_is_for_their_own_eyes(pack):
    assert {(pack / "ORGANISERS").stat().st_mode & 0o777, (pack / "ORGANISERS/key.json").stat().st_mode & 0o777} == {
        0o700,
        0o600,
    }
    with pytest.raises(Tampered, match="answers-tampered"):
        read_answers(
            pack / "ORGANISERS", read_key(pack / "ORGANISERS").answers["falls"].__class__("key.json", "0", 1, 1)
        )
    with pytest.raises(Unreachable, match="key-absent"):
        read_key(pack)


def test_without_a_question_nothing_is_held_back_and_the_seed_is_told(tmp_path, monkeypatch):
    quickly(monkeypatch)
    out, done = packed(data_set(tmp_path / "data", seed=5), use_cases=[], format="parquet")
    events = pd.read_parquet(out / "TEAMS/data/synthetic-events.parquet")
    assert len(events) == done.rows["events"] == len(tables(seed=5)["events"])
    assert "--seed 5 " in (out / "TEAMS/README.md").read_text()
    assert done.answers == {}


@pytest.mark.parametrize(
    ("code", "plan", "options"),
    [
        ("seed-guessable", {"seed": LEAST_SECRET_SEED - 1}, {}),
        ("truth-absent", {}, {"use_cases": ["unplanned-admission"]}),
        ("use-case-unknown", {}, {"use_cases": ["fals"]}),
        ("hold-out-small", {}, {"share": 0.0}),
        ("hold-out-small", {}, {"share": 1e-12}),
        ("data-set-format-unread", {"format": "omop"}, {}),
        ("data-set-format-unknown", {}, {"format": "xlsx"}),
    ],
)
def test_what_cannot_be_packed_is_refused(tmp_path, monkeypatch, code, plan, options):
    quickly(monkeypatch)
    with pytest.raises((Invalid, Refusal), match=code):
        packed(edited(data_set(tmp_path / "data"), **plan), **options)
    assert not (tmp_path / "out").exists()


def test_no_pack_without_a_report_and_none_over_another(tmp_path, monkeypatch):
    quickly(monkeypatch)
    home = data_set(tmp_path / "data", report=False)
    with pytest.raises(Refusal, match="report-absent"):
        packed(home)
    reported(home)
    other = reported(data_set(tmp_path / "other", seed=SEED + 1))
    shutil.copy(home / "report.json", other)
    with pytest.raises(Refusal, match="report-absent") as caught:
        packed(other)
    assert caught.value.faults == ("report.json: is not of this data set",)
    reported(other)
    shutil.copy(home / "report.html", other)
    with pytest.raises(Refusal, match="report-absent") as caught:
        packed(other)
    assert caught.value.faults == ("report.html: is not of this data set",)
    packed(home)
    with pytest.raises(Refusal, match="data-set-exists"):
        packed(home)


def test_a_data_set_that_was_changed_is_not_packed(tmp_path, monkeypatch):
    quickly(monkeypatch)
    home = data_set(tmp_path / "data", format="csv")
    path = home / "people/synthetic-people-001.csv"
    path.write_text(path.read_text().replace('"1"', '"2"'))
    with pytest.raises(Tampered, match="data-set-tampered"):
        packed(home)


def test_an_interrupted_run_leaves_nothing_that_looks_whole_and_the_next_begins_anew(tmp_path, monkeypatch):
    home = data_set(tmp_path / "data")

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "execute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        packed(home)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out.unfinished/TEAMS/data/left-over.csv").touch()
    quickly(monkeypatch)
    out, _ = packed(home)
    assert not (tmp_path / "out.unfinished").exists()
    assert "data/left-over.csv" not in bytes_of(out / "TEAMS")


def test_a_folder_of_somebody_elses_is_not_taken_away(tmp_path, monkeypatch):
    quickly(monkeypatch)
    (tmp_path / "out.unfinished").mkdir()
    (tmp_path / "out.unfinished/thesis.txt").touch()
    with pytest.raises(Refusal, match="data-set-exists"):
        packed(data_set(tmp_path / "data"))


def test_a_full_disk_makes_no_pack(tmp_path, monkeypatch):
    quickly(monkeypatch)
    home = data_set(tmp_path / "data")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(Unreachable, match="data-set-no-room"):
            packed(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not (tmp_path / "out").exists()


def test_every_question_says_what_to_do_and_what_to_beware_of():
    for each in questions().values():
        assert each.question.endswith("?")
        assert each.start
        assert each.beware
