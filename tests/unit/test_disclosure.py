"""Small groups are withheld, also from those who take sums and differences; each reason has a code of its own."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.settings import ProfileName
from privacy.disclosure import PROFILES, REASONS, Before, hidden, reasons, shown
from privacy.figures import Figures, Interval, counted
from privacy.working_out import worked_out

OPENSAFELY, HES, TRE = PROFILES["opensafely-like"], PROFILES["hes-like"], PROFILES["tre"]


def margins(table, sd=0.1):
    """Return every margin of a table, its total first."""
    table, found = np.asarray(table, float), []
    for size in range(table.ndim + 1):
        for kept in combinations(range(table.ndim), size):
            people = np.asarray(table.sum(axis=tuple(i for i in range(table.ndim) if i not in kept)))
            keys = tuple(tuple(map(str, range(table.shape[i]))) for i in kept)
            found.append(Figures(tuple("abc"[i] for i in kept), keys, counted(people, sd, 0.95), sd, {}))
    return found


def codes_of(table, profile, before=None):
    return {by: codes.tolist() for by, codes in reasons(margins(table), profile, before).items()}


def test_the_settings_know_just_these_profiles():
    assert set(ProfileName.__args__) == set(PROFILES)
    assert set(REASONS) == {"", "zero", "suppressed", "refused", "invalid"}


@pytest.mark.parametrize(
    ("profile", "counts", "expected"),
    [
        (HES, [0, 1, 7, 8], ["zero", "suppressed", "suppressed", ""]),
        (HES, [0.4, 0.6, 7.4, 7.6], ["zero", "suppressed", "suppressed", ""]),
        (OPENSAFELY, [0, 1, 7, 8], ["suppressed", "suppressed", "suppressed", ""]),
        (TRE, [0, 1, 9, 10], ["zero", "suppressed", "suppressed", ""]),
        (HES, [-0.3, np.nan, np.inf, -5.0], ["zero", "invalid", "invalid", "invalid"]),
    ],
)
def test_a_count_alone_is_judged_before_it_is_rounded(profile, counts, expected):
    histogram = Figures(("a",), (tuple("wxyz"),), counted(np.array(counts), 0.1, 0.95), 0.1, {})
    assert reasons([histogram], profile)["a",].tolist() == expected


def test_what_is_shown_is_rounded_and_its_interval_outwards():
    people = Interval(np.array([12.4, 998.0]), np.array([8.1, 981.0]), np.array([16.7, 1015.0]))
    figures = Figures(("a",), (("x", "y"),), people, 2.0, {})
    rows = shown(figures, np.array(["", "zero"]), HES)
    assert [(p.value, p.low, p.high, p.reason) for _, p, _ in rows] == [(10, 5, 20, ""), (0, 980, 1015, "zero")]
    (_, withheld, _), *_ = shown(figures, np.array(["refused", ""]), HES)
    assert (withheld.value, withheld.low, withheld.high) == (None, None, None)


def test_means_are_withheld_with_their_people():
    mean = Interval(np.array([3.0, np.nan, 4.0]), np.array([2.0, 0.0, 3.0]), np.array([4.0, 20.0, 5.0]))
    figures = Figures(("a",), (("x", "y", "z"),), counted(np.array([90.0, 20.0, 3.0]), 1, 0.95), 1.0, {"m": mean})
    rows = shown(figures, np.array(["", "", "suppressed"]), HES)
    assert [(m["m"].value, m["m"].reason) for *_, m in rows] == [(3.0, ""), (None, "invalid"), (None, "suppressed")]


def test_one_withheld_figure_takes_another_with_it():
    """By hand: 3 is withheld; its row and its column need one more each, and these two need the fourth corner."""
    found = codes_of([[3, 40, 90], [50, 60, 70], [80, 99, 88]], HES)
    assert found["a", "b"] == [["suppressed", "suppressed", ""], ["suppressed", "suppressed", ""], ["", "", ""]]
    assert found["a",] == ["", "", ""]


def test_a_sum_that_is_withheld_is_not_told_by_its_parts():
    refused = {("a",): np.array([True, False])}
    found = codes_of([[30, 40], [50, 60]], HES, Before(refused=refused))
    assert found["a",] == ["refused", "suppressed"]
    assert np.sum(np.array(found["a", "b"]) == "suppressed") >= 2


def test_two_small_groups_are_not_told_by_their_sum():
    """1 and 2 in a row of 103: both withheld, 3 people together; so a third goes with them."""
    assert codes_of([1, 2, 60, 100], HES)["a",] == ["suppressed", "suppressed", "suppressed", ""]


def test_a_figure_that_readers_know_hides_nothing():
    known = {("a",): np.array([False, True, False]), (): np.array(False)}
    assert codes_of([3, 40, 90], HES)["a",] == ["suppressed", "suppressed", ""]
    assert codes_of([3, 40, 90], HES, Before(known=known))["a",] == ["suppressed", "", "suppressed"]


SHAPES = [(4,), (2, 2), (3, 4), (5, 6), (2, 3, 4), (3, 4, 5)]


def some_table(shape, seed):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.choice([0, 2, 6, 15, 60, 300], shape, p=[0.1, 0.1, 0.1, 0.2, 0.3, 0.2]))


def determined(table, found):
    """Return the withheld figures that the shown ones determine, by the null space of all equations: another way."""
    where = np.arange(table.size).reshape(table.shape)
    known, asked = [], []
    for by, codes in found.items():
        mask = hidden(codes)
        for at in np.ndindex(codes.shape):
            index = [slice(None)] * table.ndim
            for name, i in zip(by, at, strict=True):
                index["abc".index(name)] = i
            row = np.isin(np.arange(table.size), where[tuple(index)].ravel()) * 1.0
            (asked if mask[at] else known).append((by, at, row))
    if not known:
        return []
    _, values, vectors = np.linalg.svd(np.array([row for *_, row in known]))
    free = vectors[(values > 1e-8).sum() :]
    return [(by, at) for by, at, row in asked if np.abs(free @ row).max(initial=0) < 1e-7]


@settings(deadline=None, max_examples=120)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**32 - 1), profile=st.sampled_from(sorted(PROFILES)))
def test_no_sums_and_differences_tell_a_withheld_figure(shape, seed, profile):
    table = some_table(shape, seed)
    found = reasons(margins(table), PROFILES[profile])
    assert determined(table, found) == []
    for by, codes in found.items():
        people = table.sum(axis=tuple(i for i in range(len(shape)) if "abc"[i] not in by))
        assert not ((people > 0) & (people <= PROFILES[profile].largest_withheld) & (codes == "")).any()


def test_control_withholding_small_groups_alone_tells_them():
    told = 0
    for seed in range(20):
        table = some_table((3, 4), seed)
        alone = {each.by: np.where(each.people.value <= 7, "suppressed", "") for each in margins(table)}
        assert sorted(determined(table, alone)) == sorted(worked_out({by: hidden(c) for by, c in alone.items()}))
        told += bool(determined(table, alone))
    assert told > 10


def test_the_same_figures_give_the_same_codes():
    table = some_table((3, 4, 5), 5)
    first, again = (reasons(margins(table), HES) for _ in range(2))
    assert all((first[by] == again[by]).all() for by in first)
