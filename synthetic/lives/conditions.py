"""Who has which long-term condition, since when, and how soon the others follow: one acyclic logistic model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthetic.lives.figures import LAST_YEAR, Condition, Figures
from synthetic.lives.traits import A_YEAR, NEVER, Traits, terms


def conditions(traits: Traits, figures: Figures, rng: np.random.Generator, day: int) -> NDArray[np.int32]:
    """Return the day of onset of each condition that somebody has at the start of ``day``: (n, conditions), or NEVER.

    Each is drawn given age, sex, ethnicity, place, deprivation and the conditions before it in the table, so that the
    order of the table is the order of causes. The age at onset then follows the condition's curve, cut at today's age.
    """
    n, age = len(traits.born), traits.age(day)
    onset = np.full((n, len(figures.conditions)), NEVER, np.int32)
    matrix = terms(traits, figures, onset, np.zeros((n, len(LAST_YEAR)), np.float32), day)
    levels = traits.levels(figures, slice(0, len(figures.conditions)), day)
    for place, each in enumerate(figures.conditions):
        chance = _logistic(levels[:, place] + matrix @ figures.effects[:, place])
        held = (rng.random(n, np.float32) < chance) & _can_have(each, age)
        matrix[:, figures.condition_terms.start + place] = held
        onset[held, place] = _onset(each, traits.born[held], age[held], rng, day)
    return onset


def incidence(
    traits: Traits, figures: Figures, matrix: NDArray[np.float32], onset: NDArray[np.int32], day: int
) -> NDArray[np.float64]:
    """Return the rate a year at which those who do not have a condition at ``day`` get it: (n, conditions).

    It is the rate that keeps the prevalence where it is as people grow a year older along the curve of onset.
    """
    count, age = len(figures.conditions), traits.age(day)
    odds = np.exp(traits.levels(figures, slice(0, count), day) + matrix @ figures.effects[:, :count])
    rates = np.empty(onset.shape)
    for place, each in enumerate(figures.conditions):
        grown = _begun(each, age + 1) - _begun(each, age)
        new = np.divide(grown, _begun(each, age + 1), out=np.zeros(len(age)), where=grown > 0)
        rates[:, place] = odds[:, place] * new * (_can_have(each, age) & (onset[:, place] == NEVER))
    return rates


def _can_have(each: Condition, age: NDArray[np.float32]) -> NDArray[np.bool_]:
    possible: NDArray[np.bool_] = (age >= each.least_age) & (age < each.most_age + 1)
    return possible


def _begun(each: Condition, age: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how much of the curve of onset lies between the least age and ``age``."""
    return np.maximum(_curve(each, age) - _curve(each, np.array(each.least_age, np.float64)), 0.0)


def _onset(
    each: Condition, born: NDArray[np.int32], age: NDArray[np.float32], rng: np.random.Generator, day: int
) -> NDArray[np.int32]:
    place = _curve(each, np.array(each.least_age, np.float64)) + rng.random(len(age)) * _begun(each, age)
    began = each.onset_age + each.onset_spread * np.log(place / (1 - place))
    onset = np.clip(born + began * A_YEAR, born, day - 1).astype(np.int32)
    onset[onset == NEVER] -= 1
    return onset


def _curve(each: Condition, age: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the part of those who ever have it that has it by an age, if nothing cut the curve."""
    return _logistic((age - each.onset_age) / each.onset_spread)


def _logistic(log_odds: NDArray[np.floating]) -> NDArray[np.floating]:
    chance: NDArray[np.floating] = 1 / (1 + np.exp(-log_odds))
    return chance


__all__ = ["conditions", "incidence"]
