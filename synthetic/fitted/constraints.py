"""What a contract asks of every row, of keys before a row is drawn and of its values after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from privacy.arrays import Flags, Floats
from privacy.checks import Check, Comparison, Implication, columns_of, compares_birth
from privacy.errors import Invalid
from synthetic.fitted.graphical import Allowed
from synthetic.fitted.measured import Clique, Measured
from synthetic.fitted.values import Field

MOST_EXCLUDED = 0.5  # of what was counted of some columns, or of rows: beyond it checks exclude each other


def allowed_by(checks: Sequence[Check], fields: Sequence[Field | None]) -> Iterator[Allowed]:
    """Give which keys can be, alone and together: those of which no values could satisfy the checks cannot.

    ``fields`` go by the model's columns; None is a column that is not written. A check of a column that was not counted
    says nothing here.
    """
    by_name = {field.name: place for place, field in enumerate(fields) if field}
    for place, field in enumerate(fields):
        if field and not field.possible.all():
            yield Allowed((place,), field.possible)
    for check in checks_of(checks, by_name):
        names = columns_of(check)[:2]
        one, other = (by_name[name] for name in names)
        fit = _pairs(check, fields[one], fields[other])
        if fit is not None:
            yield Allowed((one, other), fit) if one < other else Allowed((other, one), fit.T)


def require_possible(measured: Measured, allowed: Sequence[Allowed]) -> None:
    """Return if most of what was counted is allowed; otherwise ``fit-contradiction`` names the columns.

    People keep to the checks of their contract: what was counted and is not allowed is noise, if the contract is sound.
    """
    can_be: dict[Clique, Flags] = {}
    for each in allowed:
        can_be[each.clique] = can_be.get(each.clique, np.ones_like(each.cells)) & each.cells
    for clique, counts in zip(measured.cliques, measured.counts, strict=True):
        if clique in can_be and counts[~can_be[clique]].sum() > MOST_EXCLUDED * counts.sum():
            raise Invalid("fit-contradiction", " and ".join(list(measured.columns)[i] for i in clique))


def checks_of(checks: Sequence[Check], names: Mapping[str, object]) -> list[Comparison | Implication]:
    """Return the checks of a row whose columns are all there."""
    return [
        check
        for check in checks
        if isinstance(check, Comparison | Implication)
        and not compares_birth(check)
        and set(columns_of(check)) <= set(names)
    ]


def made_equal(checks: Sequence[Check], fields: Mapping[str, Field], values: dict[str, Floats]) -> None:
    """Give columns that are to be equal one value, where both have one."""
    for check in checks_of(checks, fields):
        if isinstance(check, Comparison) and check.relation == "equal" and not fields[check.column].coded:
            mine, theirs = values[check.column], values[check.other]
            values[check.column] = np.where(np.isnan(mine) | np.isnan(theirs), mine, theirs)


def broken(checks: Sequence[Check], fields: Mapping[str, Field], values: Mapping[str, Floats]) -> Flags:
    """Say of each row whether it breaks a check."""
    found = np.zeros(len(next(iter(values.values()))), np.bool_)
    for check in checks_of(checks, fields):
        if isinstance(check, Comparison):
            found |= ~_holds(check, fields, values)
        else:
            when = np.isin(fields[check.when].texts(values[check.when]), check.codes)
            there = ~np.isnan(values[check.column])
            found |= when & (there != (check.then == "present"))
    return found


def _holds(check: Comparison, fields: Mapping[str, Field], values: Mapping[str, Floats]) -> Flags:
    mine, theirs = values[check.column], values[check.other]
    nothing = np.isnan(mine) | np.isnan(theirs)
    if fields[check.column].coded:
        same = fields[check.column].texts(mine) == fields[check.other].texts(theirs)
        return np.asarray(nothing | (same == (check.relation == "equal")))
    with np.errstate(invalid="ignore"):
        relations = {"at-least": mine >= theirs, "above": mine > theirs, "equal": mine == theirs}
        return np.asarray(nothing | relations.get(check.relation, mine != theirs))


def _pairs(check: Comparison | Implication, one: Field | None, other: Field | None) -> Flags | None:
    """Return which keys of two columns can go together; None where their values alone can say."""
    if one is None or other is None:
        return None
    missing = np.add.outer(np.array(one.missing), np.array(other.missing))
    if isinstance(check, Implication):
        always = [bool(each) and set(each) <= set(check.codes) for each in one.choices]
        never = np.array(always, np.bool_) & ~np.array(one.missing, np.bool_)
        fit = np.array(other.missing, np.bool_) == (check.then == "missing")
        return np.asarray(~never[:, None] | fit[None, :], np.bool_)
    if one.coded or other.coded or check.relation == "different":
        return None
    least, most = np.array(one.low)[:, None], np.array(one.high)[:, None]
    low, high = np.array(other.low)[None, :], np.array(other.high)[None, :]
    relations = {"at-least": most >= low, "above": most > low}
    return np.asarray(missing | relations.get(check.relation, (most >= low) & (high >= least)))


__all__ = ["MOST_EXCLUDED", "allowed_by", "broken", "checks_of", "made_equal", "require_possible"]
