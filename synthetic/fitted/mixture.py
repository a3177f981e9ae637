"""Quietens noisy margins: a mixture of a few kinds of people, in each of which columns are independent, fitted to all.

Pairs of columns measured one by one know nothing of each other. But they are margins of one table, and such a table is
close to a mixture of few kinds (a latent class model, Lazarsfeld 1950): fitting one to all noisy pairs at once lets
each pair borrow from the others. Nothing here is looked at but noisy figures and the size of their noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from privacy.arrays import Floats
from synthetic.draws import draws
from synthetic.fitted.descent import least
from synthetic.fitted.measured import Clique, Measured

# Chosen on other tables than those of the benchmark: docs/fitted.md, section 5.
KINDS, MIXTURES, STEPS = 10, 5, 200
PRIOR, SMOOTH, PRIOR_BASE = 0.3, 2.0, 0.01  # precision of log odds, of their change to the next band, of all kinds'
START = 0.5  # standard deviation of the log odds to begin with
LEAST_OF_NOISE = 0.3  # of a figure's deviation: no key is rarer to begin with


@dataclass(frozen=True)
class Mixture:
    """Shares of kinds of people, and each kind's probabilities of every key, columns side by side."""

    shape: tuple[int, ...]
    shares: Floats
    keys: Floats

    @cached_property
    def _pairs(self) -> Floats:
        return np.asarray(self.keys.T @ (self.shares[:, None] * self.keys), np.float64)

    def margin(self, clique: Clique) -> Floats:
        """Return the probabilities of one column's keys, or of two columns'."""
        of = segments(self.shape)
        if len(clique) == 1:
            return np.asarray(self.shares @ self.keys[:, of[clique[0]]], np.float64)
        return self._pairs[of[clique[0]], of[clique[1]]]


def segments(shape: Sequence[int]) -> list[slice]:
    """Return where each column's keys are when all lie side by side."""
    ends = np.cumsum(shape).tolist()
    return [slice(end - keys, end) for end, keys in zip(ends, shape, strict=True)]


def people_in(measured: Measured) -> float:
    """Return how many people there are, as all margins of one column say; at least one."""
    told = zip(measured.cliques, measured.counts, strict=True)
    return max(float(np.mean([counts.sum() for clique, counts in told if len(clique) == 1])), 1.0)


def mixture(measured: Measured) -> Mixture:
    """Return mixtures fitted to margins of one and two columns from several starts, as one: their average is steadier.

    Penalised least squares: squared misfits over the noise's variance, and kinds that differ little, and smoothly from
    band to band. The same margins give the same mixture: where each start lies is fixed.
    """
    found = [_fitted(measured, draws(0, "mixture", number)) for number in range(MIXTURES)]
    shares = np.concatenate([each.shares for each in found]) / len(found)
    return Mixture(measured.shape, shares, np.concatenate([each.keys for each in found]))


@dataclass(frozen=True)
class _Problem:
    """What is to be fitted, all columns side by side: shares of people in each pair of keys, and how sure each is.

    Of a pair only what its columns leave open has the noise that is told: ``centre`` takes away the rest of a misfit.
    """

    of: list[slice]
    base: Floats
    single: Floats
    single_sure: Floats
    pairs: Floats
    pairs_sure: Floats
    stiffness: Floats
    centre: Floats

    @classmethod
    def from_measured(cls, measured: Measured) -> _Problem:
        people, of = people_in(measured), segments(measured.shape)
        width = sum(measured.shape)
        problem = cls(of, *(np.zeros(width) for _ in range(3)), *(np.zeros((width, width)) for _ in range(4)))
        for clique, counts, sd in zip(measured.cliques, measured.counts, measured.interaction_sd, strict=True):
            if len(clique) == 1:
                here = of[clique[0]]
                likely = np.maximum(counts, LEAST_OF_NOISE * sd)
                problem.base[here] = np.log(likely / likely.sum())
                problem.single[here], problem.single_sure[here] = counts / people, (people / sd) ** 2
            elif len(clique) == 2:
                there = of[clique[0]], of[clique[1]]
                problem.pairs[there], problem.pairs_sure[there] = counts / people, (people / sd) ** 2
        for here, ordered, keys in zip(of, measured.ordered, measured.shape, strict=True):
            problem.stiffness[here, here] = np.eye(keys) + SMOOTH * _roughness(keys, ordered)
            problem.centre[here, here] = np.eye(keys) - 1 / keys
        return problem

    def kinds(self, x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the log shares, how kinds differ, what all have in common, and each kind's probabilities."""
        width = len(self.base)
        log_shares, common = x[:KINDS], x[-width:]
        differ = x[KINDS:-width].reshape(KINDS, width)
        keys = self.base + common + differ
        for here in self.of:
            odds = np.exp(keys[:, here] - keys[:, here].max(axis=1, keepdims=True))
            keys[:, here] = odds / odds.sum(axis=1, keepdims=True)
        return log_shares, differ, common, keys

    def loss(self, x: Floats) -> tuple[float, Floats]:
        """Return half the penalised squared misfit, and its gradient."""
        log_shares, differ, common, keys = self.kinds(x)
        shares = _shares(log_shares)
        off = self.centre @ (keys.T @ (shares[:, None] * keys) - self.pairs) @ self.centre
        single_off = shares @ keys - self.single
        pull, single_pull = self.pairs_sure * off, self.single_sure * single_off
        misfit = float((pull * off).sum() + single_pull @ single_off)
        by_key = keys @ (pull + pull.T)
        by_share = 0.5 * (by_key * keys).sum(axis=1) + keys @ single_pull
        by_key = shares[:, None] * (by_key + single_pull)
        for here in self.of:
            own = keys[:, here]
            by_key[:, here] = own * (by_key[:, here] - (by_key[:, here] * own).sum(axis=1, keepdims=True))
        stiff = PRIOR * (differ @ self.stiffness)
        penalty = (differ * stiff).sum() + log_shares @ log_shares + PRIOR_BASE * (common @ common)
        gradient = [shares * (by_share - shares @ by_share) + log_shares, (by_key + stiff).ravel()]
        gradient.append(by_key.sum(axis=0) + PRIOR_BASE * common)
        return 0.5 * (misfit + float(penalty)), np.concatenate(gradient)


def _fitted(measured: Measured, rng: np.random.Generator) -> Mixture:
    problem = _Problem.from_measured(measured)
    width = sum(measured.shape)
    start = np.concatenate([np.zeros(KINDS), rng.normal(0, START, KINDS * width), np.zeros(width)])
    log_shares, _, _, keys = problem.kinds(least(problem.loss, start, steps=STEPS))
    return Mixture(measured.shape, _shares(log_shares), keys)


def _shares(log_shares: Floats) -> Floats:
    shares = np.exp(log_shares - log_shares.max())
    return np.asarray(shares / shares.sum(), np.float64)


def _roughness(keys: int, ordered: int) -> Floats:
    """Return the quadratic form that sums squared differences between the first ``ordered`` keys, one and the next."""
    steps = np.diff(np.eye(keys)[:ordered], axis=0)
    return np.asarray(steps.T @ steps, np.float64)


__all__ = [
    "KINDS", "LEAST_OF_NOISE", "MIXTURES", "PRIOR", "PRIOR_BASE", "SMOOTH", "START", "STEPS",
    "Mixture", "mixture", "people_in", "segments",
]  # fmt: skip
