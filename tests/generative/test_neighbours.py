"""Whatever is computed, one person more or less moves the bounded sum by at most the clip, in whole numbers."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privacy.computation import Ask
from privacy.private_sum import PrivateSum
from privacy.programme import programme
from tests.builders import FINDER, NOW, batch_of, without
from tests.rehearsal import no_noise
from tests.tabled import every_computation

STUDY = every_computation()
PLAN = programme(STUDY, FINDER)
PLACES = {(p.step, p.sum): p for p in PLAN.places[1:]}
assert {step.use for step in STUDY.steps} == set(FINDER.names()), "a new computation belongs into that study"
assert NOW

NAMES = [variable.name for variable in STUDY.variables if variable.name != "admitted"]
EXTREME = [0.0, 1.0, 1.0 + 1e-16, -1.0, 0.5, 5e-324, 1e-9, 1e16, 1e17, -1e17, 1e154, 1e308, -1e308]
extremes = st.one_of(st.floats(0, 1), st.sampled_from([*EXTREME, np.nan, np.inf, -np.inf]))
weights = st.one_of(st.floats(-5, 5), st.sampled_from([*EXTREME, np.nan, np.inf]))


@st.composite
def batches(draw):
    """Draw up to a few dozen people with some rows each; whatever the contract would have stopped comes too."""
    rows = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6)) + [1] * draw(st.sampled_from([0, 0, 3, 25]))
    n = sum(rows)
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    values = {name: rng.random(n) for name in NAMES}
    if draw(st.booleans()):
        values["visits"] = values["age"].copy()
    for name in NAMES:
        for place in draw(st.lists(st.integers(0, n - 1), max_size=3)):
            values[name][place] = draw(extremes)
    return batch_of(rows, values | {"admitted": (rng.random(n) < 0.4) * 1.0})


def summed(place, ask, batch):
    """Return the noiseless sum of one batch in grid units, as Python's whole numbers."""
    step = STUDY.step(place.step)
    private = PrivateSum(place.mechanism)
    rows = FINDER.find(step.use).contributions(STUDY.parameters(step), ask, batch)
    private.add(rows, people=batch.people)
    return [int(n) for n in private.noised(no_noise).view(np.int64)]


@pytest.mark.parametrize("which", sorted(PLACES))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(batch=batches(), vector=st.lists(weights, min_size=3, max_size=3), gone=st.integers(0, 10**6))
def test_one_person_moves_the_sum_by_at_most_the_clip(which, batch, vector, gone):
    place = PLACES[which]
    ask = Ask(place.sum, {name: np.resize(np.array(vector, float), shape) for name, shape in place.state.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # infinities, on purpose
        moved = zip(summed(place, ask, batch), summed(place, ask, without(batch, gone % batch.people)), strict=True)
    assert sum((a - b) ** 2 for a, b in moved) <= place.mechanism.clip_units**2


def test_control_a_sum_that_is_not_bounded_is_moved_by_more():
    place = PLACES["risk", "gradient"]
    batch = batch_of([1, 1, 3], {"age": [0.5, 0.5, 40, 40, 40], "visits": [0.1] * 5, "admitted": [0.0] * 5})
    step, m = STUDY.step("risk"), place.mechanism
    ask = Ask(place.sum, {"weights": np.zeros(3)})

    def unbounded(people):
        rows = FINDER.find(step.use).contributions(STUDY.parameters(step), ask, people)
        return np.rint(rows / m.clip * m.clip_units).astype(np.int64).sum(axis=0)

    moved = unbounded(batch) - unbounded(without(batch, 2))
    assert sum(int(n) ** 2 for n in moved) > m.clip_units**2
    bounded = np.array(summed(place, ask, batch)) - np.array(summed(place, ask, without(batch, 2)))
    assert sum(int(n) ** 2 for n in bounded) <= m.clip_units**2
