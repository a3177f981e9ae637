"""What one person can move is bounded in whole numbers, whatever the floats did; a person is bounded, never a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as np_arrays

from models.computations.linear_risk import COMPUTATION, GRADIENT
from models.variables import Table, batches
from privacy.computation import Ask
from privacy.errors import Invalid
from privacy.private_sum import PrivateSum, bound, total
from privacy.programme import Mechanism
from tests.builders import RISK, batch_of, small_study
from tests.rehearsal import no_noise

EXTREMES = [0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, 2.2e-308, 1e-200, 1e154, 1.4e154, 1e200, 1e308, 1.797e308, -1.797e308]
NOT_FINITE = [float("nan"), float("inf"), float("-inf")]
numbers = st.one_of(st.sampled_from(EXTREMES + NOT_FINITE), st.floats(), st.floats(-2, 2))
clips = st.sampled_from([1e-300, 1e-12, 0.1, 0.6, 1.0, 3.0, 1e12, 1e300])


def mechanism(width, clip=1.0, clip_units=64):
    return Mechanism(width, clip, clip_units, sigma_squared=10_000)


def squared_norms(units):
    """Return each row's squared norm in whole numbers of any size."""
    return [sum(int(n) ** 2 for n in row) for row in units]


def worst_excess(bounding, rows, m):
    """Return by how much the largest squared norm is over the bound."""
    return max(squared_norms(bounding(rows, m)), default=0) - m.clip_units**2


@given(
    rows=st.integers(1, 6).flatmap(
        lambda w: np_arrays(np.float64, st.tuples(st.integers(0, 4), st.just(w)), elements=numbers)
    ),
    clip=clips,
    clip_units=st.sampled_from([1, 3, 64, 2**17]),
)
def test_bound_holds_in_whole_numbers_whatever_the_floats(rows, clip, clip_units):
    m = mechanism(rows.shape[1], clip, clip_units)
    units = bound(rows, m)
    assert units.dtype == np.int64
    assert units.shape == rows.shape
    assert worst_excess(bound, rows, m) <= 0
    assert not units[~np.isfinite(rows).all(axis=1)].any()  # what is not a number counts as nothing


def test_a_number_that_dividing_by_the_clip_makes_infinite_counts_as_nothing():
    """This was once the smallest whole number, whose square is zero modulo 2^64: no bound at all."""
    assert bound(np.array([[1.7e308, 0.0]]), mechanism(2, clip=0.6)).tolist() == [[0, 0]]


def test_controls_bounds_that_do_not_hold_are_caught():
    def unclipped(rows, m):
        return np.rint(rows / m.clip * m.clip_units).astype(np.int64)

    def rounded_and_not_checked(rows, m):
        norm = np.linalg.norm(rows / m.clip, axis=1, keepdims=True)
        return np.rint(rows / m.clip / np.maximum(norm, 1) * m.clip_units).astype(np.int64)

    many = np.random.default_rng(1).normal(size=(200, 5))
    assert worst_excess(unclipped, many, mechanism(5)) > 0
    assert worst_excess(rounded_and_not_checked, many, mechanism(5)) > 0
    assert worst_excess(bound, many, mechanism(5)) <= 0


def test_a_contribution_within_the_clip_is_kept_to_half_a_unit():
    m = mechanism(4, clip=2.0, clip_units=256)
    rows = np.random.default_rng(2).uniform(-0.9, 0.9, (50, 4))
    assert np.abs(bound(rows, m) * m.unit - rows).max() <= m.unit / 2


def test_wide_contributions_keep_half_a_percent():
    rows = np.random.default_rng(3).normal(size=(20, 5000))
    m = mechanism(5000, clip_units=2**13)
    norms = np.sqrt(np.array(squared_norms(bound(rows, m)), float)) / m.clip_units
    assert norms.min() > 0.995
    assert norms.max() <= 1


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 4), (3, 3, 1)])
def test_another_shape_is_refused(shape):
    with pytest.raises(Invalid) as caught:
        bound(np.zeros(shape), mechanism(3))
    assert caught.value.code == "contribution-shape"


