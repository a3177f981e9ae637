"""What teams hand in is read strictly, scored against answers that nobody changed, and put on the board whole."""

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from privacy.errors import Invalid, Tampered, Unreachable
from synthetic.judged.scoring import expected_auc
from synthetic.pack import leaderboard
from synthetic.pack.answers import KEY, Answered, Answers, Key, read_answers, write_answers
from synthetic.pack.leaderboard import HEAD, Entry, add, ranked
from synthetic.pack.marking import mark
from synthetic.pack.submission import read_submission

NOW = datetime(2026, 5, 1, 10, 30, tzinfo=UTC)
PEOPLE = 400


@pytest.fixture
def organisers(tmp_path):
    rng = np.random.default_rng(0)
    home = tmp_path / "ORGANISERS"
    home.mkdir()
    probability = rng.beta(1, 5, PEOPLE).round(6)
    numbers = np.sort(9990000000 + rng.choice(10**6, PEOPLE, replace=False))
    groups = {"sex": np.where(rng.random(PEOPLE) < 0.5, "female", "male")}
    answers = Answers(numbers, rng.random(PEOPLE) < probability, probability, groups)
    answered = write_answers(home, "falls", answers)
    (home / KEY).write_bytes(Key("a-pack", "0" * 64, "generate", 2**60, 0.2, {"falls": answered}).encode())
    return home, answers


def handed_in(path, numbers, predicted, head="nhs_number,probability"):
    lines = [f"{number},{value}" for number, value in zip(numbers, predicted, strict=True)]
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def marked(home, predictions, **more):
    options = {"use_case": None, "team": None, "leaderboard": None, "now": NOW}
    return mark(predictions=predictions, organisers=home, **{**options, **more})


def test_the_truth_reaches_what_can_be_reached_in_any_order_of_lines(organisers, tmp_path):
    home, answers = organisers
    order = np.random.default_rng(1).permutation(PEOPLE)
    path = handed_in(tmp_path / "p.csv", answers.numbers[order], answers.probability[order])
    found = marked(home, path).score
    assert found.auc_expected == found.auc_attainable == expected_auc(answers.probability, answers.probability)
    assert found.distance == 0
    shuffled = handed_in(tmp_path / "q.csv", answers.numbers[order], answers.probability)
    worse = marked(home, shuffled).score
    assert abs(worse.auc_expected - 0.5) < 0.1  # told to the wrong people: 3 standard errors at 400 people
    assert worse.distance > 0.1


def test_answers_are_read_back_as_they_were(organisers):
    home, answers = organisers
    again = Answers.decode((home / "answers-falls.csv").read_bytes())
    for name in ("numbers", "happened", "probability"):
        assert np.array_equal(getattr(again, name), getattr(answers, name))
    assert np.array_equal(again.groups["sex"], answers.groups["sex"])


def test_answers_that_were_changed_score_nobody(organisers, tmp_path):
    home, answers = organisers
    path = handed_in(tmp_path / "p.csv", answers.numbers, answers.probability)
    file = home / "answers-falls.csv"
    file.write_text(file.read_text().replace(",1,", ",0,", 1))
    with pytest.raises(Tampered, match="answers-tampered"):
        marked(home, path)
    file.unlink()
    with pytest.raises(Unreachable, match="key-absent"):
        read_answers(home, Answered("answers-falls.csv", "0" * 64, 1, 1))
    (home / KEY).write_text('{"key": 1, "answers": []}')
    with pytest.raises(Tampered, match="answers-tampered"):
        marked(home, path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "1 of 400 people to foretell are missing"),
        (lambda lines: [*lines, lines[-1]], "line 402: this person is there already"),
        (lambda lines: [*lines, "9990000018,0.1"], "line 402: nobody asks about this person"),
        (
            lambda lines: [*lines[:-1], lines[-1].split(",")[0] + ",1.5"],
            "line 401: probability is a number from 0 to 1",
        ),
        (
            lambda lines: [*lines[:-1], lines[-1].split(",")[0] + ",nan"],
            "line 401: probability is a number from 0 to 1",
        ),
        (
            lambda lines: [*lines[:-1], lines[-1].split(",")[0] + ",high"],
            "line 401: probability is a number from 0 to 1",
        ),
        (lambda lines: [*lines[:-1], lines[-1].split(",")[0]], "line 401: probability is a number from 0 to 1"),
        (lambda lines: [*lines[:-1], "not known,0.1"], "line 401: nhs_number is ten digits"),
        (lambda lines: lines[1:], "line 1: has the columns nhs_number and probability, and lines follow"),
        (lambda lines: lines[:1], "line 1: has the columns nhs_number and probability, and lines follow"),
    ],
    ids=[
        "one-less",
        "twice",
        "a-stranger",
        "above-1",
        "nan",
        "a-word",
        "no-cell",
        "no-number",
        "no-head",
        "head-alone",
    ],
)
def test_predictions_that_cannot_be_scored_are_told_by_line(organisers, tmp_path, change, said):
    home, answers = organisers
    path = handed_in(tmp_path / "p.csv", answers.numbers, answers.probability)
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(Invalid, match="submission-malformed") as caught:
        marked(home, path)
    assert said in caught.value.faults


