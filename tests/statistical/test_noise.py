"""The noise that is drawn has the law that is accounted for.

Words come from a fixed generator, so these tests give the same answer each time. Each states how often a right
sampler would fail it with fresh words (its false-alarm rate), and shows a wrong one that it catches.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from privacy.noise import _below, _bernoulli, _bernoulli_exp, discrete_gaussian, system_words
from privacy.private_sum import PrivateSum
from privacy.programme import Mechanism
from tests.builders import plan_of, small_study

FALSE_ALARM = 1e-6


def seeded(seed):
    generator = np.random.Generator(np.random.PCG64(seed))
    return lambda count: generator.integers(0, 2**64, count, dtype=np.uint64)


def probabilities(sigma_squared, reach):
    """Return the exact law on -reach … reach, to floating point."""
    weights = {z: math.exp(-z * z / (2 * sigma_squared)) for z in range(-reach, reach + 1)}
    total = sum(weights.values())
    return {z: w / total for z, w in weights.items()}


def p_value(drawn, sigma_squared):
    """Return the chi-square p-value of the draws against the exact law; rare values share a cell."""
    law = probabilities(sigma_squared, 12 * math.isqrt(sigma_squared) + 20)
    cells = {z: p for z, p in law.items() if p * len(drawn) >= 20}
    seen = np.array([np.count_nonzero(drawn == z) for z in cells])
    expected = np.array(list(cells.values())) * len(drawn)
    rest = len(drawn) - expected.sum()
    if rest >= 1:
        seen, expected = np.append(seen, len(drawn) - seen.sum()), np.append(expected, rest)
    return stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue


def rounded_normal(sigma_squared, count, scale=1.0, seed=5):
    sd = scale * math.sqrt(sigma_squared)
    return np.rint(np.random.default_rng(seed).normal(0, sd, count)).astype(np.int64)


@pytest.mark.parametrize("sigma_squared", [1, 2, 3, 9, 10, 50])
def test_small_noise_has_the_exact_law(sigma_squared):
    """False alarms: one in 10^6 for each."""
    drawn = discrete_gaussian(sigma_squared, 40_000, seeded(sigma_squared))
    assert p_value(drawn, sigma_squared) > FALSE_ALARM


@pytest.mark.parametrize("sigma_squared", [1, 9, 50])
def test_control_a_normal_that_is_rounded_with_ten_per_cent_less_is_caught(sigma_squared):
    assert p_value(rounded_normal(sigma_squared, 40_000, scale=0.9), sigma_squared) < FALSE_ALARM


def test_control_rounding_a_normal_of_the_right_size_is_caught_where_it_differs():
    """At one unit of standard deviation a rounded normal is 4 % too wide: near, and not the law accounted for."""
    assert p_value(rounded_normal(1, 40_000), 1) < FALSE_ALARM


@pytest.mark.parametrize("sigma_squared", [10_000, 3_508_360, 2**45 + 1, 2**53 - 1])
def test_large_noise_has_the_variance_and_the_tails_stated(sigma_squared):
    """Of n draws the variance is off by sqrt(2/n), kurtosis by sqrt(24/n); five of these: one false alarm in 10^6."""
    n = 20_000
    drawn = discrete_gaussian(sigma_squared, n, seeded(7)) / math.sqrt(sigma_squared)
    assert abs(drawn.mean()) < 5 / math.sqrt(n)
    assert abs(drawn.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs(stats.kurtosis(drawn)) < 5 * math.sqrt(24 / n)
    assert stats.kstest(drawn, "norm").pvalue > FALSE_ALARM


def test_control_ten_per_cent_less_noise_is_caught():
    n = 20_000
    drawn = rounded_normal(10_000, n, scale=0.9) / 100
    assert abs(drawn.var() - 1) > 5 * math.sqrt(2 / n)


def test_noise_from_the_operating_system_has_the_law_too():
    """Fresh words each time: one false alarm in 10^9."""
    assert p_value(discrete_gaussian(9, 20_000), 9) > 1e-9
    assert system_words(5).dtype == np.uint64


def test_draws_are_independent_of_each_other_and_of_how_many_are_asked():
    drawn = discrete_gaussian(100, 20_000, seeded(11)) / 10.0
    for lag in (1, 2, 7):
        assert abs(np.mean(drawn[lag:] * drawn[:-lag])) < 5 / math.sqrt(20_000)
    one_by_one = np.array([discrete_gaussian(9, 1, w)[0] for w in [seeded(13)] for _ in range(4000)])
    assert p_value(one_by_one, 9) > FALSE_ALARM


def test_none_is_no_noise():
    assert discrete_gaussian(9, 0).shape == (0,)


# The coin, exactly


def enumerated(numerator, denominator, bits, depth):
    """Return (heads, tails, undecided) over every string of ``depth`` words of ``bits`` bits."""
    from privacy import noise

    heads = tails = undecided = 0
    for words in itertools.product(range(2**bits), repeat=depth):
        left = iter(words)

        def feed(count, left=left):
            return np.array([next(left) for _ in range(count)], np.uint64)

        try:
            flipped = noise._bernoulli(np.array([numerator], object), np.array([denominator], object), feed)
        except (RuntimeError, StopIteration):
            undecided += 1
            continue
        heads, tails = heads + bool(flipped[0]), tails + (not flipped[0])
    return heads, tails, undecided


@pytest.mark.parametrize("denominator", [1, 2, 3, 5, 7, 8, 11, 16])
def test_the_coin_is_exact_also_when_words_tie(monkeypatch, denominator):
    """Words of two bits tie often: over all strings of four, heads never exceed the fraction, nor heads and undecided
    together fall below it, and what is undecided is at most one string in each."""
    monkeypatch.setattr("privacy.noise._WORD_BITS", 2)
    strings = 4**4
    for numerator in range(denominator + 1):
        heads, tails, undecided = enumerated(numerator, denominator, 2, 4)
        assert heads + tails + undecided == strings
        assert undecided <= 1
        assert Fraction(heads, strings) <= Fraction(numerator, denominator) <= Fraction(heads + undecided, strings)


def test_control_a_coin_that_calls_a_tie_tails_is_caught(monkeypatch):
    monkeypatch.setattr("privacy.noise._WORD_BITS", 2)

    def careless(numerator, denominator, words):
        return (words(len(numerator)).astype(object) < numerator * 4 // denominator).astype(bool)

    monkeypatch.setattr("privacy.noise._bernoulli", careless)
    heads, _, undecided = enumerated(1, 3, 2, 4)
    assert not Fraction(heads, 4**4) <= Fraction(1, 3) <= Fraction(heads + undecided, 4**4)


def test_a_tie_in_sixty_four_bits_is_decided_by_the_next_word():
    third = (2**64) // 3
    for second, heads in ((0, True), (third - 1, True), (third + 1, False)):
        words = iter([third, second])

        def feed(count, words=words):
            return np.array([next(words) for _ in range(count)], np.uint64)

        flipped = _bernoulli(np.array([1], object), np.array([3], object), feed)
        assert bool(flipped[0]) is heads


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 1), (1, 3), (5, 2), (7, 1), (10**30, 3 * 10**29)])
def test_coins_of_exponential_chance(numerator, denominator):
    """Of 20,000 throws within five standard deviations: one false alarm in 10^6."""
    n, p = 20_000, math.exp(-numerator / denominator)
    thrown = _bernoulli_exp(np.full(n, numerator, object), np.full(n, denominator, object), seeded(17))
    assert abs(thrown.mean() - p) <= 5 * math.sqrt(p * (1 - p) / n) + 1e-12


@pytest.mark.parametrize("bound", [1, 2, 3, 7, 2**20 + 1, 2**32])
def test_uniform_below_a_bound_is_uniform(bound):
    drawn = _below(bound, 20_000, seeded(19))
    assert drawn.min() >= 0
    assert drawn.max() < bound
    cells = np.minimum((drawn.astype(object) * 7 // bound).astype(int), 6)
    expected = np.bincount([min(i * 7 // bound, 6) for i in range(bound)], minlength=7) if bound < 1000 else np.ones(7)
    seen = np.bincount(cells, minlength=7)[expected > 0]
    wanted = expected[expected > 0] / expected.sum() * 20_000
    assert len(wanted) == 1 or stats.chisquare(seen, wanted).pvalue > FALSE_ALARM


def test_a_word_that_would_make_a_remainder_unfair_is_drawn_again():
    words = iter([[2**64 - 1, 5], [4]])
    drawn = _below(3, 2, lambda n: np.array(next(words), np.uint64)[:n])
    assert drawn.tolist() == [1, 2]


# Attacks on the sum


def test_what_can_be_released_does_not_depend_on_the_sum():
    """The attack on floating-point noise: some outputs arise from one true sum only (27 % of numpy's Laplace draws).
    Whole numbers have no such: the outputs seen over sum 0 and over sum 1 are the same whole numbers."""
    m = Mechanism(4000, 1.0, 4096, 9)
    seen = []
    for value in (0.0, 1.0):
        private = PrivateSum(m)
        private.add(np.full((1, 4000), value / 4096 * 1.0), people=1)
        released = private.noised(lambda s, n: discrete_gaussian(s, n, seeded(23))).view(np.int64)
        assert released.dtype == np.int64
        seen.append(set((released - int(value)).tolist()))
    assert seen[0] == seen[1] >= set(range(-6, 7))
    lows = [np.bincount(np.array(sorted(s)) & 1, minlength=2) > 0 for s in seen]
    assert (lows[0] & lows[1]).all()  # both low bits occur over either sum


def test_control_the_low_bit_tells_floating_point_sums_apart():
    rng = np.random.default_rng(29)
    noise = rng.normal(size=2000)
    tells = [np.mean((value + noise) % 2.0**-53 != 0) for value in (0.0, 1.0)]
    assert tells[0] > 0.1
    assert tells[1] == 0


def measured_over_claimed(noise=discrete_gaussian, people=300):
    """Return the noise that reaches the released bytes over what the plan claims, from coordinates nobody is in."""
    place = wide_place()
    private = PrivateSum(place.mechanism)
    rows = np.zeros((people, place.mechanism.width))
    rows[:, 0] = 1.0  # everybody is in the first cell; the others are canaries
    private.add(rows, people=len(rows))
    canaries = private.noised(noise).view(np.int64)[1:]
    return float(canaries.std()) * place.mechanism.unit / place.mechanism.noise_sd


def wide_place():
    steps = [*small_study().document()["steps"]]
    steps[1] = steps[1] | {"parameters": {"bins": 3000}}
    return plan_of(small_study(steps=steps)).of("evaluation", "scores-by-outcome")[0]


def test_canaries_measure_the_noise_that_the_plan_claims():
    """Of 5,999 canaries the ratio is off by 0.9 %: five per cent is over five times that, one false alarm in 10^7."""
    assert 0.95 < measured_over_claimed() < 1.05


def test_control_half_the_noise_is_measured_as_half():
    def half(sigma_squared, count):
        return discrete_gaussian(sigma_squared // 4, count)

    assert 0.45 < measured_over_claimed(half) < 0.55