def test_layout_in_memory_does_not_change_a_bit():
    rows = np.random.default_rng(4).normal(size=(500, 33)) * 0.1
    m = mechanism(33, 0.6, 512)
    assert (bound(rows, m) == bound(np.asfortranarray(rows), m)).all()
    assert (bound(rows, m) == np.vstack([bound(row[None, :], m) for row in rows])).all()


def test_order_and_batches_do_not_change_the_sum():
    rng = np.random.default_rng(5)
    rows, m = rng.normal(size=(300, 7)), mechanism(7)
    sums = []
    for order, cuts in ((np.arange(300), [300]), (rng.permutation(300), [1, 99, 100, 300])):
        private = PrivateSum(m)
        for part in np.split(rows[order], cuts):
            private.add(part, people=len(part))
        sums.append(private.noised(no_noise).tolist())
    assert sums[0] == sums[1]


def test_the_sum_wraps_modulo_two_to_the_64():
    m = mechanism(2, clip_units=64)

    def at_the_edge(sigma_squared, count):
        return np.full(count, 2**63 - 1, np.int64)

    private = PrivateSum(m)
    private.add(np.array([[1.0, 0.0]]), people=1)
    wrapped = private.noised(at_the_edge)
    assert [int(n) for n in wrapped] == [2**63 - 1 + 64, 2**63 - 1]
    back = PrivateSum(m).noised(lambda _, count: np.full(count, -(2**63) + 1, np.int64))
    assert total([wrapped, back], m).values.tolist() == [1.0, 0.0]  # two shares that wrap still add up


def test_the_total_of_several_nodes_is_in_the_contributions_own_units():
    m = mechanism(1, clip=0.5, clip_units=64)
    shares = []
    for value in (0.25, -0.5, 0.125):
        private = PrivateSum(m)
        private.add(np.array([[value]]), people=1)
        shares.append(private.noised(no_noise))
    added = total(shares, m)
    assert added.values.tolist() == [-0.125]
    assert added.noise_sd == pytest.approx(m.noise_sd * 3**0.5)


# The person, never the row


def five_rows_of_one_person(outcome=1.0):
    n = 5
    return batch_of([n], {"age": np.ones(n), "visits": np.ones(n), "admitted": np.full(n, outcome)})


def test_rows_of_a_person_are_summed_before_clipping():
    batch = batch_of([5, 1], {"x": [9, 9, 9, 9, 9, 0.25]})
    m = mechanism(1)
    assert bound(batch.by_person(batch.matrix(["x"])), m).sum() == 64 + 16


def sum_through_the_learner(batch, clip, weights, by_row=False):
    """Return the norm of the noiseless gradient sum in clips; ``by_row`` plants the fault of clipping rows."""
    m = mechanism(3, clip, 256)
    ask = Ask(GRADIENT, {"weights": np.asarray(weights, float)})
    parameters = {**RISK, "clip": clip}
    if by_row:
        rows = [batch_of([1], {n: v[i : i + 1] for n, v in batch.variables.items()}) for i in range(len(batch.person))]
        parts = [COMPUTATION.contributions(parameters, ask, row) for row in rows]
    else:
        parts = [COMPUTATION.contributions(parameters, ask, batch)]
    private = PrivateSum(m)
    for part in parts:
        private.add(part, people=len(part))
    return float(np.linalg.norm(private.noised(no_noise).view(np.int64))) / m.clip_units


def test_five_rows_through_the_learner_move_the_sum_by_one_clip():
    batch = five_rows_of_one_person(outcome=0.0)
    moved = sum_through_the_learner(batch, 0.05, [5.0, 5.0, 5.0])
    assert 0.95 < moved <= 1
    assert sum_through_the_learner(batch, 0.05, [5.0, 5.0, 5.0], by_row=True) > 4.5  # the control is caught


def test_five_rows_stay_together_whatever_the_batch_size():
    n = 5
    columns = {"age": np.full(n + 1, 50.0), "visits": np.full(n + 1, 3.0), "admissions": np.ones(n + 1)}
    table = Table(np.zeros(n + 1, np.int64), np.arange(n + 1), columns)
    (batch,) = batches(table, small_study().variables, rows=1)
    assert (batch.people, len(batch.person)) == (1, n)
    assert batch.weights.tolist() == [0.2] * n
