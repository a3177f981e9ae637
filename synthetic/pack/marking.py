"""Scores what a team handed in against the organisers' answers, and puts it on the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from privacy.errors import Invalid
from synthetic.judged.scoring import Score, score
from synthetic.pack.answers import Key, read_answers, read_key
from synthetic.pack.leaderboard import Entry, add, check_team, ranked
from synthetic.pack.submission import Submission, read_submission


@dataclass(frozen=True)
class Marked:
    """What an answer is worth, and how the teams stand: each one's best answer and how many it gave, best first."""

    pack: str
    use_case: str
    score: Score
    standing: Sequence[tuple[Entry, int]]


def mark(
    *,
    predictions: Path,
    organisers: Path,
    use_case: str | None,
    team: str | None,
    leaderboard: Path | None,
    now: datetime,
) -> Marked:
    """Score a file of predictions; with a team and a leaderboard, add a line and say how the teams stand.

    ``use-case-open`` when the key has answers to several use cases and none is named.
    """
    if team is not None:
        check_team(team)
    key = read_key(organisers)
    asked = _asked(key, use_case)
    answers = read_answers(organisers, key.answers[asked])
    submission = read_submission(predictions, answers.numbers)
    found = score(submission.predicted, answers.happened, answers.probability, answers.groups)
    standing: Sequence[tuple[Entry, int]] = ()
    if team is not None and leaderboard is not None:
        standing = ranked(add(leaderboard, _entry(team, asked, now, found, submission)), asked)
    return Marked(key.pack, asked, found, standing)


def _asked(key: Key, use_case: str | None) -> str:
    if use_case is None and len(key.answers) == 1:
        return next(iter(key.answers))
    if use_case is None or use_case not in key.answers:
        raise Invalid("use-case-open", use_case or "none named", faults=sorted(key.answers))
    return use_case


def _entry(team: str, use_case: str, now: datetime, found: Score, submission: Submission) -> Entry:
    return Entry(
        team=team,
        use_case=use_case,
        scored=now.isoformat(timespec="seconds"),
        people=str(found.people),
        outcomes=str(found.outcomes),
        auc=_digits(found.auc),
        auc_expected=_digits(found.auc_expected),
        distance=_digits(found.distance),
        brier=_digits(found.brier),
        slope=_digits(found.calibration.slope),
        predictions_sha256=submission.sha256,
    )


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


__all__ = ["Marked", "mark"]
