"""An additive classifier of made-up rows, in whole points for each key: what a study can try on people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from privacy.arrays import Flags, Floats, Integers
from privacy.auc import discrimination
from privacy.errors import Invalid
from privacy.toml_file import toml_lines
from privacy.variables import Variable
from synthetic.computations.discrimination import KIND, Card, outcome
from synthetic.fitted.descent import least
from synthetic.judged.keyed import Keyed

POINTS = 100  # hundredths of log odds: finer than any noise
BANDS = 10  # of scores: more would each add noise, and ten lose little
RIDGE = 1.0  # precision of each key's log odds: a key of which the data have few rows says little
STEPS = 200


def trained(rows: Keyed, predicted: str, event: Sequence[str], *, trained_on: str) -> Card:
    """Return logistic regression on every key of the other columns, rounded to points, lowest 0, and cut into bands.

    Bands have alike shares of both kinds of rows together. Rows whose outcome is missing are left out.
    ``report-outcome`` when the outcome is no column, its keys are none of it, or the rows are all of one kind.
    """
    keys = {attribute.name: attribute.keys for attribute in rows.attributes}
    if predicted not in keys or len(keys) < 2:
        raise Invalid("report-outcome", "no such variable", faults=keys)
    if not event or not set(event) <= set(keys[predicted][:-1]):
        raise Invalid("report-outcome", f"{predicted} has other keys", faults=keys[predicted][:-1])
    found = by_column(rows)
    has, known = outcome(keys[predicted], event, found[predicted])
    weights = rows.weights * known
    if min(weights[has].sum(), weights[~has].sum()) <= 0:
        raise Invalid("report-outcome", "all rows are of one kind")
    others = [name for name in keys if name != predicted]
    log_odds = _logistic([found[name] for name in others], [len(keys[name]) for name in others], has, weights)
    points = {name: _whole(each) for name, each in zip(others, log_odds, strict=True)}
    score = sum((points[name][found[name]] for name in others), np.zeros(len(rows), np.int64))
    balanced = weights * np.where(has, 1 / weights[has].sum(), 1 / weights[~has].sum())
    told = {name: tuple(each.tolist()) for name, each in points.items()}
    return Card(keys, predicted, tuple(event), told, _cuts(score, balanced), trained_on)


def auc_of(card: Card, rows: Keyed) -> float | None:
    """Return the AUC of a scorecard on rows, by its bands of scores."""
    without, having = card.histogram(by_column(rows), rows.weights)
    return discrimination(without, having, 0.0)["auc"]


def by_column(rows: Keyed) -> dict[str, Integers]:
    """Return the places of the rows' keys, by column."""
    return {each.name: rows.places[:, j].astype(np.int64) for j, each in enumerate(rows.attributes)}


def as_toml(card: Card, variables: Sequence[Variable]) -> str:
    """Return what a study needs to try a scorecard on people held back: its variables and one step."""
    return "\n".join(_lines(card, variables))


def _lines(card: Card, variables: Sequence[Variable]) -> Iterator[str]:
    yield "# For a study of the data set that the made-up people were fitted to: what it tries is a scorecard that was"
    yield "# trained on them. Leave out variables that the study has.\n"
    for variable in variables:
        yield f"[[variables]]\n{toml_lines(variable.document())}"
    yield f"[[steps]]\n{toml_lines({'name': KIND, 'use': KIND, 'people': 'held-back'})}"
    step = {"by": list(card.keys), "predicted": card.predicted, "event": list(card.event), "cuts": list(card.cuts)}
    yield f"[steps.parameters]\n{toml_lines(step | {'trained_on': card.trained_on})}"
    yield f"[steps.parameters.points]\n{toml_lines({name: list(each) for name, each in card.points.items()})}"


def _logistic(columns: Sequence[Integers], sizes: Sequence[int], has: Flags, weights: Floats) -> list[Floats]:
    """Return log odds for each key of each column, by penalised maximum likelihood; the constant is left out."""
    ends = np.cumsum([1, *sizes])
    places = [column + start for column, start in zip(columns, ends[:-1], strict=True)]

    def loss(x: Floats) -> tuple[float, Floats]:
        z = x[0] + sum((x[each] for each in places), np.zeros(len(has)))
        misfit = weights @ (np.logaddexp(0.0, z) - has * z)
        pull = weights * (1 / (1 + np.exp(-z)) - has)
        gradient = sum((np.bincount(each, pull, len(x)) for each in places), np.zeros(len(x)))
        gradient[0] = pull.sum()
        penalty = RIDGE * np.append(0.0, x[1:])
        return float(misfit + penalty @ x / 2), gradient + penalty

    x = least(loss, np.zeros(int(ends[-1])), steps=STEPS)
    return np.split(x[1:], ends[1:-1] - 1)


def _whole(log_odds: Floats) -> Integers:
    return np.asarray(np.rint(POINTS * (log_odds - log_odds.min())), np.int64)


def _cuts(score: Integers, weights: Floats) -> tuple[int, ...]:
    """Return scores that begin bands of about equal weight; rows of one score are in one band."""
    order = np.argsort(score, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    at = score[order][np.searchsorted(share, np.arange(1, BANDS) / BANDS).clip(max=len(score) - 1)]
    cuts = np.unique(at[at > score.min()])
    return tuple(cuts.tolist()) or (int(score.max()) + 1,)


__all__ = ["BANDS", "POINTS", "RIDGE", "STEPS", "as_toml", "auc_of", "by_column", "trained"]
