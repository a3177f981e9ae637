"""Integer noise from the operating system's generator: the discrete Gaussian, exact, with no floating point anywhere.

Canonne, Kamath and Steinke 2020, algorithms 1 to 3: every decision compares a uniform number, 64 bits at a time, with
a fraction of whole numbers, so the law drawn is the law accounted for. There is no seed to set.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privacy.arrays import Integers, Ring

Words = Callable[[int], Ring]
Whole = NDArray[Any]  # Python integers of any size, so that no product overflows
_WORD_BITS = 64
_HALF = np.uint64(1 << 63)


def system_words(count: int) -> Ring:
    """Return ``count`` uniform 64-bit words from the operating system."""
    return np.frombuffer(os.urandom(8 * count), np.uint64)


def discrete_gaussian(sigma_squared: int, count: int, words: Words = system_words) -> Integers:
    """Return ``count`` independent draws z with probability proportional to exp(-z^2 / (2 ``sigma_squared``)).

    ``words`` is for tests of the law; whatever leaves a node is drawn with the default.
    """
    scale = math.isqrt(sigma_squared) + 1
    drawn: list[Integers] = []
    missing = count
    while missing:
        candidate = _discrete_laplace(scale, 2 * missing + 16, words)
        gap: Whole = abs(np.abs(candidate).astype(object) * scale - sigma_squared)
        keep = _bernoulli_exp(gap**2, np.full(len(gap), 2 * sigma_squared * scale**2, object), words)
        drawn.append(candidate[keep][:missing])
        missing -= len(drawn[-1])
    return np.concatenate([*drawn, np.zeros(0, np.int64)])


def _discrete_laplace(scale: int, tries: int, words: Words) -> Integers:
    """Return what ``tries`` attempts yield of z with probability proportional to exp(-|z| / scale)."""
    fraction = _below(scale, tries, words)
    fraction = fraction[_bernoulli_exp(fraction.astype(object), np.full(len(fraction), scale, object), words)]
    size = fraction + scale * _geometric(len(fraction), words)
    negative = words(len(size)) >= _HALF
    twice: Integers = np.flatnonzero(negative & (size == 0))  # minus zero would count zero twice
    return np.delete(np.where(negative, -size, size), twice)


def _geometric(count: int, words: Words) -> Integers:
    """Return how often in a row a coin with probability 1/e of heads shows heads."""
    heads = np.zeros(count, np.int64)
    alive = np.arange(count)
    while len(alive):
        alive = alive[_bernoulli_exp_fraction(np.ones(len(alive), object), np.ones(len(alive), object), words)]
        heads[alive] += 1
    return heads


def _bernoulli_exp(numerator: Whole, denominator: Whole, words: Words) -> NDArray[np.bool_]:
    """Return True with probability exp(-numerator / denominator), for any fraction at or above zero."""
    whole = (numerator // denominator).astype(np.int64)
    result = _bernoulli_exp_fraction(numerator % denominator, denominator, words)
    while len(alive := np.flatnonzero(result & (whole > 0))):
        ones = np.ones(len(alive), object)
        result[alive] = _bernoulli_exp_fraction(ones, ones, words)
        whole[alive] -= 1
    return result


def _bernoulli_exp_fraction(numerator: Whole, denominator: Whole, words: Words) -> NDArray[np.bool_]:
    """Return True with probability exp(-numerator / denominator), for fractions from zero to one.

    von Neumann: the first k at which a coin of probability fraction / k fails is odd with just that probability.
    """
    odd = np.zeros(len(numerator), bool)
    alive = np.arange(len(numerator))
    k = 1
    while len(alive):
        heads = _bernoulli(numerator[alive], denominator[alive] * k, words)
        odd[alive[~heads]] = bool(k % 2)
        alive = alive[heads]
        k += 1
    return odd


def _bernoulli(numerator: Whole, denominator: Whole, words: Words) -> NDArray[np.bool_]:
    """Return True with probability numerator / denominator: is a uniform number's binary expansion below it?"""
    shifted = numerator * (1 << _WORD_BITS)
    threshold = shifted // denominator
    word = words(len(numerator)).astype(object)
    result: NDArray[np.bool_] = (word < threshold).astype(bool)
    tied = np.flatnonzero(word == threshold)
    if len(tied):  # the next 64 bits decide
        result[tied] = _bernoulli(shifted[tied] % denominator[tied], denominator[tied], words)
    return result


def _below(bound: int, count: int, words: Words) -> Integers:
    """Return ``count`` uniform whole numbers below ``bound``, without the bias of a remainder."""
    limit = (1 << _WORD_BITS) // bound * bound
    drawn = words(count)
    while len(again := np.flatnonzero(drawn > np.uint64(limit - 1))):
        drawn = drawn.copy()
        drawn[again] = words(len(again))
    return np.asarray(drawn % np.uint64(bound), np.int64)


__all__ = ["Whole", "Words", "discrete_gaussian", "system_words"]
