"""``score``: how good a team's predictions are, and how the teams stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privacy.terminal import figure, say, table
from synthetic.command.options import AsJson

if TYPE_CHECKING:
    from synthetic.pack.marking import Marked


def score(
    predictions: Annotated[Path, typer.Argument(metavar="PREDICTIONS", help="A CSV: nhs_number and probability.")],
    *,
    organisers: Annotated[
        Path, typer.Option("--organisers", metavar="DIRECTORY", help="The pack's ORGANISERS folder.")
    ],
    use_case: Annotated[
        str | None, typer.Option("--use-case", metavar="NAME", help="Where the pack asks several.")
    ] = None,
    team: Annotated[str | None, typer.Option("--team", metavar="NAME", help="Whose predictions these are.")] = None,
    leaderboard: Annotated[
        Path | None, typer.Option("--leaderboard", metavar="FILE", help="A CSV to add a line to; needs --team.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score predictions against the answers that the organisers hold: AUC, calibration, by group.

    \b
    Example:
      hedgerow-synthetic score my-predictions.csv --organisers ORGANISERS --team "Blue Tits" --leaderboard board.csv
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from synthetic.pack.marking import mark

    if (team is None) != (leaderboard is None):
        raise typer.BadParameter("give both --team and --leaderboard, or neither")
    marked = mark(
        predictions=predictions,
        organisers=organisers,
        use_case=use_case,
        team=team,
        leaderboard=leaderboard,
        now=datetime.now(UTC),
    )
    standing = [{**asdict(entry), "answers": count} for entry, count in marked.standing]
    data = {"pack": marked.pack, "use_case": marked.use_case, "score": marked.score.document(), "standing": standing}
    say(data, _told(marked), as_json=as_json)


def _told(marked: Marked) -> str:
    score, made = marked.score, marked.score.calibration
    parts = [
        f"{score.people:,} people, {score.outcomes:,} of whom had the outcome ({marked.use_case})",
        f"AUC                 {figure(score.auc)}",
        f"AUC without luck    {figure(score.auc_expected)}   nobody can have more than {figure(score.auc_attainable)}",
        f"Brier score         {figure(score.brier)}",
        f"Observed/expected   {figure(made.observed_over_expected)}   slope {figure(made.slope)}",
        "",
        table(
            ("GROUP", "", "PEOPLE", "HAD IT", "OBSERVED", "PREDICTED", "AUC"),
            [
                (g.of, g.group, g.people, g.outcomes, figure(g.outcomes / g.people), figure(g.predicted), figure(g.auc))
                for g in (*score.groups, *score.tenths)
            ],
        ),
    ]
    if marked.standing:
        rows = [
            (place, entry.team, entry.auc_expected, entry.auc, entry.slope, count)
            for place, (entry, count) in enumerate(marked.standing, start=1)
        ]
        parts += ["", table(("", "TEAM", "AUC WITHOUT LUCK", "AUC", "SLOPE", "ANSWERS"), rows)]
    return "\n".join(parts)


__all__ = ["score"]