def test_a_picture_is_no_answer_and_an_answer_of_a_spreadsheet_is(organisers, tmp_path):
    home, answers = organisers
    picture = tmp_path / "p.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff")
    with pytest.raises(Invalid, match="submission-malformed"):
        marked(home, picture)
    with pytest.raises(Unreachable, match="file-unreadable"):
        marked(home, tmp_path / "gone.csv")
    head = "probability,nhs_number,note"
    lines = [f"{p},{n},because" for n, p in zip(answers.numbers, answers.probability, strict=True)]
    saved = tmp_path / "excel.csv"
    saved.write_bytes(("\ufeff" + "\r\n".join([head, *lines]) + "\r\n").encode())
    assert np.array_equal(read_submission(saved, answers.numbers).predicted, answers.probability)


def test_the_board_ranks_each_teams_best_and_counts_its_tries(organisers, tmp_path):
    home, answers = organisers
    board, rng = tmp_path / "board.csv", np.random.default_rng(2)
    for team, noise in (("Blue Tits", 1.0), ("O'Brien & co".replace("&", "and"), 0.1), ("Blue Tits", 0.5)):
        guess = np.clip(answers.probability + rng.normal(0, noise, PEOPLE), 0, 1)
        path = handed_in(tmp_path / "p.csv", answers.numbers, guess)
        found = marked(home, path, team=team, leaderboard=board)
    assert [(entry.team, tries) for entry, tries in found.standing] == [("O'Brien and co", 1), ("Blue Tits", 2)]
    lines = board.read_text().splitlines()
    assert lines[0].split(",") == list(HEAD)
    assert len(lines) == 4
    assert NOW.isoformat(timespec="seconds") in lines[1]


@pytest.mark.parametrize("team", ["=HYPERLINK(1)", "", "a,b", "x" * 41, "two\nlines", "@sum", "-", "tail "])
def test_a_team_is_never_a_formula(organisers, tmp_path, team):
    home, answers = organisers
    path = handed_in(tmp_path / "p.csv", answers.numbers, answers.probability)
    with pytest.raises(Invalid, match="team-malformed"):
        marked(home, path, team=team, leaderboard=tmp_path / "board.csv")
    assert not (tmp_path / "board.csv").exists()


def test_the_use_case_is_named_where_there_are_several(organisers, tmp_path):
    home, answers = organisers
    path = handed_in(tmp_path / "p.csv", answers.numbers, answers.probability)
    with pytest.raises(Invalid, match="use-case-open") as caught:
        marked(home, path, use_case="fals")
    assert caught.value.faults == ("falls",)


def an_entry(team, number):
    return Entry(team, "falls", NOW.isoformat(), "1", "1", "", f"{number:.4f}", "", "", "", "0" * 64)


def _add_many(path, team):
    for number in range(40):
        add(Path(path), an_entry(team, number / 100))


def test_lines_added_at_once_are_all_there_and_whole(tmp_path):
    board = tmp_path / "board.csv"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add_many, args=(str(board), f"team {i}")) for i in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    entries = add(board, an_entry("last", 0))
    assert len(entries) == 121
    assert {tries for entry, tries in ranked(entries, "falls") if entry.team != "last"} == {40}


def test_an_answer_without_end_or_far_larger_than_its_list_is_not_read(organisers, tmp_path):
    """A gigabyte of short lines would fill the organisers' memory; a link to a device never ends."""
    home, _ = organisers
    endless, large = tmp_path / "p.csv", tmp_path / "large.csv"
    endless.symlink_to("/dev/zero")
    with large.open("wb") as file:
        file.truncate(1 << 24)
    for path, said in ((endless, "is no file"), (large, "is larger than 419,840 bytes")):
        with pytest.raises(Invalid, match="submission-malformed") as caught:
            marked(home, path)
        assert caught.value.faults == (said,)


@pytest.mark.parametrize("worth", ["nan", "inf", "1e9", "best", "=1+1"])
def test_a_line_of_no_score_is_no_line_of_a_board(tmp_path, worth):
    """Not a number would stand first whatever the others have; a word would end every later scoring."""
    board = tmp_path / "board.csv"
    add(board, an_entry("one", 0.5))
    board.write_text(board.read_text().replace("0.5000", worth))
    with pytest.raises(Tampered, match="leaderboard-malformed"):
        add(board, an_entry("two", 0.6))


def test_half_a_line_that_a_power_cut_left_is_taken_away(tmp_path):
    board = tmp_path / "board.csv"
    add(board, an_entry("one", 0.5))
    with board.open("a") as file:
        file.write("two,falls,2026-")
    assert [entry.team for entry in add(board, an_entry("three", 0.4))] == ["one", "three"]
    assert len(board.read_text().splitlines()) == 3


@pytest.mark.parametrize("content", [b"team,score\nx,1\n", b"\xff\xfe\n", b"a,b\n", b"".join([b"x"] * 50) + b"\n"])
def test_a_file_that_is_no_board_is_left_alone(tmp_path, content):
    board = tmp_path / "board.csv"
    board.write_bytes(content)
    with pytest.raises(Tampered, match="leaderboard-malformed"):
        add(board, an_entry("one", 0.5))
    assert board.read_bytes() == content
    with pytest.raises(Unreachable, match="file-unwritable"):
        leaderboard.add(tmp_path / "gone/board.csv", an_entry("one", 0.5))
