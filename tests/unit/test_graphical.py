"""The model of noisy margins: its sums against writing the whole table down, what it draws, what it never draws."""

import itertools
import math

import numpy as np
import pytest

from privacy.errors import Invalid, Refusal
from synthetic.fitted.descent import least
from synthetic.fitted.graphical import Allowed, Conditional, fitted, strongest
from synthetic.fitted.junction import NEVER, JunctionTree, eliminated
from synthetic.fitted.measured import Measured, Workload, cliques_of, interaction, measured_by
from synthetic.fitted.mixture import Mixture, mixture, people_in

SHAPE = (3, 2, 4, 2, 3)


def people(n, *, seed=1):
    """Return rows of five columns: a chain, of which the third and fourth also go together."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 3, n)
    b = (rng.random(n) < 0.2 + 0.3 * a).astype(int)
    c = np.clip(a + b + rng.integers(0, 2, n), 0, 3)
    d = (rng.random(n) < 0.1 + 0.25 * c).astype(int)
    e = np.where(rng.random(n) < 0.7, d + rng.integers(0, 2, n), rng.integers(0, 3, n))
    return np.column_stack([a, b, c, d, e])


def margin(rows, clique, shape=SHAPE):
    size = [shape[i] for i in clique]
    cells = np.ravel_multi_index(tuple(rows[:, i] for i in clique), size)
    return np.bincount(cells, minlength=math.prod(size)).reshape(size).astype(float)


def margins_of(rows, *, sd, seed=2, shape=SHAPE):
    """Return what a sum of all singles and pairs says with noise of this deviation."""
    workload, rng = Workload(shape, cliques_of(len(shape), 2)), np.random.default_rng(seed)
    parts = [margin(rows, clique, shape) for clique in workload.cliques]
    told = [part if part.ndim == 1 else interaction(part) for part in parts]
    exact = np.concatenate([each.ravel() * w for each, w in zip(told, workload.weights, strict=True)])
    columns = {f"c{i}": tuple(map(str, range(keys))) for i, keys in enumerate(shape)}
    return measured_by(columns, shape, workload, exact + rng.normal(0, sd, workload.width), sd)


def far(rows, others, ways, shape=SHAPE):
    """Return the mean total variation of all margins of so many columns."""
    found = []
    for clique in itertools.combinations(range(len(shape)), ways):
        one, other = margin(rows, clique, shape), margin(others, clique, shape)
        found.append(np.abs(one / one.sum() - other / other.sum()).sum() / 2)
    return np.mean(found)


@pytest.mark.parametrize(
    "edges",
    [[], [(0, 1), (1, 2), (2, 3)], [(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (2, 4)], [(0, 1), (1, 2), (2, 3), (0, 3)]],
)
def test_sums_by_cliques_are_those_of_the_whole_table(edges):
    rng, elimination = np.random.default_rng(3), eliminated(SHAPE, edges, [range(5)])
    tree = JunctionTree(SHAPE, elimination.cliques)
    potentials = [rng.normal(size=[SHAPE[i] for i in clique]) for clique in tree.cliques]
    whole = np.zeros(SHAPE)
    for clique, table in zip(tree.cliques, potentials, strict=True):
        whole = whole + table.reshape([SHAPE[i] if i in clique else 1 for i in range(5)])
    total, found = tree.calibrated(potentials)
    assert total == pytest.approx(np.log(np.exp(whole).sum()))
    for clique, table in zip(tree.cliques, found, strict=True):
        others = tuple(i for i in range(5) if i not in clique)
        np.testing.assert_allclose(table, np.exp(whole - total).sum(axis=others), atol=1e-12)


def test_what_cannot_be_has_no_probability_at_all():
    tree = JunctionTree((2, 2), ((0, 1),))
    _, (table,) = tree.calibrated([np.array([[0.0, NEVER], [1.0, 2.0]])])
    assert table[0, 1] == 0
    assert table.sum() == pytest.approx(1)


def test_stages_are_drawn_in_their_order_and_each_column_from_those_before():
    elimination = eliminated(SHAPE, [(0, 4), (1, 4), (2, 3), (0, 2)], [[4], [2, 3], [0, 1]])
    drawn = [column for column, _ in reversed(elimination.order)]
    assert drawn[0] == 4
    assert set(drawn[1:3]) == {2, 3}
    for place, (column, given) in enumerate(reversed(elimination.order)):
        assert set(given) <= set(drawn[:place]), column


def test_descent_finds_the_least_of_a_known_valley():
    def valley(x):
        value = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2  # Rosenbrock 1960, least at (1, 1)
        slope = [-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)]
        return value, np.array(slope)

    np.testing.assert_allclose(least(valley, np.array([-1.2, 1.0]), steps=200), [1, 1], atol=1e-4)


def test_the_mixture_s_gradient_is_its_slope():
    from synthetic.fitted import mixture as of

    problem = of._Problem.from_measured(margins_of(people(500), sd=5.0))
    rng = np.random.default_rng(4)
    width = sum(SHAPE)
    x = rng.normal(0, 0.3, of.KINDS + of.KINDS * width + width)
    value, gradient = problem.loss(x)
    for i in rng.choice(len(x), 12, replace=False):
        step = np.zeros(len(x))
        step[i] = 1e-6
        slope = (problem.loss(x + step)[0] - problem.loss(x - step)[0]) / 2e-6
        assert slope == pytest.approx(gradient[i], rel=1e-4, abs=1e-4), value


def test_without_noise_the_pairs_drawn_are_those_measured_up_to_chance():
    """40,000 rows of some 12 cells a pair: a mean distance of 0.006 is chance, and 0.015 never seen in 10^6 draws."""
    rows = people(40_000)
    drawn = fitted(margins_of(rows, sd=0.5)).draw(40_000, np.random.default_rng(5))
    assert far(rows, drawn, 2) < 0.015
    assert far(rows, drawn, 3) < 0.03


def test_with_noise_it_is_nearer_than_independence_and_than_the_noisy_pairs():
    rows, rng = people(3000), np.random.default_rng(6)
    measured = margins_of(rows, sd=25.0)
    drawn = fitted(measured).draw(20_000, rng)
    apart = np.column_stack([rng.permutation(rows[:, i]) for i in range(5)])
    assert far(rows, drawn, 3) < 0.6 * far(rows, apart, 3)
    pairs = [(c, counts) for c, counts in zip(measured.cliques, measured.counts, strict=True) if len(c) == 2]
    raw = np.mean(
        [np.abs(np.maximum(y, 0) / np.maximum(y, 0).sum() - margin(rows, c) / len(rows)).sum() / 2 for c, y in pairs]
    )
    assert far(rows, drawn, 2) < raw


def test_the_strongest_pairs_are_those_that_were_made_so():
    kinds = mixture(margins_of(people(20_000), sd=1.0))
    assert isinstance(kinds, Mixture)
    assert {(0, 2), (2, 3)} <= set(strongest(kinds)[:5])
    assert strongest(kinds)[-1] in {(0, 4), (1, 4)}


def test_the_same_margins_give_the_same_model_and_the_same_seed_the_same_rows():
    measured = margins_of(people(2000), sd=10.0)
    one, other = (fitted(measured).draw(500, np.random.default_rng(7)) for _ in range(2))
    assert one.tobytes() == other.tobytes()


def test_no_row_is_ever_drawn_that_is_not_allowed():
    cells = np.ones((3, 4), bool)
    cells[0, 2:] = cells[2, 0] = False
    three = np.ones((2, 2, 3), bool)
    three[1, 0, 1] = False
    model = fitted(margins_of(people(2000), sd=40.0), allowed=[Allowed((0, 2), cells), Allowed((1, 3, 4), three)])
    drawn = model.draw(200_000, np.random.default_rng(8))
    assert cells[drawn[:, 0], drawn[:, 2]].all()
    assert three[drawn[:, 1], drawn[:, 3], drawn[:, 4]].all()
    free = fitted(margins_of(people(2000), sd=40.0)).draw(200_000, np.random.default_rng(8))
    assert not cells[free[:, 0], free[:, 2]].all()  # the control: what is not forbidden is drawn


def test_constraints_that_leave_nothing_are_a_contradiction():
    with pytest.raises(Invalid) as caught:
        fitted(margins_of(people(500), sd=5.0), allowed=[Allowed((0, 1), np.zeros((3, 2), bool))])
    assert caught.value.code == "fit-contradiction"


def test_constraints_that_join_too_much_are_refused():
    shape = (60, 60, 60)
    workload = Workload(shape, cliques_of(3, 1))
    columns = {f"c{i}": tuple(map(str, range(60))) for i in range(3)}
    measured = Measured(
        columns, shape, workload.cliques, tuple(np.full(60, 100.0) for _ in shape), (1.0,) * 3, (1.0,) * 3
    )
    everything = [Allowed(pair, np.ones((60, 60), bool)) for pair in ((0, 1), (1, 2), (0, 2))]
    with pytest.raises(Invalid) as caught:
        fitted(measured, allowed=everything)
    assert caught.value.code == "fit-too-large"


def test_noise_that_drowns_everything_is_refused():
    with pytest.raises(Refusal) as caught:
        fitted(margins_of(people(40), sd=400.0))
    assert caught.value.code == "fit-too-noisy"


def test_people_are_counted_from_all_margins():
    measured = margins_of(people(5000), sd=20.0)
    assert people_in(measured) == pytest.approx(5000, abs=150)


def test_given_columns_are_kept_and_what_cannot_follow_them_is_said():
    cells = np.ones((3, 2), bool)
    cells[1] = False  # with the second key of the first column nothing can go
    model = fitted(margins_of(people(2000), sd=5.0), allowed=[Allowed((0, 1), cells)], stages=[[0], [1, 2, 3, 4]])
    drawn = model.draw(3000, np.random.default_rng(9), {0: np.arange(3000) % 3})
    assert (drawn[1::3] == -1).all()
    assert (drawn[0::3, 0] == 0).all()
    assert (drawn[2::3, 0] == 2).all()


def test_rows_are_spread_as_evenly_as_so_many_can_be_and_each_is_drawn_by_the_model():
    table = np.array([[0.3, 0.0, 0.7], [0.5, 0.5, 0.0]])
    step, rng = Conditional(1, (0,), (2,), table), np.random.default_rng(10)
    rows = np.column_stack([np.arange(40) % 2, np.zeros(40, int)])
    drawn = np.array([step.draw(rows, rng) for _ in range(3000)])
    for place, wanted in enumerate(table):
        counts = np.array([np.bincount(each[place::2], minlength=3) for each in drawn])
        assert np.abs(counts - 20 * wanted).max() <= 1  # by chance it would be off by four as often as not
        assert np.bincount(drawn[:, place], minlength=3) / 3000 == pytest.approx(wanted, abs=0.05)  # 5 deviations
    together = np.mean(drawn[:, 0] == drawn[:, 2])  # two rows of twenty: drawn apart from each other, but for 1 in 19
    assert together == pytest.approx((0.3**2 + 0.7**2) - 0.42 / 19, abs=0.05)


def test_a_ladder_never_draws_a_rung_of_no_height():
    table = np.array([[0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0]] * 20_000)
    step = Conditional(1, (0,), (40_000,), table)
    rows = np.column_stack([np.repeat(np.arange(40_000), 5), np.zeros(200_000, int)])

    class Edge:
        """Draws what is hardest: just below one, and nothing at all."""

        def random(self, n):
            return np.where(np.arange(n) % 2, np.nextafter(1, 0), 0.0)

    for rng in (Edge(), np.random.default_rng(11)):
        assert (table[rows[:, 0], step.draw(rows, rng)] > 0).all()
